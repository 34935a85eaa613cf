import pandas as pd
import pytest

from analysis.claims import registry
from analysis.model import CauseShare, Effect, Finding
from analysis.report import figures

MARGIN = 0.005


def said(figure: object) -> str:
    assert not figure.data  # type: ignore[attr-defined]
    return str(figure.layout.annotations[0].text).replace("<br>", " ")  # type: ignore[attr-defined]


def cells(**changes: str | int) -> pd.DataFrame:
    rows = [
        {
            "platform": platform,
            "host": f"{platform}-{host}",
            "delay_us": delay_us,
            "mitigation": "none",
            "residual": 4 if delay_us and platform == "Windows" else 1,
            "unanswered": 0,
            "acknowledged": 0,
            "on_way": 0,
            "n_clean": 200,
        }
        for platform in ("Windows", "Linux")
        for host in (1, 2)
        for delay_us in (0, 200_000)
    ]
    return pd.DataFrame(rows).assign(**changes)


def finding(state: str, estimate: float | None) -> Finding:
    effect = None if estimate is None else Effect(name="rate", estimate=estimate, low=estimate - 0.01, high=None)
    return Finding(state=state, effect=effect, needs="more")  # type: ignore[arg-type]


def test_every_claim_is_on_the_scale_and_the_margin_behind_it() -> None:
    claims = dict.fromkeys(registry.names(), finding("undecided", None)) | {
        "server": finding("confirmed", 0.03),
        "auth": finding("ruled_out", 0.0),
    }
    figure = figures.claims_on_one_scale(claims, margin=MARGIN)
    assert {trace.name: list(trace.y) for trace in figure.data} == {
        "confirmed": ["Server"],
        "ruled out": ["Authentication"],
    }
    assert (
        sum(annotation.text == "not estimated" for annotation in figure.layout.annotations) == len(registry.names()) - 2
    )
    assert (figure.layout.shapes[0].x0, figure.layout.shapes[0].x1) == (-0.5, 0.5)
    assert figure.layout.xaxis.range[0] < -0.5 < 3.0 < figure.layout.xaxis.range[1]
    assert len(figure.layout.yaxis.categoryarray) == len(registry.names())


def test_bound_that_does_not_exist_is_drawn_at_the_estimate() -> None:
    figure = figures.claims_on_one_scale({"server": finding("confirmed", 0.03)}, margin=MARGIN)
    bars = figure.data[0].error_x
    assert list(bars.array) == [0.0]
    assert list(bars.arrayminus) == pytest.approx([1.0])


def test_risk_by_delay_is_failures_per_clean_attempt() -> None:
    figure = figures.risk_by_delay(cells())
    found = {trace.name: list(trace.y) for trace in figure.data}
    assert found == {"Windows": pytest.approx([0.005, 0.02]), "Linux": pytest.approx([0.005, 0.005])}
    assert list(figure.data[0].x) == [0.0, 200.0]


def test_other_mitigations_are_left_out() -> None:
    other = cells(mitigation="retry", residual=100)
    both = pd.concat([cells(), other])
    assert figures.risk_by_delay(both).to_json() == figures.risk_by_delay(cells()).to_json()
    assert figures.host_estimates(both).to_json() == figures.host_estimates(cells()).to_json()


def test_a_dot_a_host() -> None:
    figure = figures.host_estimates(cells())
    assert sum(len(trace.x) for trace in figure.data) == 4
    assert len(figure.layout.shapes) == 2


def test_a_dot_an_instance_and_kind() -> None:
    instances = pd.DataFrame(
        {
            "server_instance": ["one", "one", "two", "two"],
            "kind": ["connect", "connect", "connect", "exchange"],
            "n": [50, 50, 100, 10],
            "bad": [20, 10, 0, 1],
        }
    )
    figure = figures.risk_by_instance(instances)
    found = {trace.name: dict(zip(trace.y, trace.x, strict=True)) for trace in figure.data}
    assert found == {"connect": {"one": 0.3, "two": 0.0}, "exchange": {"two": 0.1}}
    assert "named no instance" in said(figures.risk_by_instance(instances.iloc[:0]))


def test_overlap_is_a_share_of_each_platform() -> None:
    rtt = pd.DataFrame({"platform": ["Windows", "Windows", "Linux"], "bin": [100, 101, 100], "n": [30, 10, 5]})
    figure = figures.latency_overlap(rtt)
    assert [sum(trace.y) for trace in figure.data] == pytest.approx([1.0, 1.0])


def test_shares_of_causes_keep_their_intervals() -> None:
    causes = (
        CauseShare(name="server", share=0.8, low=0.7, high=0.9),
        CauseShare(name="unexplained", share=0.2, low=None, high=None),
    )
    figure = figures.cause_shares(causes)
    assert list(figure.data[0].x) == [0.8, 0.2]
    assert list(figure.data[0].error_x.array) == pytest.approx([0.1, 0.0])


def test_nothing_to_draw_says_what_is_missing() -> None:
    assert "could be estimated" in said(
        figures.claims_on_one_scale({"server": finding("undecided", None)}, margin=MARGIN)
    )
    assert "Only one delay" in said(figures.risk_by_delay(cells(delay_us=0)))
    assert "no attempts" in said(figures.risk_by_delay(cells().iloc[:0]))
    assert "no attempts" in said(figures.host_estimates(cells(n_clean=0)))
    assert "not measured" in said(figures.latency_overlap(pd.DataFrame(columns=["platform", "bin", "n"])))
    assert "No attempt failed" in said(figures.cause_shares(()))


def test_peer_checks_divide_the_silent_timeouts_by_what_was_answered() -> None:
    rows = cells(client="websocket-client", checked=4, unanswered=2, late=1)
    figure = figures.peer_checks(rows)
    assert {trace.name: list(trace.x) for trace in figure.data} == {
        "the server had it and kept silent": [8, 8],
        "the answer was on its way": [4, 4],
        "only its kernel acknowledged": [0, 0],
        "no pong, or one that was held up": [4, 4],
    }
    assert list(figure.data[0].y) == ["Linux · websocket-client", "Windows · websocket-client"]


def test_where_nobody_was_asked_the_figure_says_so() -> None:
    assert "No peer was asked" in said(figures.peer_checks(cells(client="c", checked=0, unanswered=0, late=0)))


def test_silence_that_somebody_was_spared_stays_among_what_is_compared() -> None:
    rows = cells(unanswered=1)
    proven, disputed = (figures.host_estimates(rows, spared=spared) for spared in ("", "the client x was spared"))
    assert sum(disputed.data[0].x) > sum(proven.data[0].x)


def test_what_the_way_lost_is_compared_only_where_somebody_was_spared_it() -> None:
    rows = cells(on_way=1)
    proven, disputed = (figures.host_estimates(rows, spared_way=spared) for spared in ("", "the client x was spared"))
    assert sum(disputed.data[0].x) > sum(proven.data[0].x)
