"""Each world generates what it promises, and every row obeys the contract."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.claims import registry
from analysis.simulation import simulate
from analysis.simulation.design import ARMS, Design, DesignError
from analysis.simulation.rows import SCHEMA
from analysis.simulation.scene import is_within, random_windows
from analysis.simulation.simulate import main, simulate_rows, simulate_run
from analysis.simulation.worlds import WORLDS, world
from attempts.schema import COLUMNS, Attempt, check

WAITS = ["connect", "exchange"]
_FRAMES: dict[str, pd.DataFrame] = {}


def frame_of(name: str) -> pd.DataFrame:
    """The waits of a run of a world, of 40,000 rows at two points; drawn once."""
    if name not in _FRAMES:
        _FRAMES[name] = simulate_rows(name, rows=40_000, minutes=60, effect=0.02, seed=3).to_pandas()
    return _FRAMES[name]


def waits(name: str) -> pd.DataFrame:
    frame = frame_of(name)
    chosen = frame[frame["kind"].isin(WAITS) & (frame["outcome"] != "aborted")]
    return chosen.assign(bad=chosen["outcome"].isin(["timeout", "failed"]))


def rates(frame: pd.DataFrame, by: str) -> pd.Series:
    return frame.groupby(by, observed=True)["bad"].mean()


@pytest.mark.parametrize("name", WORLDS)
def test_every_row_obeys_the_contract(name: str) -> None:
    table = simulate_rows(name, rows=3_000, minutes=12, seed=2)
    assert table.schema.equals(SCHEMA)
    for column in COLUMNS:
        if not column.nullable:
            assert table[column.name].null_count == 0, column.name
    rows = table.to_pydict()
    names = [f for f in Attempt.__struct_fields__ if f != "facts"]
    for index in range(len(table)):
        values = {f: rows[f][index] for f in names}
        values |= {f: int(values[f].timestamp() * 1e6) for f in ("scheduled_at", "started_at")}
        check(Attempt(**values))


@pytest.mark.parametrize("name", WORLDS)
def test_every_worker_numbers_its_rows_without_gaps(name: str) -> None:
    frame = simulate_rows(name, rows=3_000, minutes=12, seed=2).to_pandas()
    for _, seq in frame.groupby("worker", observed=True)["seq"]:
        assert sorted(seq) == list(range(len(seq)))


@pytest.mark.parametrize("name", WORLDS)
def test_a_worlds_truth_speaks_of_claims_only_and_does_not_contradict_itself(name: str) -> None:
    truth = world(name).truth(world(name).design())
    assert set(truth.effects) <= set(registry.names())
    assert truth.confirm.isdisjoint(truth.must_not_confirm)
    assert truth.confirm <= truth.must_not_rule_out
    assert set(world(name).aims) <= set(registry.names())


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_without_an_effect_has_nothing_to_confirm(name: str) -> None:
    where = world(name)
    if name not in (
        "W12",
        "W13",
        "null",
        "no_delay",
        "whole_run_instances",
        "blackholes",
        "blackholes_of_platform",
        "forgetful_firewall",
        "forgetful_firewall_of_platform",
    ):  # these are all or nothing, or a matter of the base risk
        truth = where.truth(where.design(effect=0.0))
        assert truth.confirm == frozenset()


def test_the_same_seed_gives_the_same_rows_and_another_one_others() -> None:
    one, again, other = (simulate_rows("W4", rows=2_000, minutes=5, seed=seed) for seed in (1, 1, 2))
    assert one.equals(again)
    assert not one.equals(other)


def test_about_as_many_rows_are_drawn_as_were_asked_for() -> None:
    for rows in (1_000, 20_000):
        assert len(simulate_rows("healthy", rows=rows, minutes=30)) == pytest.approx(rows, rel=0.05)


def test_chunks_are_contiguous_in_time_and_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulate, "ROWS_PER_CHUNK", 800)
    where = world("W6")
    design = where.design(rows=4_000, minutes=20)
    chunks = list(simulate.chunks(where, design))
    assert len(chunks) >= 5
    firsts = [chunk["scheduled_at"].to_pandas().min() for chunk in chunks]
    assert firsts == sorted(firsts)
    frame = pa.concat_tables(chunks).to_pandas()
    for _, seq in frame.groupby("worker", observed=True)["seq"]:
        assert sorted(seq) == list(range(len(seq)))
    # A quota's window reaches back over the edges of chunks.
    connects = frame[frame["kind"] == "connect"].sort_values("started_at")
    refused = connects[connects["cause"] == "server_error"]
    assert len(refused) > 5
    for _, row in refused.head(20).iterrows():
        mine = connects[connects["subject"] == row["subject"]]
        since = row["started_at"] - pd.Timedelta(seconds=300)
        assert mine["started_at"].between(since, row["started_at"]).sum() > 20


def test_latency_strikes_every_platform_alike_in_w1() -> None:
    frame = waits("W1")
    for _, of_platform in frame.groupby("platform", observed=True):
        by_delay = rates(of_platform, "delay_s")
        assert by_delay[0.3] - by_delay[0.0] == pytest.approx(0.02, abs=0.008)


def test_only_the_suspect_suffers_from_latency_in_w2() -> None:
    frame = waits("W2")
    suspect = rates(frame[frame["platform"] == "Windows"], "delay_s")
    other = rates(frame[frame["platform"] == "Linux"], "delay_s")
    assert suspect[0.3] - suspect[0.0] == pytest.approx(0.02, abs=0.008)
    assert other[0.3] - other[0.0] == pytest.approx(0.0, abs=0.004)


def test_the_suspect_is_worse_at_every_latency_in_w2b() -> None:
    frame = waits("W2b")
    for delay in (0.0, 0.1, 0.3):
        by_platform = rates(frame[frame["delay_s"] == delay], "platform")
        assert by_platform["Windows"] - by_platform["Linux"] == pytest.approx(0.02, abs=0.01)


def test_one_client_is_worse_on_every_platform() -> None:
    for _, of_platform in waits("client").groupby("platform", observed=True):
        by_client = rates(of_platform, "client")
        assert by_client["websockets-gevent"] - by_client["websocket-client"] == pytest.approx(0.02, abs=0.01)


def test_each_platform_runs_its_own_loops() -> None:
    loops = frame_of("healthy").groupby(["platform", "client"], observed=True)["event_loop"].unique().map(list)
    assert loops["Windows"].to_dict() == {
        "websocket-client": ["gevent-libuv"],
        "websockets-gevent": ["gevent-libuv"],
        "websockets-asyncio": ["asyncio-proactor"],
    }
    assert loops["Linux"].to_dict() == {
        "websocket-client": ["gevent-libev"],
        "websockets-gevent": ["gevent-libev"],
        "websockets-asyncio": ["asyncio-selector"],
    }


def test_the_selector_is_an_arm_of_its_own_on_windows_only_and_has_a_process_of_its_own() -> None:
    frame = waits("system")
    share = frame.groupby("platform", observed=True)["event_loop"].value_counts(normalize=True)
    assert share["Windows", "asyncio-selector"] == pytest.approx(0.5, abs=0.02)
    assert share["Linux", "asyncio-selector"] == 1.0
    assert frame.groupby("worker", observed=True)["event_loop"].nunique().max() == 1


def test_only_the_proactor_is_worse_in_its_world_and_every_loop_in_that_of_the_system() -> None:
    for name, of_selector in (("proactor", 0.0), ("system", 0.02)):
        frame = waits(name)
        windows = rates(frame[frame["platform"] == "Windows"], "event_loop")
        linux = rates(frame[frame["platform"] == "Linux"], "event_loop")
        assert windows["asyncio-proactor"] - linux["asyncio-selector"] == pytest.approx(0.02, abs=0.008)
        assert windows["asyncio-selector"] - linux["asyncio-selector"] == pytest.approx(of_selector, abs=0.008)


def test_the_proactors_fault_is_diluted_over_the_clients_that_platforms_are_compared_by() -> None:
    where = world("proactor")
    of_pair, of_all = (where.truth(where.design(**given)) for given in ({}, {"clients": ARMS}))
    assert of_pair.effects["platform"] == pytest.approx(0.02)
    assert of_all.effects["platform"] == pytest.approx(0.02 / 3)
    assert of_pair.effects["client"] == of_all.effects["client"] == 0.02
    without = where.truth(where.design(clients=("websocket-client",)))
    assert without.confirm == frozenset()
    assert of_pair.parts == {"platform at equal loop": 0.0, "client loop": 0.02}


def test_failures_follow_a_late_loop_on_some_hosts_in_w3() -> None:
    frame = waits("W3")
    late = frame["loop_lag_s"] >= frame["budget_s"] / 2
    assert frame.loc[late, "bad"].mean() > 0.7
    assert frame.loc[~late, "bad"].mean() < 0.005
    by_host = late.groupby(frame["host"], observed=True).mean()
    assert (by_host > 0.02).sum() == 4
    assert (by_host == 0).sum() == 2


@pytest.mark.parametrize("name", ["W4", "W5", "W7", "W9"])
def test_bursts_strike_every_host_at_the_same_time(name: str) -> None:
    frame = waits(name)
    minute = frame["scheduled_at"].dt.floor("10s")
    bad = frame[frame["bad"]].groupby(minute)["host"].nunique()
    assert bad.max() >= frame["host"].nunique() - 1
    assert len(bad) < 0.35 * minute.nunique()


def test_cold_starts_say_so_in_the_welcome_in_w5() -> None:
    frame = waits("W5")
    connects = frame[frame["kind"] == "connect"]
    explicit = connects["cause"].isin(["http_status", "server_error"])
    assert explicit.sum() > 100
    assert not connects.loc[explicit, "startup_complete"].any()


@pytest.mark.slow
def test_refusals_follow_the_users_connects_in_w6() -> None:
    connects = frame_of("W6").query("kind == 'connect'").sort_values("started_at")
    refused = connects["cause"] == "server_error"
    ordinal = [
        connects.loc[(connects["subject"] == s), "started_at"].between(t - pd.Timedelta(seconds=300), t).sum()
        for s, t in zip(connects["subject"], connects["started_at"], strict=True)
    ]
    assert ((np.array(ordinal) > 20) == refused.to_numpy()).all()
    assert waits("W6")["bad"].mean() == pytest.approx(0.02, abs=0.01)


def test_one_instance_is_bad_in_w8() -> None:
    by_instance = rates(waits("W8"), "server_instance")
    assert by_instance["instance-0"] > 0.06
    assert by_instance.drop("instance-0").max() < 0.004


def test_fresh_tokens_are_refused_in_w9_and_expired_ones_in_w10() -> None:
    for name, is_fresh in (("W9", True), ("W10", False)):
        refused = waits(name).query("cause == 'auth_rejected'")
        assert len(refused) > 50
        assert ((refused["token_age_s"] < refused["token_ttl_s"] - 60) == is_fresh).all()
    expired = waits("W10").query("kind == 'connect' and token_age_s > token_ttl_s")
    assert expired["bad"].all()


def test_one_client_stumbles_over_preface_frames_in_w11() -> None:
    connects = waits("W11").query("kind == 'connect'")
    led = connects[connects["preface_frames"] == 1]
    by_client = rates(led, "client")
    assert by_client["websocket-client"] > 0.9
    assert by_client.drop("websocket-client").max() < 0.05


def test_the_format_causes_are_explicit_in_w11b_and_the_unanswered_type_is_silent_in_w12() -> None:
    assert set(waits("W11b").query("cause == 'subprotocol'")["client"]) == {"websockets-gevent"}
    by_operation = rates(waits("W12"), "operation")
    assert by_operation["agent_request"] == 1.0
    assert by_operation.drop("agent_request").max() < 0.01


def test_sessions_are_cut_at_ten_minutes_in_w13() -> None:
    frame = simulate_rows("W13", rows=20_000, seed=3).to_pandas()
    holds = frame[frame["kind"] == "hold"]
    cut = holds[holds["outcome"] == "failed"]
    assert len(cut) > 200
    assert cut["duration_s"].between(600.0, 600.4).all()
    assert holds["duration_s"].max() < 601.0


def test_the_generators_failures_are_its_own_in_w14_and_nothing_else_happens() -> None:
    bad = waits("W14").query("bad")
    assert (bad["cause"] == "harness").mean() > 0.9


def test_silent_sessions_stay_silent_in_w15() -> None:
    exchanges = waits("W15").query("kind == 'exchange'").sort_values("scheduled_at")
    runs = exchanges.groupby(["worker", "connection"], observed=True)["bad"].agg(list)
    struck = [outcomes for outcomes in runs if any(outcomes)]
    # From the first silence on to the end, but for the few that time out anywhere.
    steady = sum(all(outcomes[outcomes.index(True) :]) for outcomes in struck)
    assert steady / len(struck) > 0.85


def test_a_second_try_and_a_longer_budget_help_in_the_world_of_mitigations() -> None:
    frame = frame_of("mitigation")
    connects = frame[(frame["kind"] == "connect") & (frame["outcome"] != "aborted")]
    first = connects[connects["retry"] == 0]
    bad = (first["outcome"] == "timeout").groupby(first["mitigation"], observed=True).mean()
    assert bad["longer_budget"] == pytest.approx(bad["none"] / 2, rel=0.5)
    retries = connects[connects["retry"] == 1]
    assert set(retries["mitigation"]) == {"retry"}
    assert len(retries) == (first[first["mitigation"] == "retry"]["outcome"] == "timeout").sum()
    assert (retries["outcome"] == "ok").mean() > 0.9
    assert first.groupby("mitigation", observed=True)["budget_s"].unique().map(list).to_dict() == {
        "none": [10.0],
        "retry": [10.0],
        "longer_budget": [20.0],
    }


def test_the_confounded_designs_are_confounded() -> None:
    assert frame_of("one_host").groupby("platform", observed=True)["host"].nunique().eq(1).all()
    assert frame_of("tied_sites").groupby("platform", observed=True)["site"].nunique().eq(1).all()
    tied = waits("tied_instances").dropna(subset="server_instance")
    assert tied.groupby("server_instance", observed=True)["platform"].nunique().eq(1).all()
    apart = frame_of("apart").query("kind == 'connect'").groupby("platform", observed=True)["scheduled_at"]
    assert apart.max()["Windows"] <= apart.min()["Linux"]
    blocks = frame_of("blocks").query("kind == 'connect'")
    assert blocks.groupby(blocks["scheduled_at"].dt.floor("10min"))["delay_s"].nunique().eq(1).all()
    arrived = frame_of("no_delay").query("kind == 'connect'").groupby("delay_s", observed=True)["rtt_s"].median()
    assert arrived.max() - arrived.min() < 0.01
    by_site = rates(waits("tied_sites"), "site")
    assert by_site["site-a"] - by_site["site-b"] == pytest.approx(0.02, abs=0.006)
    probes = frame_of("tied_sites").query("kind == 'probe' and operation == 'tcp'")
    lost = probes["outcome"].eq("timeout").groupby(probes["site"], observed=True).mean()
    assert lost["site-a"] > 0.005
    assert lost["site-b"] == 0.0
    sluggish = waits("sluggish")
    late = (sluggish["loop_lag_s"] > 0.1).groupby(sluggish["platform"], observed=True).mean()
    assert late["Windows"] == pytest.approx(0.2, abs=0.02)
    assert late["Linux"] == 0.0
    far = frame_of("far").query("kind == 'connect' and delay_s == 0").groupby("platform", observed=True)["rtt_s"]
    assert far.median()["Windows"] > 5 * far.median()["Linux"]
    distance = waits("far")
    alike = [distance.query("platform == 'Windows' and delay_s == 0"), distance.query("platform == 'Linux'")]
    assert alike[0]["bad"].mean() > alike[1].query("delay_s == 0")["bad"].mean() + 0.008
    assert alike[0]["bad"].mean() == pytest.approx(alike[1].query("delay_s == 0.3")["bad"].mean(), abs=0.008)
    order = waits("fixed_order").query("kind == 'connect'")
    assert rates(order, "platform")["Windows"] > rates(order, "platform")["Linux"] + 0.05


def test_hosts_and_minutes_differ_as_much_as_they_are_told_to() -> None:
    same, differ = (
        simulate_rows("null", rows=60_000, hosts=6, host_sd=sd, minute_sd=0.0, site_sd=0.0, base_risk=0.1).to_pandas()
        for sd in (0.0, 0.8)
    )
    spread = [
        frame["outcome"].eq("timeout").groupby(frame["host"], observed=True).mean().std() for frame in (same, differ)
    ]
    assert spread[1] > 3 * spread[0]


def test_what_was_waiting_at_the_end_is_aborted_and_nothing_starts_later() -> None:
    frame = simulate_rows("healthy", rows=5_000, minutes=10).to_pandas()
    end = pd.Timestamp(simulate.STARTED_AT) + pd.Timedelta(minutes=10)
    ended = frame["scheduled_at"] + pd.to_timedelta(frame["duration_s"], unit="s")
    assert (frame["scheduled_at"] < end).all()
    assert (ended <= end + pd.Timedelta(milliseconds=1)).all()
    assert set(frame.loc[frame["outcome"] == "aborted", "kind"]) >= {"hold"}


def test_a_run_folder_holds_what_a_real_run_does(tmp_path: Path) -> None:
    folder = simulate_run("W2", tmp_path / "example", rows=3_000, minutes=5, hosts=2, seed=4)
    manifest = json.loads((folder / "run.json").read_text())
    rows = pq.read_table(sorted((folder / "attempts").glob("*.parquet")))
    assert manifest["run_id"] == "example"
    assert rows["run_id"].unique().to_pylist() == ["example"]
    assert manifest["accounting"]["rows_written"] == len(rows)
    assert sum(worker["rows_written"] for worker in manifest["workers"]) == len(rows)
    assert manifest["world"]["confirm"] == ["intermittent", "platform_x_latency"]
    assert pq.read_schema(folder / "attempts" / "part-00000.parquet").metadata[b"schema_version"] == b"1"
    health = pq.read_table(sorted((folder / "health").glob("*.parquet"))).to_pandas()
    assert health.groupby("worker").size().eq(300).all()
    assert set(health["worker"]) == {worker["worker"] for worker in manifest["workers"]}


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    yield lambda: capsys.readouterr()


def test_the_command_line_lists_worlds_writes_runs_and_refuses_in_a_sentence(tmp_path: Path, said: Any) -> None:
    assert main(["--list"]) == 0
    listed = said().out
    assert all(name in listed for name in WORLDS)
    target = tmp_path / "run"
    assert main(["--world", "W1", "--rows", "900", "--minutes", "4", "--out", str(target)]) == 0
    assert (target / "run.json").is_file()
    said()
    for arguments, sentence in (
        (["--world", "W99", "--out", str(tmp_path / "x")], "there is no world 'W99': choose one of healthy"),
        (["--world", "W1", "--out", str(target)], "is not empty"),
        (["--world", "W1", "--rows", "2", "--out", str(tmp_path / "y")], "rows = 2 is too few"),
        (["--world", "W1", "--effect", "2", "--out", str(tmp_path / "y")], "effect = 2.0 is no difference of risks"),
        (["--world", "W1", "--client", "curl", "--out", str(tmp_path / "y")], "there is no client 'curl'"),
        (["--world", "W1"], "needs --out FOLDER"),
    ):
        assert main(arguments) == 2
        assert sentence in said().err


def test_a_design_that_cannot_be_drawn_is_refused() -> None:
    for wrong in ({"hosts": 0}, {"minutes": 0}, {"base_risk": 0.9}, {"platforms": ()}, {"instances": 0}):
        with pytest.raises(DesignError):
            Design(**wrong)


def test_windows_do_not_overlap_and_cover_their_share() -> None:
    windows = random_windows(np.random.default_rng(1), duration_s=3600.0, share=0.1, length_s=10.0)
    assert len(windows) == 36
    assert (windows[1:, 0] >= windows[:-1, 1] - 1e-9).all()
    assert windows.min() >= 0.0
    assert windows.max() <= 3600.0 + 1e-9
    moments = np.array([windows[3, 0], windows[3, 1], windows[0, 0] - 1.0])
    assert is_within(moments, windows).tolist()[0]
    assert not is_within(moments, windows)[2]
    assert not is_within(moments, np.zeros((0, 2))).any()
