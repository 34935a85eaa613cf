from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.errors import ConfigError
from scenarios.load.from_options import script_settings_of
from scenarios.options import DEFAULTS, OPTIONS, settings_from
from scenarios.session.scripts import SCENARIOS, script_settings

ROOT = Path(__file__).parents[2]


def test_defaults_are_a_valid_run() -> None:
    settings = settings_from({})
    assert settings.scenario == {"steady": 6, "churn": 2, "idle": 1, "agent": 1}
    assert settings.delay_ms == (0.0,)
    assert not settings.needs_relay


def test_compression_goes_with_clients_that_have_it() -> None:
    assert settings_from({"compression": True, "client": "websockets-gevent,websockets-asyncio"}).compression
    with pytest.raises(ConfigError, match="--client websocket-client do not go together"):
        settings_from({"compression": True, "client": "websockets-gevent,websocket-client"})


def test_a_second_traceparent_header_is_refused() -> None:
    assert settings_from({"traceparent": True, "header": ["X-Run: 7"]}).traceparent
    with pytest.raises(ConfigError, match="--traceparent and --header 'traceparent' do not go together"):
        settings_from({"traceparent": True, "header": ["Traceparent: 00-1-2-01"]})


def test_values_as_the_web_form_sends_them_are_understood() -> None:
    settings = settings_from({"probes": "false", "delay_ms": "160, 0,80", "seed": "7", "arrival": "poisson:2.5"})
    assert (settings.probes, settings.delay_ms, settings.seed) == (False, (0.0, 80.0, 160.0), 7)
    assert (settings.arrival, settings.arrival_rate) == ("poisson", 2.5)
    assert settings.needs_relay


