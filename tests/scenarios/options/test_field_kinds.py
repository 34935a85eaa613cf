"""An option is one field: whatever is to be known of it, in every place, comes from there."""

from __future__ import annotations

import math
import subprocess
import sys
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.errors import ConfigError
from scenarios.options import DEFAULTS, OPTIONS, Option, Settings, options_of, settings_from
from scenarios.options.field_kinds import Bounds, Whose, flag, number, read_options, text
from scenarios.options.help import help_text, page
from scenarios.screens.web import refuse_locked_option

ROOT = Path(__file__).parents[3]
NUMERIC = [option for option in OPTIONS if option.bounds]


@dataclass(frozen=True, kw_only=True)
class More(Settings):
    """The options, and two that nothing else has ever heard of."""

    nap_s: float = number(7.5, "How long a user naps", "What users do", above=0, high=60)
    diary: str = text("", "Where users write it down", "A heading of its own", ui=False)


MORE = options_of(More)


def test_one_more_field_is_checked_by_its_own_bounds() -> None:
    assert read_options(More, {}).nap_s == 7.5
    assert read_options(More, {"nap_s": "60"}).nap_s == 60.0
    with pytest.raises(ConfigError, match=r"^--nap-s is '61', but it must be a number above 0, up to 60\.$"):
        read_options(More, {"nap_s": "61"})


def test_one_more_field_is_in_the_help_and_on_the_page_under_its_heading() -> None:
    assert [option.name for option in MORE if option not in OPTIONS] == ["nap_s", "diary"]
    users = help_text(MORE).partition("What users do:\n")[2].partition("\n\n")[0]
    assert "  --nap-s                     How long a user naps [7.5; a number above 0, up to\n" in users
    assert "A heading of its own:\n  --diary " in help_text(MORE)
    assert "| `--nap-s` | `7.5` | yes | How long a user naps |" in page(MORE).partition("## Arms")[0]
    assert "## A heading of its own\n" in page(MORE)


def test_one_more_field_is_free_or_locked_in_the_web_form_as_it_says() -> None:
    assert refuse_locked_option({"nap_s": "3"}, MORE) is None
    sentence = refuse_locked_option({"diary": "/etc/passwd"}, MORE)
    assert sentence == "--diary can only be set on the command line, not in the web form."


# Importing Locust would patch this process.
PARSER = f"""
from locust.argument_parser import get_empty_argument_parser
import importlib.util, sys
spec = importlib.util.spec_from_file_location("fields", {__file__!r})
fields = importlib.util.module_from_spec(spec)
sys.modules["fields"] = fields
spec.loader.exec_module(fields)
from scenarios.control.hooks import add_arguments
parser = get_empty_argument_parser(default_config_files=[])
add_arguments(parser, fields.MORE)
found = parser.parse_args(sys.argv[1:])
print(repr(found.nap_s), found.probes, found.no_analysis, "nap_s" in parser.args_included_in_web_ui,
      "diary" in parser.args_included_in_web_ui)
print([a.dest for a in parser._actions if a.help and "python -m scenarios.options" in a.help])
"""


