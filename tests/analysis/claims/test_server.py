"""The paths of the claim `server`, each by hand, and what it takes to rule the server out."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from analysis.claims.server_paths import ordinal_word, quota_words
from analysis.comparison.view import view_of
from analysis.model import Settings
from analysis.planning.sketch import FIRST_MINUTE
from analysis.reduction.reduce import reduce
from analysis.runs.engine import open_rows
from analysis.simulation import strikes
from analysis.simulation.sessions import is_within
from analysis.simulation.simulate import chunks
from analysis.simulation.worlds import World
from analysis.verdict.decide import decide
from tests.analysis.tables_by_hand import sketched, with_cells, with_sessions

SHORT = {
    "minutes": 2,
    "hosts": 1,
    "platforms": ("Linux",),
    "clients": ("websocket-client",),
    "delays_us": (0,),
    "attempts_a_minute": 1500.0,
}


def server(tables):
    return decide(tables, Settings()).claims["server"]


def answered(tables, share=0.05, seed=1, **only):
    """A share of the connects is refused by the server itself, evenly."""
    rng = np.random.default_rng(seed)
    inside = tables.cells["kind"] == "connect"
    for column, value in only.items():
        inside &= tables.cells[column] == value
    hit = np.where(inside, rng.binomial(tables.cells["n"], share), 0)
    cells = tables.cells.assign(explicit=hit, bad=np.maximum(hit, tables.cells["bad"]))
    slots = tables.slots
    return replace(tables, cells=cells, slots=slots)


def test_errors_that_the_server_itself_names_to_everybody_are_the_servers():
    finding = server(answered(sketched(1)))
    assert finding.state == "confirmed"
    assert "alike for all" in finding.evidence


def test_ninety_seconds_on_one_host_are_enough_for_the_servers_own_words():
    assert server(answered(sketched(1, **SHORT), 0.1)).state == "confirmed"


def test_answers_that_only_one_host_or_platform_sees_may_be_a_proxys():
    for spared in ({"host": "Linux-1"}, {"platform": "Linux"}):
        finding = server(answered(sketched(1), 0.2, **spared))
        assert finding.state == "undecided", spared


def outages(tables, starts, length=3, group="host", names=None):
    """Everybody (or the hosts named) fails in some slots."""
    slots = tables.slots
    rank = slots["slot"] - FIRST_MINUTE * 6
    hit = np.zeros(len(slots), dtype=bool)
    for start in starts:
        hit |= (rank >= start).to_numpy() & (rank < start + length).to_numpy()
    if names is not None:
        hit &= slots[group].isin(names).to_numpy()
    lost = np.where(hit, (0.8 * slots["n"]).astype(int), slots["bad"])
    lost = np.maximum(lost, slots["bad"])
    return replace(tables, slots=slots.assign(bad=lost, residual=lost))


def test_failures_in_the_same_moments_are_the_servers():
    finding = server(outages(sketched(1), (40, 90, 170, 250, 320)))
    assert finding.state == "confirmed"
    assert "same moments" in finding.evidence


def simulated(strike, *, windows=None, **given):
    """The small tables of a simulated run in which `strike` is what goes wrong."""
    world = World(name="x", title="x", strike=strike, windows=windows)
    design = world.design(seed=1, rows=30_000, hosts=4, **given)
    return reduce(open_rows(pa.concat_tables(chunks(world, design)).unify_dictionaries()))


def at_first_site(sessions):
    return sessions.scene.host_site[sessions.host] == 0


def outages_of_a_line(sessions):
    """Silence in some moments, for the hosts of the first site only."""
    windows, here = sessions.scene.windows, at_first_site(sessions)
    sessions.strike_connects(0.8 * (is_within(sessions.at_s, windows) & here), "silent")
    sessions.strike_exchanges(0.8 * (is_within(sessions.exchange_at_s, windows) & here[:, None]), "silent")


def refused_at_one_site(sessions):
    sessions.strike_connects(0.05 * at_first_site(sessions), "unavailable")


def closed_on_one_client(sessions):
    sessions.strike_exchanges(0.03 * (sessions.client == 2)[:, None], "server_closed")


def pinned_processes(sessions):
    """Each process keeps one instance, as its resolver does; it is one client that fails."""
    pinned = np.random.default_rng(100).integers(0, 3, (sessions.design.host_count, 3))
    sessions.instance = pinned[sessions.host, sessions.client]
    sessions.strike(0.03 * (sessions.client == 1), "silent")


def test_outages_of_one_sites_line_are_not_the_servers_though_all_platforms_fail_in_the_same_moments():
    bursts = strikes.bursts(10.0)
    finding = server(simulated(outages_of_a_line, windows=bursts))
    assert finding.state == "undecided"
    assert "the site site-b was nearly spared" in finding.evidence
    assert "two or more sites" in finding.needs
    everywhere = server(simulated(strikes.stalls, windows=bursts))
    assert everywhere.state == "confirmed"
    assert "at all sites" in everywhere.evidence


@pytest.mark.parametrize(
    ("strike", "words"), [(refused_at_one_site, "the site site-b"), (closed_on_one_client, "the client")]
)
def test_the_servers_own_words_that_one_site_or_one_client_gets_may_be_a_proxys(strike, words):
    finding = server(simulated(strike))
    assert finding.state == "undecided"
    assert f"but {words}" in finding.evidence
    assert "alike for all" not in finding.evidence


def test_an_instance_is_not_blamed_for_the_client_that_is_pinned_to_it():
    decision = decide(simulated(pinned_processes, instances=3), Settings())
    assert decision.claims["server"].state == "undecided"
    assert "instances could not be compared" in decision.claims["server"].evidence
    assert "session affinity" in decision.claims["server"].needs


def with_sites(tables, site):
    frames = {name: getattr(tables, name).assign(site=site) for name in ("cells", "slots", "sites")}
    return replace(tables, **frames)


@pytest.mark.parametrize("site", [None, "north"])
def test_moments_of_hosts_that_may_share_a_line_are_the_servers_unless_tcp_probes_fail_in_them_too(site):
    moments = (40, 90, 170, 250, 320)
    tables = with_sites(outages(sketched(1), moments), site)
    finding = server(tables)
    assert finding.state == "confirmed"
    assert "a line that they share would look the same" in finding.evidence
    clean = server(probes(tables))
    assert clean.state == "confirmed"
    assert "while bare TCP connects went well" in clean.evidence
    lost = probes(tables)
    slot = lost.probes["slot"] - FIRST_MINUTE * 6
    down = np.any([(slot >= start) & (slot < start + 3) for start in moments], axis=0)
    finding = server(replace(lost, probes=lost.probes.assign(bad=down.astype(int))))
    assert finding.state == "undecided"
    assert "bare TCP connects failed in these moments too" in finding.evidence
    assert "second site" in finding.needs


def test_outages_of_two_sites_at_different_times_are_those_of_two_lines():
    north = outages(sketched(1), (40, 170, 320), group="site", names=["north"])
    finding = server(outages(north, (90, 250, 300), group="site", names=["south"]))
    assert finding.state == "undecided"
    assert "all sites do is not sure" in finding.evidence


def test_bursts_of_one_platform_are_not():
    finding = server(outages(sketched(1), (40, 90, 170, 250, 320), group="platform", names=["Windows"]))
    assert finding.state != "confirmed"


def test_hosts_of_one_platform_are_compared_with_each_other():
    one = sketched(1, platforms=("Linux",), hosts=4)
    assert server(outages(one, (40, 90, 170, 250, 320))).state == "confirmed"
    assert server(outages(one, (40, 90, 170, 250, 320), names=["Linux-0"])).state != "confirmed"


def bad_instance(tables, share, seed=1):
    frame = tables.instances
    lost = np.where(
        frame["server_instance"] == "b", np.random.default_rng(seed).binomial(frame["n"], share), frame["bad"]
    )
    return replace(tables, instances=frame.assign(bad=np.maximum(lost, frame["bad"])))


@pytest.mark.parametrize("given", [{}, SHORT])
def test_an_instance_that_stands_out_is_the_servers_and_is_named(given):
    finding = server(bad_instance(sketched(1, **given), 0.2))
    assert finding.state == "confirmed"
    assert "Instance b" in finding.evidence


def test_equal_instances_confirm_nothing_in_ninety_seconds():
    confirmed = [server(sketched(seed, **SHORT, base_risk=0.05)).state == "confirmed" for seed in range(1, 13)]
    assert not any(confirmed)


CLIENTS = (
    ("websocket-client", "gevent-libuv", "gevent-libev"),
    ("websockets-asyncio", "asyncio-proactor", "asyncio-selector"),
)


def holds(limit_s, hosts=("Windows-0", "Linux-0"), met_by=lambda row: True):
    rng = np.random.default_rng(1)
    rows = []
    for _ in range(1500):
        host = hosts[rng.integers(len(hosts))]
        planned = rng.uniform(60, 900)
        row = {
            "host": host,
            "platform": host.split("-")[0],
            "chunk_minute": FIRST_MINUTE + int(rng.integers(60)),
            "parity": int(rng.integers(2)),
            "idle_bin": None,
            "silence_bin": None,
            "delay_us": float(rng.choice([0, 160_000, 320_000])),
            "n": 1,
        }
        library, *loops = CLIENTS[rng.integers(len(CLIENTS))]
        row |= {"client": library, "event_loop": loops[row["platform"] == "Linux"]}
        cut = limit_s is not None and planned > limit_s and met_by(row)
        how = {
            "by_peer": cut,
            "died": cut,
            "duration_bin": int((limit_s if cut else planned) / 0.5),
            "end_s": float(60 * FIRST_MINUTE + rng.integers(3600)) if cut else None,
            "cause": "server_closed" if cut else None,
            "close_code": 1000 if cut else None,
        }
        rows.append(row | how)
    return pd.DataFrame(rows)


def reached(frame):
    """Of each arm the sessions that the peer did not end."""
    spared = frame[~frame["by_peer"]].assign(of="age", bin=lambda rows: rows["duration_bin"])
    return spared.groupby(["client", "event_loop", "delay_us", "of", "bin"], as_index=False)[["n"]].sum()


def with_holds(tables, frame):
    return replace(tables, holds=frame, reached=reached(frame))


def test_a_cut_at_a_fixed_age_is_the_servers():
    finding = server(with_holds(sketched(1), holds(600.0)))
    assert finding.state == "confirmed"
    assert "of age" in finding.evidence
    assert server(with_holds(sketched(1), holds(None))).state != "confirmed"


def test_a_cut_that_only_one_of_several_hosts_sees_is_not():
    finding = server(with_holds(sketched(1), holds(600.0, hosts=("Windows-0",))))
    assert finding.parts["an age limit"].state != "confirmed"


ALL_HOSTS = tuple(f"{platform}-{number}" for platform in ("Windows", "Linux") for number in range(3))


@pytest.mark.parametrize(
    ("met_by", "who"),
    [
        (lambda row: row["platform"] == "Windows", "platform Windows"),
        (lambda row: row["host"] in ("Windows-0", "Windows-2", "Linux-1"), "site north"),
        (
            lambda row: row["client"] == "websockets-asyncio",
            "client websockets-asyncio/asyncio-proactor and websockets-asyncio/asyncio-selector",
        ),
        (lambda row: row["delay_us"] > 0, "delay 160 ms and 320 ms"),
    ],
    ids=["platform", "site", "client", "delay"],
)
def test_a_limit_that_a_side_is_spared_is_not_the_servers_and_says_who_met_it(met_by, who):
    finding = server(with_holds(sketched(1), holds(600.0, ALL_HOSTS, met_by)))
    assert finding.state == "undecided"
    assert f"only sessions of {who} met it" in finding.evidence
    assert "a proxy of the site" in finding.needs
    assert server(with_holds(sketched(1), holds(600.0, ALL_HOSTS))).state == "confirmed"


def test_a_limit_that_one_platform_met_while_hardly_any_session_of_the_other_reached_it_is_not_told():
    hosts = ("Windows-0", "Windows-1") * 40 + ("Linux-0",)
    frame = holds(600.0, hosts)
    early = (frame["platform"] == "Windows") | (frame["duration_bin"] < 1000)
    finding = server(with_holds(sketched(1), frame[early].reset_index(drop=True)))
    assert finding.parts["an age limit"].state != "confirmed"


def test_tokens_refused_long_before_their_expiry_are_the_servers_too():
    tables = sketched(1, base_risk=0.0)
    hit = np.where(tables.cells["kind"] == "connect", np.random.default_rng(1).binomial(tables.cells["n"], 0.05), 0)
    refused, n = int(hit.sum()), int(tables.cells.loc[tables.cells["kind"] == "connect", "n"].sum())
    cells = tables.cells.assign(auth=hit, auth_fresh=hit, bad=hit)

    def judged(sometimes):
        row = {"run_id": "sketched", "kind": "connect", "n": n, "fresh": refused, "sometimes": sometimes}
        return decide(replace(tables, cells=cells, fresh_refusals=pd.DataFrame([row])), Settings()).claims

    found = judged(refused)
    assert found["auth"].state == found["server"].state == "confirmed"
    always = judged(0)
    assert always["auth"].state == "confirmed"
    assert always["server"].state != "confirmed"
    stale = decide(replace(tables, cells=tables.cells.assign(auth=hit, bad=hit)), Settings()).claims
    assert stale["auth"].state == "confirmed"
    assert stale["server"].state != "confirmed"


def test_a_clean_cohort_all_the_time_rules_the_server_out():
    finding = server(sketched(5, suspect="platform", effect=0.03, base_risk=0.0005, minutes=120))
    assert finding.state == "ruled_out"
    assert "Linux" in finding.evidence


def test_a_constant_fault_that_hits_everybody_alike_cannot_be_told():
    tables = sketched(5, base_risk=0.03)
    finding = server(tables)
    assert finding.state == "undecided"
    # It is named already.
    assert "X-Server-Instance" not in finding.needs
    assert "he server's log" in finding.needs
    nameless = replace(tables, instances=tables.instances.iloc[:0])
    assert "X-Server-Instance" in server(nameless).needs


def probes(tables, bad=0):
    rows = [
        {"host": h, "platform": p, "site": s, "slot": FIRST_MINUTE * 6 + t, "operation": o, "n": 1, "bad": bad}
        for p, h, s in tables.sites[["platform", "host", "site"]].itertuples(index=False)
        for t in range(360)
        for o in ("tcp", "health")
    ]
    return replace(tables, probes=pd.DataFrame(rows))


def test_a_constant_fault_is_told_where_the_controls_are_clean_and_all_fail_alike():
    alike = sketched(5, base_risk=0.05, host_sd=0.05, minute_sd=0.1, attempts_a_minute=300.0)
    assert server(alike).state == "undecided"
    finding = server(probes(alike))
    assert finding.state == "confirmed"
    assert "controls clean" in str(list(finding.parts))
    assert server(probes(alike, bad=1)).state == "undecided"


def test_controls_that_are_clean_do_not_blame_the_server_for_one_platform():
    one = sketched(5, suspect="platform", effect=0.05, base_risk=0.0005, host_sd=0.05, attempts_a_minute=300.0)
    assert server(probes(one)).state != "confirmed"


def test_hosts_that_stick_to_an_instance_leave_the_server_open():
    tables = sketched(5, suspect="platform", effect=0.03, base_risk=0.0005, minutes=120)
    tied = tables.instances.assign(server_instance=np.where(tables.instances["platform"] == "Windows", "a", "b"))
    finding = server(replace(tables, instances=tied))
    assert finding.state == "undecided"
    assert "session affinity" in finding.needs


def test_a_type_that_nobody_answers_leaves_the_server_open():
    tables = sketched(1, base_risk=0.0)
    silent = tables.cells["operation"] == "chat"
    hit = np.where(silent, tables.cells["n"], 0)
    finding = server(with_cells(tables, bad=hit, residual=hit, timeouts=hit))
    assert finding.state == "undecided"
    assert "chat" in finding.evidence


def kept_silent(tables, share=0.05, asked=True, **only):
    """A share of the attempts runs out while the server answers pings, in the cells that `only` names."""
    cells = tables.cells
    inside = np.ones(len(cells), dtype=bool)
    for column, value in only.items():
        inside &= (cells[column] == value).to_numpy()
    hit = np.where(inside, np.random.default_rng(1).binomial(cells["n"] - cells["bad"], share), 0)
    more = {name: cells[name] + hit for name in ("bad", "timeouts", "residual")}
    silent = more["residual"]
    known = {"unanswered": hit, "checked": silent} if asked else {"unasked": silent}
    return with_cells(tables, **more, **known)


@pytest.mark.parametrize("given", [{}, SHORT])
def test_silence_behind_answered_pings_is_the_servers_even_if_it_is_constant_and_hits_all_alike(given):
    finding = server(kept_silent(sketched(1, **given)))
    assert finding.state == "confirmed"
    assert "it had them and kept silent" in finding.evidence


def test_the_same_silence_without_a_ping_cannot_be_told_and_needs_one():
    finding = server(kept_silent(sketched(1), asked=False))
    assert finding.state == "undecided"
    assert "--peer-check-s" in finding.needs


def test_silence_that_one_platform_has_of_the_server_is_not_the_platforms():
    """Proven to be the server's on each connection, it is no effect of anything that is compared."""
    claims = decide(kept_silent(sketched(1, base_risk=0.0005), 0.05), Settings()).claims
    assert "confirmed" not in (claims["client"].state, claims["platform_x_latency"].state)


