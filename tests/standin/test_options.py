"""The command line: every mistake is one sentence that names the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from standin.options import OptionError, read_options
from standin.settings import QUIRKS


def test_the_defaults_are_a_healthy_server() -> None:
    options = read_options([])
    settings = options.settings
    assert (options.host, options.port, options.tls, options.state_dir) == ("127.0.0.1", 0, False, Path(".standin"))
    assert settings.faults == () and settings.quirks == frozenset() and settings.instances == 1
    assert (options.log, options.truth, options.exit_with_stdin) == (None, None, False)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--fault", "slow"], "there is no fault 'slow'"),
        (["--fault", "slow_welcom"], "did you mean slow_welcome?"),
        (["--fault", "zombie:share=1.5"], "share=1.5 is outside 0..1"),
        (["--quirks", "bypass"], "did you mean e2e_bypass?"),
        (["--quirks", "xyz"], "there are: e2e_bypass"),
        (["--instances", "0"], "--instances 0 is outside 1..20"),
        (["--port", "70000"], "--port 70000 is outside 0..65535"),
        (["--port", "x"], "invalid int value"),
        (["--leeway-s", "-1"], "--leeway-s -1 must be a number of at least 0"),
        (["--welcome-floor-ms", "nan"], "--welcome-floor-ms nan must be a number"),
        (["--heartbeat-s", "0"], "--heartbeat-s must be above 0"),
        (["--log-max-mb", "-1"], "--log-max-mb -1 must be 0 (one file) or a number of megabytes"),
        (["--truht", "x"], "did you mean --truth?"),
        (["--seed"], "expected one argument"),
    ],
)
def test_a_mistake_is_a_sentence(arguments: list[str], sentence: str) -> None:
    with pytest.raises(OptionError) as refused:
        read_options(arguments)
    text = str(refused.value)
    assert sentence in text and "\n" not in text and text.endswith(".")


def test_quirks_are_all_or_some_and_bring_the_quota() -> None:
    everything = read_options(["--quirks"]).settings
    assert everything.quirks == frozenset(QUIRKS)
    assert [fault.name for fault in everything.faults] == ["quota"]
    assert read_options(["--quirks", "stats_500, zombie"]).settings.quirks == {"stats_500", "zombie"}
    assert read_options(["--quirks", "stats_500"]).settings.faults == ()


def test_a_quota_that_was_asked_for_is_not_doubled_by_the_quirk() -> None:
    (quota,) = read_options(["--quirks", "--fault", "quota:limit=5"]).settings.faults
    assert getattr(quota, "limit", None) == 5


def test_bad_instance_brings_its_instances() -> None:
    assert read_options(["--fault", "bad_instance:of=4"]).settings.instances == 4
    assert read_options(["--fault", "bad_instance:of=4", "--instances", "6"]).settings.instances == 6


def test_audiences_replace_the_default_ones() -> None:
    assert read_options(["--audience", "a", "--audience", "b"]).audiences == ("a", "b")