def parse(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PARSER, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_one_more_field_is_an_option_of_locusts_parser_and_the_form_says_where_the_help_is() -> None:
    given_9 = parse("--nap-s", "9", "--no-analysis")
    assert given_9.stdout.splitlines() == ["'9' true True True False", "['scenario']"], given_9.stderr


@pytest.mark.parametrize(
    ("arguments", "pointer"),
    [
        (("--naps-s", "9"), "python -m scenarios.options"),
        (("--nap-s",), "python -m scenarios.options nap-s"),
    ],
)
def test_what_locusts_parser_refuses_points_to_the_help_once(arguments: tuple[str, ...], pointer: str) -> None:
    refusal = parse(*arguments)
    assert refusal.returncode == 2
    assert f": {pointer}\n" in refusal.stderr
    assert refusal.stderr.count("python -m scenarios.options") == 1


def edges(bounds: Bounds) -> tuple[list[float], list[float]]:
    """The values just inside and just outside the bounds."""

    def beside(value: float, towards: float) -> float:
        return value + math.copysign(1, towards) if bounds.is_whole else math.nextafter(value, towards)

    inside: list[float] = []
    outside: list[float] = [math.inf, -math.inf, math.nan]
    if bounds.low is not None:
        inside.append(bounds.low)
        outside.append(beside(bounds.low, -math.inf))
    if bounds.above is not None:
        inside.append(beside(bounds.above, math.inf))
        outside.append(bounds.above)
    if bounds.high is not None:
        inside.append(bounds.high)
        outside.append(beside(bounds.high, math.inf))
    if bounds.below is not None:
        inside.append(beside(bounds.below, -math.inf))
        outside.append(bounds.below)
    if bounds.zero:
        inside.append(0.0)
    if bounds.is_whole:
        outside.append(inside[0] + 0.5)
    return inside, outside


@pytest.mark.parametrize("option", NUMERIC, ids=lambda option: option.name)
def test_a_numbers_bounds_hold_just_inside_and_refuse_just_outside(option: Option) -> None:
    assert option.bounds
    inside, outside = edges(option.bounds)
    assert inside
    for value in inside:
        # Of the widest delayed arm, so that options of the line may be set.
        for given_as in (value, repr(value)):
            settings = settings_from({"delay_ms": "60000", option.name: given_as})
            assert getattr(settings, option.name) == value
    for value in outside:
        with pytest.raises(ConfigError) as refusal:
            settings_from({option.name: value})
        assert str(refusal.value) == f"{option.flag} is {value!r}, but it must be {option.bounds.rule}."


@given(st.sampled_from(NUMERIC), st.integers(-100_000, 100_000) | st.floats())
def test_a_number_is_accepted_exactly_where_its_rule_says(option: Option, value: float) -> None:
    bounds = option.bounds
    assert bounds
    allowed = (
        math.isfinite(value)
        and (not bounds.is_whole or float(value).is_integer())
        and (bounds.low is None or not value < bounds.low or (bounds.zero != "" and value == 0))
        and (bounds.above is None or not value <= bounds.above)
        and (bounds.high is None or not value > bounds.high)
        and (bounds.below is None or not value >= bounds.below)
    )
    try:
        assert option.read(option.flag, value) == value
        accepted = True
    except ConfigError:
        accepted = False
    assert accepted == allowed


@pytest.mark.parametrize(
    ("bounds", "rule"),
    [
        (Bounds(low=0), "a number 0 or more"),
        (Bounds(above=0, is_whole=True), "a whole number above 0"),
        (Bounds(above=0, below=1), "a number between 0 and 1"),
        (Bounds(low=0, high=1), "a number from 0 to 1"),
        (Bounds(above=0, high=60_000, unit="milliseconds"), "a number of milliseconds, above 0, up to 60000"),
        (Bounds(low=1, unit="kbit/s", zero="no limit"), "a number of kbit/s, 1 or more (0 = no limit)"),
        (Bounds(below=0.5), "a number below 0.5"),
        (Bounds(), "a number"),
    ],
)
def test_a_rule_says_the_bounds(bounds: Bounds, rule: str) -> None:
    assert bounds.rule == rule


def test_every_field_holds_what_its_annotation_says() -> None:
    settings, hints = Settings(), typing.get_type_hints(Settings)
    for name, hint in hints.items():
        value = getattr(settings, name)
        if typing.get_origin(hint) is tuple:
            (kind, _) = typing.get_args(hint)
            assert type(value) is tuple and all(type(part) is kind for part in value), name
        elif typing.get_origin(hint) is Mapping:
            assert {type(k) for k in value} == {str} and {type(v) for v in value.values()} == {float}, name
        elif name == "arrival_rate":
            assert value is None and type(settings_from({"arrival": "poisson:2"}).arrival_rate) is float
        else:
            assert type(value) is hint, name
    assert settings == settings_from({})
    assert set(hints) - set(DEFAULTS) == {"arrival_rate"}, "a field that is no option"


def test_a_field_that_is_false_by_default_is_a_switch_and_others_take_text() -> None:
    arguments = {option.name: option.argument() for option in OPTIONS}
    assert arguments["use_proxy"]["action"] == "store_true" and arguments["use_proxy"]["default"] is False
    assert arguments["probes"]["type"] is str and arguments["probes"]["default"] == "true"
    assert arguments["pace_s"] == {
        "type": str,
        "default": "1.0",
        "help": "Time between the starts of a session's exchanges (0 = no think time)",
        "env_var": "SOAK_PACE_S",
        "include_in_web_ui": True,
    }


def test_a_switch_may_be_on_by_default() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Kind:
        on: bool = flag(True, "Whether", "Any")
        off: bool = flag(False, "Whether", "Any")

    assert read_options(Kind, {}) == Kind(on=True, off=False)
    assert read_options(Kind, {"on": "no", "off": "YES"}) == Kind(on=False, off=True)


def test_paths_and_keys_are_locked_in_the_form_and_a_workers_own() -> None:
    locked = {option.name for option in OPTIONS if not option.ui}
    assert {option.name for option in OPTIONS if option.whose is Whose.WORKER} == {
        "reports_dir",
        "outbox_gb",
        "site",
        "platform_label",
    }
    assert {option.name for option in OPTIONS if option.whose is Whose.WORKER_IF_GIVEN} == {
        "ca_file",
        "client_cert",
        "client_key",
        "header",
        "jwt_key_file",
        "token_client_id",
        "token_form",
        "token_source",
    }
    assert locked == {option.name for option in OPTIONS if option.whose is not Whose.CONTROLLER} | {
        *("protocol", "shape", "standin_tls", "run_id", "ui_hosts", "resume", "server_log", "server_log_format"),
        "baseline",
        "prometheus_port",
        # What belongs to the protocol.
        *("message_type_field", "message_id_field", "welcome_type", "opening"),
    }