@pytest.mark.parametrize(
    ("spared", "words"),
    [
        ({"client": "websocket-client"}, "the client"),
        ({"platform": "Windows"}, "the platform Linux"),
        ({"delay_us": 300_000}, "the delay 0 ms"),
        ({"site": "north"}, "the site south"),
        ({"host": "Linux-1"}, "only one host"),
    ],
)
def test_silence_that_spares_a_cohort_is_not_the_servers_and_stays_in_the_comparisons(spared, words):
    tables = kept_silent(sketched(1, delays_us=(0, 300_000)), 0.1, **spared)
    decision = decide(tables, Settings())
    finding = decision.claims["server"]
    assert finding.parts["silence while it answers pings"].state != "confirmed"
    assert words in decision.spared
    if "client" in spared:
        assert decision.claims["client"].state == "confirmed"


def test_a_type_that_nobody_answers_is_not_the_servers_for_its_pongs():
    tables = kept_silent(sketched(1, base_risk=0.0), 1.0, operation="chat")
    finding = server(tables)
    assert finding.state == "undecided"
    assert decide(tables, Settings()).claims["format"].state == "confirmed"


def connects_by_ordinal(refused_from, share=1.0):
    """Connects of users that connected up to thirty times in five minutes, refused from one of them on."""
    rows = [
        {
            "host": host,
            "platform": host.split("-")[0],
            "bin": FIRST_MINUTE // 5 + window,
            "ordinal": ordinal,
            "n": 10,
            "explicit": int(10 * share) if ordinal >= refused_from else 0,
        }
        for host in ("Windows-0", "Linux-0")
        for window in range(6)
        for ordinal in range(1, 31)
    ]
    return pd.DataFrame(rows)


