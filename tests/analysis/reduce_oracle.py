"""The small tables once more, row by row in plain Python: slow, and written from the documents alone."""

from __future__ import annotations

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

Row = dict[str, Any]

ESSENTIAL = (
    *("run_id", "worker", "connection", "kind", "operation", "client", "delay_s"),
    *("platform", "host", "scheduled_at", "duration_s", "budget_s", "outcome"),
)


def measured(value: Any) -> Any:
    return None if value is None or (isinstance(value, float) and math.isnan(value)) else value


def is_usable(row: Row) -> bool:
    return (
        all(measured(row.get(name)) is not None for name in ESSENTIAL)
        and row["outcome"] in ("ok", "timeout", "failed", "aborted")
        and row["budget_s"] > 0
    )


def late_s(row: Row) -> float:
    return max(measured(row.get("loop_lag_s")) or 0.0, measured(row.get("loop_blocked_s")) or 0.0)


def is_bad(row: Row) -> bool:
    return row["outcome"] in ("timeout", "failed")


def explanation(row: Row) -> str:
    cause, status = row.get("cause"), measured(row.get("http_status")) or 0
    if not is_bad(row):
        return ""
    # What the kernel says of a timeout goes before what the loop's lag suggests.
    if rung(row) in ("generator", "unsent", "unread"):
        return "client_loop"
    if late_s(row) >= row["budget_s"] / 2 and not is_cleared(row):
        return "client_loop"
    if cause in ("harness", "local_resource"):
        return "harness"
    if cause == "auth_rejected":
        return "auth"
    if cause in ("malformed", "subprotocol", "client_error"):
        return "format"
    code = measured(row.get("close_code"))
    is_said = cause == "server_error" or (cause == "server_closed" and code is not None and code != 1006)
    if is_said or (cause == "http_status" and (status >= 500 or status == 429)):
        return "explicit"
    return "lagged" if late_s(row) >= row["budget_s"] / 4 else "residual"


def rung(row: Row) -> str | None:
    """Where a timeout was lost; None: nobody asked, or it is no timeout."""
    return row.get("lost_at") if row["outcome"] == "timeout" else None


def is_cleared(row: Row) -> bool:
    return rung(row) in (
        "unacknowledged",
        "undelivered",
        "partial",
        "unmatched",
        "silent_process",
        "silent_application",
    )


def has_run_out(row: Row) -> bool:
    return explanation(row) == "residual" and row["outcome"] == "timeout"


def is_on_way(row: Row) -> bool:
    was_repeated = (measured(row.get("tcp_retransmits")) or 0) > 0
    return has_run_out(row) and (
        rung(row) in ("unacknowledged", "undelivered") or (rung(row) == "late" and was_repeated)
    )


def may_be_way(row: Row) -> bool:
    is_open = explanation(row) in ("residual", "lagged") and row.get("cause") != "http_status"
    is_way = rung(row) in (None, "unknown", "late", "unacknowledged", "undelivered")
    return is_open and is_way and not was_withheld(row)


def was_withheld(row: Row) -> bool:
    pong_s, late_s = measured(row.get("pong_s")), measured(row.get("late_s"))
    checked_s = measured(row.get("checked_s"))
    if pong_s is None or late_s is None or checked_s is None:
        return False
    is_later = late_s > pong_s + 0.05 and checked_s > pong_s
    had_s = measured(row.get("tcp_acknowledged_s"))
    missing_s = max(0.1 * row["budget_s"], (measured(row.get("rtt_s")) or 0.0) + 0.06)
    was_there = had_s is not None and had_s >= row["budget_s"] - missing_s
    return rung(row) == "late" and is_later and measured(row.get("tcp_retransmits")) == 0 and was_there


