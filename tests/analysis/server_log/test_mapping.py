from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.server_log.lines import LogError
from analysis.server_log.mapping import read_format, shipped
from tests.typed import known

FORMATS = {form.name: form for form in shipped()}
# Lines of nginx 1.22, haproxy 2.6 and uvicorn behind gunicorn, as they wrote them.
NGINX = (
    '127.0.0.1:50514 - - [1795999678.432] "GET /ws?token=abc HTTP/1.1" 101 1374 60.061 "-" "Python/3.11 websockets/15"'
)
COMBINED = '127.0.0.1 - - [30/Nov/2026:00:47:58 +0000] "GET /ws HTTP/1.1" 101 1374 "-" "-"'
HAPROXY = (
    "<134>Nov 30 00:48:58 haproxy[4711]: 127.0.0.1:50514 [30/Nov/2026:00:47:58.432] front back/s1 "
    '0/0/0/2/60063 101 1503 - - CD-- 1/1/0/0/0 0/0 "GET /ws HTTP/1.1"'
)
UVICORN = '[2026-11-30 00:47:58 +0000] [4711] [INFO] 127.0.0.1:50514 - "WebSocket /ws" [accepted]'


def test_nginx_tells_the_beginning_of_a_session_at_its_end() -> None:
    accepted, closed = known(FORMATS["nginx"].events_of(NGINX))
    assert (accepted.stage, accepted.port, accepted.status) == ("accepted", 50514, 101)
    assert accepted.at_s == pytest.approx(1795999678.432 - 60.061)
    assert (closed.stage, closed.at_s, closed.lasted_s) == ("closed", 1795999678.432, 60.061)


def test_nginxs_default_format_has_no_key() -> None:
    accepted, _ = known(FORMATS["nginx"].events_of(COMBINED))
    assert (accepted.port, accepted.at_s) == (None, 1795999678.0)


@pytest.mark.parametrize(
    ("status", "last"), [("101", "closed"), ("499", "closed"), ("502", "refused"), ("403", "refused")]
)
def test_a_status_tells_a_refusal_from_a_client_that_left(status: str, last: str) -> None:
    accepted, ended = known(FORMATS["nginx"].events_of(NGINX.replace(" 101 ", f" {status} ")))
    assert (accepted.stage, ended.stage) == ("accepted", last)


@pytest.mark.parametrize("status", ["200", "204", "304"])
def test_a_request_that_was_no_websocket_says_nothing_of_one(status: str) -> None:
    assert known(FORMATS["nginx"].events_of(NGINX.replace(" 101 ", f" {status} "))) == []
    assert known(FORMATS["haproxy"].events_of(HAPROXY.replace(" 101 ", f" {status} "))) == []


def test_haproxy_tells_when_it_accepted_and_how_long_it_lasted() -> None:
    accepted, closed = known(FORMATS["haproxy"].events_of(HAPROXY))
    assert (accepted.at_s, accepted.port, accepted.instance) == (1795999678.432, 50514, "back/s1")
    assert closed.at_s == pytest.approx(1795999678.432 + 60.063)
    raw = HAPROXY[HAPROXY.index("127.0.0.1") :]
    assert known(FORMATS["haproxy"].events_of(raw)) == [accepted, closed]
    left = known(FORMATS["haproxy"].events_of(HAPROXY.replace(" 101 ", " -1 ")))
    assert [event.stage for event in left] == ["accepted", "closed"]


def test_uvicorns_lines_are_read_where_they_have_a_time() -> None:
    (accepted,) = known(FORMATS["uvicorn"].events_of(UVICORN))
    assert (accepted.stage, accepted.at_s, accepted.port) == ("accepted", 1795999678.0, 50514)
    (refused,) = known(FORMATS["uvicorn"].events_of(UVICORN.replace("[accepted]", "403")))
    assert (refused.stage, refused.status) == ("refused", 403)
    (timed,) = known(
        FORMATS["uvicorn"].events_of('INFO:     2026-11-30 00:47:58,5 127.0.0.1:5 - "WebSocket /" [accepted]')
    )
    assert (timed.port, timed.at_s) == (5, 1795999678.5)
    assert FORMATS["uvicorn"].events_of('INFO:     127.0.0.1:50514 - "WebSocket /ws" [accepted]') is None


OWN = """
[[line]]
stage = "request"
pattern = '^(?P<at>\\S+)[ ]conn=(?P<connection>\\S+)[ ]user=(?P<subject>\\S+)[ ]in[ ](?P<operation>\\w+)'

[[line]]
stage = "reply"
pattern = '^(?P<at>\\S+)[ ]conn=(?P<connection>\\S+)[ ]user=(?P<subject>\\S+)[ ]out'
"""


def test_a_format_of_ones_own_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(OWN)
    mine = read_format(path)
    (event,) = known(mine.events_of("2026-11-30T00:47:58Z conn=c1 user=u-1 in ping"))
    assert (event.stage, event.connection, event.subject, event.operation) == ("request", "c1", "u-1", "ping")
    (reply,) = known(mine.events_of("2026-11-30T00:47:58Z conn=c1 user=u-1 out"))
    assert reply.stage == "reply"
    assert mine.events_of("nothing of it") is None
    assert mine.events_of("never conn=c1 user=u-1 out") is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[[line", "is no TOML file"),
        ("", r"has no \[\[line\]\]"),
        ("line = 1", r"has no \[\[line\]\]"),
        ("[[line]]\nstage = 'accept'\npattern = '(?P<at>x)'", "stage 'accept' is not known: use one of accepted, "),
        ("[[line]]\nstage = 'accepted'", "pattern is missing"),
        ("[[line]]\nstage = 'accepted'\npattern = '('", "pattern is no regular expression"),
        ("[[line]]\nstage = 'accepted'\npattern = 'x'", "group 'at', the time, is missing"),
        ("[[line]]\nstage = 'accepted'\npattern = '(?P<at>x)(?P<ip>y)'", "group 'ip' is not known"),
        ("[[line]]\nstage = 'access'\ntime_is = 'x'\npattern = '(?P<at>x)'", "time_is 'x' is not known"),
        ("[[line]]\nstages = 'accepted'", "'stages' is not known"),
    ],
)
def test_a_format_that_breaks_a_rule_is_one_sentence(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(content)
    with pytest.raises(LogError, match=said):
        read_format(path)


def test_a_format_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(LogError, match=r"mine.toml cannot be read \(No such file or directory\): name a TOML file"):
        read_format(tmp_path / "mine.toml")


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_no_line_is_too_long(name: str) -> None:
    for sign in ('"', "\\", " ", "[", ":", "1", "<script>"):
        FORMATS[name].events_of(NGINX[:60] + sign * 1_000_000)


@given(st.text(), st.sampled_from(sorted(FORMATS)))
def test_no_line_is_too_odd(line: str, name: str) -> None:
    FORMATS[name].events_of(line)