def test_a_quota_is_named_with_the_connection_from_which_it_refuses():
    words = quota_words(view_of(replace(sketched(1), subjects=connects_by_ordinal(21)), Settings()))
    assert "from the 21st connection of a user within 5 minutes on (1200 of 1200 refused, before it 0 of 2400)" in words
    finding = server(replace(answered(sketched(1)), subjects=connects_by_ordinal(21)))
    assert "A quota: from the 21st connection" in finding.evidence


def test_later_connects_that_fail_no_more_often_are_not_spoken_of():
    subjects = connects_by_ordinal(1)
    for share in (0.1, 0.0):
        alike = subjects.assign(explicit=(subjects["n"] * share).astype(int))
        finding = server(replace(answered(sketched(1)), subjects=alike))
        assert "later connects" not in f"{finding.evidence} {finding.parts}"


@pytest.mark.parametrize(("refused_from", "share"), [(1, 1.0), (21, 0.3), (99, 1.0)])
def test_refusals_without_a_step_are_no_quota(refused_from, share):
    subjects = connects_by_ordinal(refused_from, share)
    assert quota_words(view_of(replace(sketched(1), subjects=subjects), Settings())) == ""


def test_ordinals_have_their_english_endings():
    assert [ordinal_word(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 22, 101, 111)] == [
        *("1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "101st", "111th")
    ]


def mute(tables, mute, silent_of_mute, silent=200, connections=40):
    where = {"host": "Linux-0", "platform": "Linux"}
    rows = [
        where | {"is_mute": is_mute, "operation": operation, "n": n}
        for is_mute, operation, n in (
            (True, "", mute),
            (False, "", connections - mute),
            (True, "ping", silent_of_mute),
            (False, "ping", silent - silent_of_mute),
        )
    ]
    return replace(tables, mute=pd.DataFrame(rows))


def test_sessions_that_are_mute_from_a_moment_on_are_named():
    finding = server(mute(kept_silent(sketched(1)), 36, 190))
    assert (
        "36 of 40 such connections were mute from a moment on, while pings were answered (190 of 200"
        in finding.evidence
    )
    assert "mute" not in server(mute(kept_silent(sketched(1)), 2, 10)).evidence


def told_no(tables, column="said_no", share=0.05, **only):
    """A share of the attempts of some is refused or reset; nobody waits in vain."""
    inside = np.ones(len(tables.cells), dtype=bool)
    for name, value in only.items():
        inside &= (tables.cells[name] == value).to_numpy()
    hit = np.where(inside, np.random.default_rng(1).binomial(tables.cells["n"], share), 0)
    return with_cells(tables, **{"residual": hit, "bad": hit, "timeouts": 0 * hit, column: hit})


@pytest.mark.parametrize("only", [{"platform": "Windows"}, {"client": "websockets-asyncio"}, {"delay_us": 320_000}])
def test_a_clean_cohort_clears_the_server_of_silence_and_not_of_refusals(only):
    tables = sketched(1, base_risk=0.0, attempts_a_minute=300.0)
    silent = server(told_no(tables, "timeouts", **only))
    assert silent.state == "ruled_out"
    refused = server(told_no(tables, **only))
    assert refused.state == "undecided"
    assert "Refused, reset or closed: Not surely below" in refused.evidence
    assert "who refused, reset or closed" in refused.needs
    assert {check.name: check.ok for check in refused.checks}["hardly anybody told no"] is False


def test_a_few_refusals_everywhere_leave_the_server_ruled_out():
    tables = sketched(1, base_risk=0.0, attempts_a_minute=300.0)
    assert server(told_no(tables, share=0.001)).state == "ruled_out"


def test_one_instance_of_many_that_answers_with_errors_is_not_ruled_out():
    tables = sketched(2, base_risk=0.0, attempts_a_minute=300.0)
    frame = tables.instances
    few = (frame["operation"] == "chat") & (frame["minute"] % 10 == 0) & (frame["server_instance"] == "a")
    new = frame.assign(server_instance=frame["server_instance"].where(~few, "instance-9"))
    hit = np.where(few, np.random.default_rng(1).binomial(new["n"], 0.04), 0)
    assert server(replace(tables, instances=new)).state == "ruled_out"
    for columns in (("explicit", "bad"), ("bad",), ("auth_fresh", "auth")):
        finding = server(replace(tables, instances=new.assign(**dict.fromkeys(columns, hit))))
        assert finding.state != "ruled_out", columns
        assert "instance-9" in finding.evidence


@pytest.mark.parametrize("everybody", [True, False])
def test_sessions_that_the_server_ends_are_its_own_only_where_nobody_is_spared(everybody):
    died = {"Windows": 200, "Linux": 200 if everybody else 0}
    tables = with_sessions(sketched(5, base_risk=0.0, minutes=60), died=died, cause="server_error")
    tables = replace(tables, sessions=tables.sessions.assign(explicit=tables.sessions["failed"]))
    finding = server(tables)
    assert finding.state == ("confirmed" if everybody else "undecided")
    assert everybody or "but the platform Linux was nearly spared" in finding.evidence


@pytest.mark.parametrize("factor, clears", [("scenario", False), ("cpu", True)])
def test_a_clean_side_that_the_target_can_tell_from_the_other_clears_it_for_itself_only(factor, clears):
    tables = sketched(5, suspect="platform", effect=0.03, base_risk=0.0005, minutes=120)
    mine = tables.factors.assign(factor=factor, level=tables.factors["platform"])
    finding = server(replace(tables, factors=pd.concat([tables.factors, mine], ignore_index=True)))
    assert finding.state == ("ruled_out" if clears else "undecided")