@pytest.mark.parametrize(
    ("given", "path"), [("/healthz?full=1", "/healthz?full=1"), ("/\u00fc b", "/%C3%BC%20b"), ("off", ""), ("", "")]
)
def test_the_health_page_may_be_elsewhere_or_nowhere(given: str, path: str) -> None:
    assert settings_from({"health_path": given}).health_path == path


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("exchange_budget_s", "-1", "--exchange-budget-s is '-1'"),
        ("exchange_budget_s", "soon", "a number above 0"),
        ("exchange_budget_s", "inf", "a number above 0"),
        ("session_s", "-1", "--session-s is '-1'"),
        ("dns_ttl_s", "-1", "--dns-ttl-s is '-1', but it must be a number 0 or more"),
        ("health_path", "health", "--health-path is 'health', but it must be a path that begins with '/'"),
        ("health_path", "/a#b", "such as /health, or 'off'"),
        ("session_s", "long", "--session-s is 'long'"),
        ("seed", "1.5", "a whole number"),
        ("scenario", "stedy", "did you mean 'steady'"),
        ("scenario", "", "at least one name"),
        ("scenario", "steady=0", "above 0 after each '='"),
        ("scenario", "steady,steady=2", "each name once"),
        ("client", "websocket_client", "did you mean 'websocket-client'"),
        ("client", "websocket-client,websocket-client", "each arm once"),
        ("delay_ms", "0,-5", "--delay-ms"),
        ("delay_ms", "80,80", "each arm once"),
        ("relay_jitter_ms", "-1", "0 or more"),
        ("relay_jitter_ms", "5", "it acts on delayed arms only: give --delay-ms an arm above 0"),
        ("relay_stall_ratio", "1.5", "from 0 to 1"),
        ("relay_stall_ratio", "0.1", "it acts on delayed arms only"),
        ("relay_stall_ms", "0", "above 0, up to 60000"),
        ("relay_bandwidth_kbit", "0.5", "1 or more (0 = no limit)"),
        ("relay_bandwidth_kbit", "1000", "it acts on delayed arms only"),
        ("max_message_mb", "0", "from 0.001 to 1024"),
        ("compression", "yes please", "--compression"),
        ("compression", "true", "--client websockets-gevent,websockets-asyncio"),
        ("mitigation", "retries", "did you mean 'retry'"),
        ("arrival", "often", "'closed', 'constant:R' or 'poisson:R'"),
        ("arrival", "poisson:0", "--arrival is 'poisson:0', but it must be"),
        ("arrival", "poisson:soon", "--arrival is 'poisson:soon', but it must be"),
        ("arrival", "constant", "above 0, as in poisson:5"),
        ("operations", "ping=0", "--operations is 'ping=0', but it must be"),
        ("operations", "chat,ping=lots", "--operations is 'chat,ping=lots', but it must be"),
        ("operations", "=3", "--operations is '=3', but it must be"),
        ("operations", "ping, =3", "a name before each '='"),
        ("jwt_algorithm", "HS265", "did you mean 'HS256'"),
        ("token_source", "vault", "'mint', 'file:PATH'"),
        ("slo_success_ratio", "95", "from 0 to 1"),
        ("margin", "0", "between 0 and 1"),
        ("run_id", "../elsewhere", "--run-id"),
        ("prometheus_port", "0", "a port such as 9464"),
        ("prometheus_port", "65536", "a port such as 9464"),
        ("prometheus_port", "9464.5", "a port such as 9464"),
        ("prometheus_port", ":9464", "a port such as 9464"),
        ("prometheus_port", "::1:9464", "or HOST:PORT such as 0.0.0.0:9464 or [::]:9464"),
        ("probes", "maybe", "true or false"),
        ("shape", "ramp", "--shape"),
    ],
)
def test_a_wrong_value_is_refused_in_one_sentence_that_names_it(name: str, value: str, says: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        settings_from({name: value})
    sentence = str(refusal.value)
    assert says in sentence
    assert "\n" not in sentence


def test_every_scenario_can_be_asked_for() -> None:
    for name in SCENARIOS:
        assert settings_from({"scenario": name}).scenario == {name: 1}


def test_how_long_sessions_live_reaches_the_scenarios() -> None:
    for given_s in (0.0, 42.0):
        settings = settings_from({"session_s": given_s})
        assert script_settings(script_settings_of(settings)).session_s == given_s
    assert settings_from({}).session_s == 180.0


@pytest.mark.parametrize(
    ("given", "at"),
    [("", ""), ("9464", "127.0.0.1:9464"), ("0.0.0.0:80", "0.0.0.0:80"), ("[::]:80", "[::]:80"), ("h:080", "h:80")],
)
def test_metrics_are_for_this_machine_alone_unless_an_address_is_given(given: str, at: str) -> None:
    assert settings_from({"prometheus_port": given}).prometheus_port == at


def test_a_delayed_arm_may_jitter_stall_and_be_narrow() -> None:
    settings = settings_from(
        {
            "delay_ms": "0,80",
            "relay_jitter_ms": "40",
            "relay_stall_ratio": "0.01",
            "relay_stall_ms": "300",
            "relay_bandwidth_kbit": "2000",
        }
    )
    assert (settings.relay_jitter_ms, settings.relay_stall_ratio) == (40.0, 0.01)
    assert (settings.relay_stall_ms, settings.relay_bandwidth_kbit) == (300.0, 2000.0)


def test_jitter_beyond_the_smallest_delayed_arm_is_refused_because_it_would_move_its_mean() -> None:
    with pytest.raises(ConfigError, match="--relay-jitter-ms is 41.0, but it must be at most 40,"):
        settings_from({"delay_ms": "0,80,320", "relay_jitter_ms": 41})


@given(st.sampled_from([o.name for o in OPTIONS]), st.one_of(st.text(), st.integers(), st.floats(), st.booleans()))
def test_any_value_is_either_accepted_or_refused_with_a_sentence(name: str, value: object) -> None:
    try:
        settings_from({name: value})
    except ConfigError as refusal:
        assert "--" + name.replace("_", "-") in str(refusal)


def test_no_default_is_none_because_the_web_form_would_make_it_text() -> None:
    assert None not in DEFAULTS.values()


def test_the_digest_changes_with_any_setting() -> None:
    assert settings_from({"seed": 1}).digest() != settings_from({"seed": 2}).digest()