def is_unanswered(row: Row) -> bool:
    pong_s, is_late = measured(row.get("pong_s")), measured(row.get("late_s")) is not None
    ran_out = has_run_out(row)
    if rung(row) is not None:
        is_silent = not is_late and rung(row) in ("silent_process", "silent_application")
        return ran_out and (is_silent or was_withheld(row))
    usual_s = 2.0 * (measured(row.get("rtt_s")) or 0.0) + 0.25
    return ran_out and pong_s is not None and pong_s <= usual_s and not is_late and row.get("frames_in") == 0


def is_here(row: Row) -> bool:
    return rung(row) in ("generator", "unsent", "unread")


def token_left_s(row: Row) -> float | None:
    age_s, ttl_s = measured(row.get("token_age_s")), measured(row.get("token_ttl_s"))
    return None if age_s is None or ttl_s is None else ttl_s - age_s


def second(row: Row) -> int:
    return int(row["scheduled_at"] // 1_000_000)


def retry(row: Row) -> int:
    return int(measured(row.get("retry")) or 0)


def mitigation(row: Row) -> str:
    return row.get("mitigation") or "none"


def ends(rows: list[Row], ends_us: dict[str, int]) -> dict[str, float]:
    result = {}
    for run in {row["run_id"] for row in rows}:
        of_run = [row for row in rows if row["run_id"] == run]
        started = [(measured(row.get("started_at")), row["scheduled_at"]) for row in of_run]
        lasts = [
            (at if at is not None else planned) / 1e6 + row["duration_s"]
            for (at, planned), row in zip(started, of_run, strict=True)
        ]
        result[run] = min([max(lasts)] + ([ends_us[run] / 1e6] if run in ends_us else []))
    return result


def of_sessions(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row["kind"] in ("connect", "exchange") and row.get("scenario") != "auth_probe"]


def is_whole(row: Row, end_s: dict[str, float]) -> bool:
    was_aborted = row["outcome"] == "aborted"
    return not was_aborted and second(row) < math.floor(end_s[row["run_id"]] - row["budget_s"])


def waits(rows: list[Row], end_s: dict[str, float]) -> list[Row]:
    return [row for row in of_sessions(rows) if is_whole(row, end_s)]


def runs_other_scenarios(usable: list[Row]) -> bool:
    """Whether a host, client or delay has another mix than the others, by more than a tenth of the attempts."""
    tried = [row for row in of_sessions(usable) if row["outcome"] != "aborted" and retry(row) == 0]
    sides: list[Callable[[Row], Any]] = [
        lambda row: (row["host"], row["platform"]),
        lambda row: (row["client"], row.get("event_loop") or "unknown"),
        lambda row: round(row["delay_s"] * 1e6),
    ]
    every = Counter(row.get("scenario") or "" for row in tried)
    for side in sides:
        for one in {side(row) for row in tried}:
            mine = Counter(row.get("scenario") or "" for row in tried if side(row) == one)
            others = every - mine
            if not others:
                continue
            apart = [abs(Fraction(mine[s], mine.total()) - Fraction(others[s], others.total())) for s in every]
            if sum(apart) / 2 > Fraction(1, 10):
                return True
    return False


def key_of(row: Row, *, is_apart: bool) -> tuple[Any, ...]:
    left_s = token_left_s(row)
    return (
        row["run_id"],
        row["host"],
        row["platform"],
        row.get("site"),
        second(row) // 60,
        row["client"],
        row.get("event_loop") or "unknown",
        round(row["delay_s"] * 1e6),
        mitigation(row),
        row["kind"],
        row["operation"],
        row.get("scenario") or "" if is_apart else "",
        (measured(row.get("preface_frames")) or 0) > 0,
        left_s is not None and left_s <= 0,
    )


def cut(rows: list[Row], end_s: dict[str, float], *, is_apart: bool) -> dict[tuple[Any, ...], dict[str, int]]:
    table: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    connections = defaultdict(set)
    for row in of_sessions(rows):
        if is_whole(row, end_s) or retry(row) > 0:
            continue
        key, why, left_s = key_of(row, is_apart=is_apart), explanation(row), token_left_s(row)
        connections[key].add((row["worker"], row["connection"]))
        table[key].update(
            n=1,
            auth=why == "auth",
            auth_fresh=why == "auth" and left_s is not None and left_s > 60,
            format=why == "format",
            explicit=why == "explicit",
        )
    return {key: {**count, "connections": len(connections[key])} for key, count in table.items()}


def size_of(row: Row) -> int | None:
    """The binary logarithm of the bytes of a request, a whole number."""
    sent = measured(row.get("bytes_out"))
    return None if row["kind"] != "exchange" or sent is None else max(1, int(sent)).bit_length() - 1


def counted(rows: list[Row]) -> dict[str, int]:
    return {"n": len(rows), "bad": sum(is_bad(row) for row in rows)}


WHO = {"user": "subject", "scenario": "scenario"}


def always(chosen: list[Row], *, least: int) -> dict[tuple[Any, ...], dict[str, int]]:
    """What fails nine times in ten and was tried `least` times, where half of its likes or more do not."""
    table = {}

    met: dict[tuple[Any, ...], list[Row]] = {}
    for row in plain(chosen):
        met.setdefault((row["platform"], row["kind"], second(row) // 60), []).append(row)
    share = {key: sum(is_bad(row) for row in rows) / len(rows) for key, rows in met.items()}

    def alone(rows: list[Row]) -> bool:
        return sum(share[row["platform"], row["kind"], second(row) // 60] for row in rows) <= len(rows) / 2 + 1e-9

    def failing(groups: dict[Any, list[Row]]) -> list[Any]:
        counts = {name: counted(rows) for name, rows in groups.items()}
        found = [name for name, count in counts.items() if count["n"] >= least and count["bad"] >= 0.9 * count["n"]]
        return found if 2 * len(found) <= len(groups) else []

    for platform in {row["platform"] for row in chosen}:
        mine = [row for row in plain(chosen) if row["platform"] == platform]
        exchanges = [row for row in mine if row["kind"] == "exchange"]
        parts = {"": mine, "connects": [row for row in mine if row["kind"] == "connect"], "exchanges": exchanges}
        parts |= {
            name: [r for r in exchanges if r["operation"] == name] for name in {r["operation"] for r in exchanges}
        }
        for what, column in WHO.items():
            named: set[tuple[str, str]] = set()
            users = {row.get(column) for row in mine} - {None}
            for part, rows in parts.items():
                by_user = {name: [row for row in rows if row.get(column) == name] for name in users}
                groups = {name: its for name, its in by_user.items() if its}
                for name in failing(groups):
                    if not alone(groups[name]) or any(
                        (name, wider) in named
                        for wider in (("",) if part in ("connects", "exchanges") else ("", "exchanges"))
                    ):
                        continue
                    named.add((name, part))
                    table[platform, what, name, part, -1] = counted(groups[name])
        for operation in {row["operation"] for row in mine}:
            asked = [row for row in mine if row["operation"] == operation and size_of(row) is not None]
            sizes = {size_of(row) for row in asked}
            from_on = {size: [row for row in asked if (size_of(row) or 0) >= (size or 0)] for size in sizes}
            lowest = min(failing(from_on), default=None)
            if lowest is not None and lowest > min(size for size in sizes if size is not None):
                table[platform, "size", "", operation, lowest] = counted(from_on[lowest])
    return table


def is_of(row: Row, named: dict[tuple[Any, ...], dict[str, int]]) -> bool:
    """Whether a row is one of what always fails."""
    size = size_of(row)
    own = (row["operation"],) if row["kind"] == "exchange" else ()
    is_users = any(
        (row["platform"], what, row.get(column), part, -1) in named
        for what, column in WHO.items()
        for part in ("", f"{row['kind']}s", *own)
    )
    return is_users or any(
        size is not None and (platform, name) == (row["platform"], row["operation"]) and size >= least
        for platform, what, _, name, least in named
        if what == "size"
    )


def halving(value: float) -> str:
    return str(math.floor(math.log2(max(1.0, value))))


LEVELS: dict[str, Callable[[Any], str]] = {
    "scenario": str,
    "subject": str,
    "python": str,
    "age_s": halving,
    "open_connections": halving,
    "token_age_s": halving,
    "idle_s": halving,
    "bytes_out": halving,
    "cpu": lambda load: str(math.floor(load * 10)),
    "loop_lag_s": lambda lag_s: halving(lag_s * 100),
}


def factors(waited: list[Row]) -> dict[tuple[Any, ...], dict[str, int]]:
    """Empty where nothing is there twice that could be compared."""
    chosen = plain(waited)
    kept = [row for row in waited if row["outcome"] != "aborted"]
    sides = [
        {row["platform"] for row in kept},
        {(row["client"], row.get("event_loop") or "unknown") for row in kept},
        {round(row["delay_s"] * 1e6) for row in kept},
        {row.get("server_instance") for row in chosen} - {None},
    ]
    if all(len(side) < 2 for side in sides):
        return {}
    table: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    users: dict[tuple[Any, ...], set[tuple[Any, ...]]] = defaultdict(set)
    for row in chosen:
        bad = explanation(row) in ("explicit", "residual")
        values = {name: measured(row.get(name)) for name in LEVELS}
        levels = {name: level(values[name]) for name, level in LEVELS.items() if values[name] is not None}
        levels["scheduled_at"] = str(second(row) % 60 // 10)
        if row.get("server_instance") is not None:
            levels["server_instance"] = row["server_instance"]
        if row["kind"] == "exchange" and row.get("preface_frames") is not None:
            levels["preface_frames"] = "true" if row["preface_frames"] else "false"
        how = (row["client"], row.get("event_loop") or "unknown", round(row["delay_s"] * 1e6))
        for name, level in levels.items():
            key = (row["host"], row["platform"], *how, row.get("server_instance"), name, level)
            table[key].update(n=1, bad=bad)
            if name == "subject":
                users[key].add(of_connection(row))
    return {key: {**count, "connections": len(users[key])} for key, count in table.items()}


def of_connection(row: Row) -> tuple[Any, ...]:
    return (row["run_id"], row["worker"], row["connection"])


def dealt(chosen: list[Row]) -> dict[tuple[Any, ...], dict[str, int]]:
    """Each connection's attempts and failures, and the sums over connections of these and of their products."""
    connections: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in plain(chosen):
        by_generator = is_bad(row) and row.get("cause") in ("harness", "local_resource")
        if late_s(row) >= row["budget_s"] / 4 or by_generator or is_here(row):
            continue
        how = (row["client"], row.get("event_loop") or "unknown", round(row["delay_s"] * 1e6), row["kind"])
        where = (row["host"], row["platform"], *how, row.get("server_instance"))
        connections[*where, (row["run_id"], row["worker"], row.get("site"), row["connection"])].append(row)
    table: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    for (*key, _), rows in connections.items():
        n = len(rows)
        table[tuple(key)].update(m=1, n=n, nn=n * n)
        silent = [row for row in rows if explanation(row) == "residual"]
        mute = sum(is_unanswered(row) for row in silent)
        lost = sum(is_on_way(row) for row in silent)
        said = sum(explanation(row) == "explicit" for row in rows)
        ours = sum(explanation(row) in ("auth", "format") for row in rows)
        failures = {
            "unexplained": len(silent) - mute - lost,
            "silence": len(silent) - lost,
            "answers": len(silent) - mute - lost + said,
            "silence_answers": len(silent) - lost + said,
            "way": len(silent) - mute,
            "silence_way": len(silent),
            "answers_way": len(silent) - mute + said,
            "silence_answers_way": len(silent) + said,
            "everything": len(silent) + said + ours,
        }
        for name, x in failures.items():
            table[tuple(key)].update({f"x_{name}": x, f"nx_{name}": n * x, f"xx_{name}": x * x})
    return {key: dict(count) for key, count in table.items()}


def cells(
    chosen: list[Row], always: dict[tuple[Any, ...], dict[str, int]], *, is_apart: bool
) -> dict[tuple[Any, ...], dict[str, int]]:
    table: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    connections = defaultdict(set)
    for row in chosen:
        key, left_s = key_of(row, is_apart=is_apart), token_left_s(row)
        count = table[key]
        if retry(row) > 0:
            count["retries"] += 1
            count["rescued"] += not is_bad(row)
            continue
        bad, why, no_lag = is_bad(row), explanation(row), measured(row.get("loop_lag_s")) is None
        count["n"] += 1
        connections[key].add((row["worker"], row["connection"]))
        count["bad"] += bad
        count["n_always"] += is_of(row, always)
        count["bad_always"] += bad and is_of(row, always)
        count["timeouts"] += row["outcome"] == "timeout"
        if why:
            count[why] += 1
        is_late = measured(row.get("late_s")) is not None
        ran_out = has_run_out(row)
        count["checked"] += ran_out and measured(row.get("checked_s")) is not None
        is_upgraded = row.get("phase") in ("welcome", "exchange")
        count["unasked"] += ran_out and measured(row.get("checked_s")) is None and is_upgraded
        count["late"] += ran_out and is_late
        count["unanswered"] += is_unanswered(row)
        count["acknowledged"] += is_unanswered(row) and rung(row) == "silent_process"
        count["on_way"] += is_on_way(row)
        count["unmatched"] += ran_out and rung(row) == "unmatched"
        count["placed"] += rung(row) not in (None, "unknown")
        count["here"] += is_here(row)
        count["may_be_way"] += may_be_way(row)
        count["repeated"] += is_on_way(row) or (measured(row.get("tcp_retransmits")) or 0) > 0
        count["said_no"] += why in ("explicit", "residual") and row["outcome"] != "timeout"
        count["auth_fresh"] += why == "auth" and left_s is not None and left_s > 60
        count["any_lag_bad"] += bad and (no_lag or late_s(row) >= 0.1) and not is_cleared(row)
        count["lag_null"] += no_lag
        by_generator = bad and row.get("cause") in ("harness", "local_resource")
        count["n_clean"] += late_s(row) < row["budget_s"] / 4 and not by_generator and not is_here(row)
        count["good"] += not bad
        count["good_lagged"] += not bad and late_s(row) > 0.1
    return {key: {**count, "connections": len(connections[key])} for key, count in table.items()}


def plain(chosen: list[Row]) -> list[Row]:
    return [row for row in chosen if retry(row) == 0 and mitigation(row) == "none"]


def slots(chosen: list[Row]) -> dict[tuple[Any, ...], dict[str, int]]:
    table: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    for row in plain(chosen):
        why = explanation(row)
        count = table[row["host"], row["platform"], row.get("site"), second(row) // 10, row["operation"]]
        count.update(
            n=1, bad=int(why in ("explicit", "residual")), residual=int(why == "residual"), on_way=is_on_way(row)
        )
    return {key: dict(count) for key, count in table.items()}


def instances(chosen: list[Row]) -> dict[tuple[Any, ...], dict[str, int]]:
    table: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    for row in plain(chosen):
        if row.get("server_instance") is not None:
            arm = (row["client"], row.get("event_loop") or "unknown", round(row["delay_s"] * 1e6))
            key = (row["host"], row["platform"], second(row) // 60, *arm, row["server_instance"])
            why = explanation(row)
            exact = {name: why == name for name in ("auth", "format", "explicit")}
            bad = why in ("explicit", "residual")
            left_s = token_left_s(row)
            exact["auth_fresh"] = exact["auth"] and left_s is not None and left_s > 60
            table[*key, row["kind"], row["operation"]].update(n=1, bad=bad, unanswered=is_unanswered(row), **exact)
    return {key: dict(count) for key, count in table.items()}


def subjects(rows: list[Row]) -> dict[tuple[Any, ...], dict[str, int]]:
    connects = [
        row
        for row in rows
        if row["kind"] == "connect" and row.get("subject") and measured(row.get("started_at")) is not None
    ]
    counted = {id(row) for row in plain(of_sessions(rows)) if row["outcome"] != "aborted"}
    table: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    for row in connects:
        if id(row) in counted:
            now = row["started_at"]
            same = [other for other in connects if other["subject"] == row["subject"]]
            ordinal = sum(now - 300_000_000 <= other["started_at"] <= now for other in same)
            assert ordinal < 32
            key = (row["host"], row["platform"], second(row) // 300, ordinal)
            table[key].update(n=1, explicit=int(explanation(row) == "explicit"))
    return {key: dict(count) for key, count in table.items()}


def holds(rows: list[Row]) -> dict[tuple[Any, ...], dict[str, int]]:
    table: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    answered, broken = (ended_in_exchange(rows, said=said) for said in (True, False))
    for row in sessions_of(rows):
        by_peer, died = is_by_peer(row, answered), has_died(row, broken)
        parity = (row["connection"] * 1_103_515_245 + 12_345) // 65_536 % 2
        age, idle, silence = hold_bins(row)
        if by_peer or died:
            how = (math.floor(row["scheduled_at"] / 1e6 + row["duration_s"]), row.get("cause"))
            arm = (row["client"], row.get("event_loop") or "unknown", round(row["delay_s"] * 1e6))
            which = (second(row) // 60, by_peer, died, parity, age, idle, silence)
            key: tuple[Any, ...] = (*which, *how, measured(row.get("close_code")), *arm)
        else:
            minute = second(row) // 60 if parity == 1 else None
            key = (minute, False, False, parity, coarse(age), None, None if idle is None else coarse(silence))
            key = (*key, None, None, None, None, None, None)
        table[row["host"], row["platform"], *key].update(n=1)
    return {key: dict(count) for key, count in table.items()}


def reached(rows: list[Row]) -> dict[tuple[Any, ...], dict[str, int]]:
    table: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    answered = ended_in_exchange(rows, said=True)
    for row in sessions_of(rows):
        if is_by_peer(row, answered):
            continue
        arm = (row["platform"], row["client"], row.get("event_loop") or "unknown", round(row["delay_s"] * 1e6))
        age, idle, silence = hold_bins(row)
        table[*arm, "age", coarse(age)].update(n=1)
        if idle is not None:
            table[*arm, "silence", coarse(silence)].update(n=1)
    return {key: dict(count) for key, count in table.items()}


def ended_in_exchange(rows: list[Row], *, said: bool) -> set[tuple[Any, ...]]:
    return {
        (row["run_id"], row["worker"], row["connection"])
        for row in rows
        if row["kind"] == "exchange" and row["outcome"] == "failed" and (not said or is_said(row))
    }


def is_by_peer(row: Row, answered: set[tuple[Any, ...]]) -> bool:
    not_limits = ("harness", "local_resource", "auth_rejected", "keepalive", "malformed", "client_error")
    return (
        row["outcome"] == "failed"
        and row.get("closed_by") != "client"
        and row.get("cause") not in not_limits
        and late_s(row) < 10
        and (row["run_id"], row["worker"], row["connection"]) not in answered
    )


def has_died(row: Row, broken: set[tuple[Any, ...]]) -> bool:
    explained = ("harness", "local_resource", "auth_rejected", "malformed", "subprotocol", "client_error")
    return (
        row["outcome"] == "failed"
        and retry(row) == 0
        and row.get("cause") not in explained
        and late_s(row) < 10
        and (row["run_id"], row["worker"], row["connection"]) not in broken
    )


def hold_bins(row: Row) -> tuple[int, int | None, int | None]:
    idle_s, silence_s = measured(row.get("idle_s")), measured(row.get("longest_silence_s"))
    longest_s = max((s for s in (idle_s, silence_s) if s is not None), default=None)
    age, idle, silence = (None if s is None else math.floor(s / 0.5) for s in (row["duration_s"], idle_s, longest_s))
    assert age is not None
    return age, idle, silence


def coarse(bin_: int | None) -> int:
    assert bin_ is not None
    assert bin_ < 400
    return bin_ if bin_ < 200 else bin_ // 2 * 2


def is_said(row: Row) -> bool:
    return measured(row.get("close_code")) not in (None, 1006)


def sessions_of(rows: list[Row]) -> list[Row]:
    return [
        row
        for row in rows
        if row["kind"] == "hold" and mitigation(row) == "none" and row.get("scenario") != "auth_probe"
    ]


def sessions(rows: list[Row]) -> dict[tuple[Any, ...], dict[str, int]]:
    table: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    for row in sessions_of(rows):
        if retry(row) > 0:
            continue
        loop = row.get("event_loop") or "unknown"
        where = (row["run_id"], row["host"], row["platform"], row.get("site"), second(row) // 60)
        refused = row["outcome"] == "failed" and row.get("cause") == "auth_rejected"
        table[*where, row["client"], loop, round(row["delay_s"] * 1e6)].update(
            n=1,
            auth=refused,
            auth_fresh=refused and is_fresh_at_end(row),
            explicit=row["outcome"] == "failed"
            and (row.get("cause") == "server_error" or (row.get("cause") == "server_closed" and is_said(row))),
            format=row["outcome"] == "failed" and row.get("cause") in ("malformed", "subprotocol", "client_error"),
            failed=row["outcome"] == "failed" and row.get("cause") not in ("harness", "local_resource"),
        )
    return {key: dict(count) for key, count in table.items()}


def is_fresh_at_end(row: Row) -> bool:
    left_s = token_left_s(row)
    return left_s is not None and left_s - row["duration_s"] > 60


def fresh_refusals(rows: list[Row]) -> dict[tuple[Any, ...], dict[str, int]]:
    by_subject: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    for row in rows:
        is_in = row["kind"] == "hold" and row["duration_s"] >= 10
        is_asked = row["kind"] in ("hold", "connect") and (row["outcome"] != "aborted" or is_in)
        if not is_asked or row.get("scenario") == "auth_probe" or retry(row) > 0 or mitigation(row) != "none":
            continue
        refused = row["outcome"] == "failed" and row.get("cause") == "auth_rejected"
        by_subject[row["run_id"], row["kind"], row.get("subject") or None].update(
            n=1, fresh=refused and is_fresh_at_end(row)
        )
    table: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    for (run, kind, _), count in by_subject.items():
        sometimes = count["fresh"] if count["fresh"] < 0.9 * count["n"] else 0
        table[run, kind].update(n=count["n"], fresh=count["fresh"], sometimes=sometimes)
    return {key: dict(count) for key, count in table.items()}


def credential_checks(rows: list[Row]) -> dict[tuple[Any, ...], dict[str, int]]:
    table: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    for row in rows:
        if row["kind"] == "connect" and row.get("scenario") == "auth_probe" and row["outcome"] != "aborted":
            result = "accepted" if row.get("cause") == "credentials_accepted" else "not checked"
            result = "refused" if row["outcome"] == "ok" else result
            table[row["host"], row["platform"], row.get("token_kind") or "broken", result].update(n=1)
    return {key: dict(count) for key, count in table.items()}


def first_connects(rows: list[Row], chosen: list[Row]) -> dict[tuple[Any, ...], dict[str, int]]:
    table: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    first: dict[str, int] = {}
    for row in rows:
        if row["kind"] == "connect":
            first[row["run_id"]] = min(first.get(row["run_id"], second(row)), second(row))
    for row in plain(chosen):
        if row["kind"] == "connect":
            since_s = min(60, second(row) - first[row["run_id"]])
            bad = explanation(row) in ("explicit", "residual")
            table[row["run_id"], row["host"], row["platform"], since_s].update(n=1, bad=bad)
    return {key: dict(count) for key, count in table.items()}


def idles(chosen: list[Row]) -> dict[tuple[Any, ...], dict[str, int]]:
    table: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    for row in plain(chosen):
        idle_s = measured(row.get("idle_s"))
        if row["kind"] == "exchange" and idle_s is not None:
            assert idle_s < 10
            parity = (row["connection"] * 1_103_515_245 + 12_345) // 65_536 % 2
            died = explanation(row) == "residual" and not is_unanswered(row)
            table[row["host"], row["platform"], parity, math.floor(idle_s)].update(n=1, bad=died)
    return {key: dict(count) for key, count in table.items()}


def continued(chosen: list[Row]) -> dict[tuple[Any, ...], dict[str, int]]:
    table: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    by_connection: dict[tuple[Any, ...], list[tuple[Any, ...]]] = defaultdict(list)
    for row in plain(chosen):
        if row["kind"] != "exchange":
            continue
        is_silent = has_run_out(row) and measured(row.get("late_s")) is None
        idle_s = measured(row.get("idle_s"))
        idle = -1 if idle_s is None else math.floor(idle_s)
        died = is_silent and not is_unanswered(row)
        connection = (row["run_id"], row["worker"], row["host"], row["platform"], row["connection"])
        by_connection[connection].append((row["scheduled_at"], is_silent, row["operation"], idle, died))
    for connection, asked in by_connection.items():
        _, _, host, platform, number = connection
        parity = (number * 1_103_515_245 + 12_345) // 65_536 % 2
        asked.sort()
        for before, (_, is_silent, operation, idle, died) in pairwise(asked):
            if is_silent and before[1]:
                table[host, platform, operation, parity, idle].update(n=1, died=died)
    return {key: dict(count) for key, count in table.items()}


def probes(rows: list[Row]) -> dict[tuple[Any, ...], dict[str, int]]:
    table: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    for row in rows:
        if row["kind"] == "probe" and row["outcome"] != "aborted":
            key = (row["host"], row["platform"], row.get("site"), second(row) // 10, row["operation"])
            table[key].update(n=1, bad=int(is_bad(row)))
    return {key: dict(count) for key, count in table.items()}


def peers(chosen: list[Row]) -> dict[tuple[Any, ...], dict[str, int]]:
    """Empty where nothing was lost on the way, by any arm of mitigation."""
    table: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    if not any(is_on_way(row) for row in chosen if retry(row) == 0):
        return {}
    for row in plain(chosen):
        if row.get("peer_address") is not None:
            key = (row["host"], row["platform"], row.get("site"), row["peer_address"])
            table[key].update(n=1, on_way=is_on_way(row))
    return {key: dict(count) for key, count in table.items()}


def medians(chosen: list[Row], *, of_arms: bool) -> dict[tuple[Any, ...], float]:
    """Lower medians of the connects' round trips: by arm, or without the delay by host."""
    values: dict[tuple[Any, ...], list[float]] = defaultdict(list)
    for row in plain(chosen):
        rtt_s = measured(row.get("rtt_s"))
        if row["kind"] == "connect" and rtt_s is not None:
            key = (row["host"], row["platform"])
            if of_arms:
                values[*key, round(row["delay_s"] * 1e6)].append(rtt_s)
            else:
                values[key].append(rtt_s - row["delay_s"])
    return {key: statistics.median_low(group) for key, group in values.items()}


def mitigation_costs(chosen: list[Row]) -> dict[tuple[Any, ...], dict[str, int]]:
    table: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    if all(mitigation(row) == "none" for row in chosen):
        return {}
    for row in chosen:
        key = (row["host"], row["platform"], second(row) // 60, mitigation(row), row["kind"])
        table[*key, None].update(n=1)
        if not is_bad(row):
            us = max(1, round(row["duration_s"] * 1e6))
            table[*key, math.floor(math.log10(us) * 20)].update(n=1)
    return {key: dict(count) for key, count in table.items()}
