"""The small tables that one scan of the attempts gives, and on which every claim is decided.

`reduce.py` makes them (G1 to G6 of the method), `claims/` read them. Times are whole numbers of a
unit since the epoch, delays are whole microseconds (a float is no key), counts are int64. Which rows
count as what (the explaining away) is decided in `explain.py`, once, so that every claim sees the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Tables:
    """Sufficient statistics of the runs named. All frames are small whatever the number of attempts.

    Attributes:
        cells: G1, one row per (run_id, host, platform, site, minute, client, event_loop, delay_us, mitigation,
            kind, operation, by_scenario [the scenario, where hosts, clients or delays differ in what they run; else
            empty], preface [preface_frames > 0], token_expired). Counts of connect and exchange
            attempts with retry = 0 (every `mitigation` arm is kept; claims other than the mitigations
            use `none`): `n`; `connections` (distinct; after the first 4 million attempts an estimate);
            `bad` (timeout or failed); `timeouts`; `client_loop` (bad, explained by lag or by its rung: rule 8);
            `any_lag_bad` (bad with lag >= 0.1 s, or lag not measured, unless its rung says that nothing lay unread);
            `lag_null`; `auth`; `auth_fresh` (auth_rejected more than 60 s before expiry); `format`; `explicit` (server,
            explicit); `residual` (bad and explained by none of these and lag < budget/4), of these `checked` (timeouts
            whose peer was sent a ping), `unasked` (whose peer could have been), `late` (whose answer came after all)
            and `unanswered` (whose peer answered the ping in its usual time and had sent nothing: it had the request
            and kept silent; or whose rung says so), of these `acknowledged` (no pong: the peer's kernel acknowledged);
            `on_way` (lost or held up on the way, by their rung) and `unmatched` (frames came that are no answer);
            `placed` (timeouts of any explanation whose rung is known) and `here` (of these those that this client lost:
            all are `client_loop`); `may_be_way` (residual or lagged, and nothing says that they were not lost, held up
            or cut on the way); `repeated` (of all, good ones too: lost on the way, or sent again by this machine);
            `said_no` (of residual and explicit those that did not run out: somebody refused, reset,
            closed or answered with an error); `harness` (the generator's own failure: causes harness, local_resource);
            `lagged` (bad, unexplained, lag in [budget/4, budget/2)). Disjoint: bad = client_loop + harness + auth +
            format + explicit + lagged + residual. `n_always` and `bad_always` (of `n` and `bad`, those of what always
            fails). `n_clean` (all rows with lag < budget/4 and no failure of the generator's own: the denominator of
            `residual`); `good`, `good_lagged` (good with lag > 0.1 s).
            Retries apart: `retries` (attempts with retry > 0), `rescued` (those that went
            well): a mitigation arm's final failures are bad - rescued. A cell may have n = 0 and retries.
        slots: G2, (host, platform, site, slot [10 s], operation): `n`, `bad` (explicit + residual), `residual`,
            `on_way`.
        instances: G3, (host, platform, minute, client, event_loop, delay_us, server_instance, kind, operation):
            `n`, `bad` (residual + explicit), `auth`, `auth_fresh`, `format`, `explicit`, `unanswered`. Only rows whose
            instance is known.
        subjects: G4, connects by ordinal in their subject's trailing 300 s: (host, platform, bin [5 min],
            ordinal [exact below 32, then the lower edge of a step]): `n`, `explicit`.
        cut: By the keys of `cells` what the run's end may have cut off (scheduled within its own budget before the
            end, or still waiting then), first tries: `n`; `connections` (distinct); and of these the refusals that
            were complete when they came: `auth`, `auth_fresh`, `format`, `explicit`.
        always: what always fails while others of its platform do not, first tries without mitigation: (platform, what
            [user, scenario, size], subject [the user, or the scenario; empty for a size], part [empty is all, connects,
            exchanges, or the operation of an exchange, the widest of them; of a size: the operation], size [binary
            logarithm, a whole number, of the bytes of a request from which on; else -1]): `n`, `bad`.
        never_ok: users who failed each time at a kind, or at one operation of it, twice to nine times, while most
            others did not, first tries without mitigation, of half a million attempts (times how many there are to one
            of these): (platform, kind): `users`, `n` attempts of theirs.
        factors: per (host, platform, client, event_loop, delay_us, server_instance [null = unknown], factor
            [`factors.FACTORS`], level): `n`, `bad` (explicit + residual), where a factor is drawn for each connection
            also `connections` (distinct; else 0); first tries without mitigation, of half a million attempts; empty
            where there is one platform, one client and one delay, and no two instances.
        dealt: per (host, platform, client, event_loop, delay_us, kind, server_instance [null = unknown]) sums over
            connections, first tries without mitigation that count in `n_clean`: `m` connections, `n`, `nn`, and for
            each way to count failures (`variants.VARIANTS`) `x_...`, `nx_...`, `xx_...`. Of more than half a million
            attempts they are those of one connection in so many, times so many.
        holds: G5, (host, platform, chunk_minute [minute of the start], by_peer [bool: the peer ended it], died [bool:
            it ended before its time, by the peer or on the way, at a first try, while nothing was asked of it], parity
            [0, 1: a stable hash of the connection], duration_bin and silence_bin [longest silence] [0.5 s bins; null =
            not measured]; of those that the peer ended or that died also idle_bin [silence before the end], end_s
            [epoch second], cause, close_code, client, event_loop and delay_us, else null, and their minutes and bins
            coarser, and chunk_minute null at parity 0): `n`. Sessions that the run's end cut off are among them
            (by_peer and died false).
        reached: per (platform, client, event_loop, delay_us, of [age, silence], bin [as of `holds`, coarse]): `n`
            sessions that the peer did not end.
        sessions: per (run_id, host, platform, site, minute, client, event_loop, delay_us): `n` sessions, and of
            these ended by refused credentials (`auth`, `auth_fresh`), by the server's own error or close (`explicit`),
            by a broken frame (`format`), or at all before their time (`failed`).
        fresh_refusals: per (run_id, kind [connect, hold]): `n`, `fresh` (refusals of tokens that were more than a
            minute from their expiry), `sometimes` (of these, of users who were let in at other times).
        credential_checks: per (host, platform, token_kind, result [refused, accepted, not checked]): `n` connects
            with tokens that had to be refused. They are in no other table of waits.
        mute: per (host, platform, is_mute [had answered, then left three and more in a row unanswered to its end],
            operation): `n` requests that went unanswered behind an answered ping; with the operation "" the
            connections on which there were such.
        continued: per (host, platform, operation, parity [as of `idles`], idle [likewise; -1 = not known]), first tries
            without mitigation: `n` requests that went unanswered as the one before on their connection had, `died`
            those of them that no pong was behind.
        first_connects: per (run_id, host, platform, since_s [seconds since the run's first connect, at most 60: all
            later ones]): `n`, `bad` (explicit + residual).
        idles: per (host, platform, parity, idle [whole seconds that the connection had been idle before the
            request, the lower edge of a step]): `n`, `bad` (residual, and no pong).
        base_rtt: G6, per (host, platform): `base_rtt_s` median of (rtt_s - delay_s), null if unknown; `n`.
        arm_rtt: G6, per (host, platform, delay_us): `rtt_s` median of connects, null if unknown; `n`.
        loops: G6, per (host, platform): `good`, `good_lagged` (good attempts with lag > 0.1 s).
        platform_instances: G6, per (platform, server_instance): `n`.
        sites: per (platform, host, site): `n` (site null = unknown).
        budgets: per (platform, client, event_loop, delay_us, operation) without mitigation: `least_s`, `most_s`.
        probes: per (host, platform, site, slot [10 s], operation): `n`, `bad`.
        peers: per (host, platform, site, peer_address), first tries without mitigation whose address is known: `n`,
            `on_way`; empty where nothing was lost on the way.
        mitigation_costs: per (host, platform, minute, mitigation, kind, latency_bin): `n` of ok attempts
            (`latency_bin` = floor(log10(duration_us) * 20)), and rows with `latency_bin` null for all
            attempts including retries: `n` counts started attempts (so added connects can be seen).
        totals: one row: `attempts`, `rows`, `timeouts`, `aborted`, `dropped_tail`, `retries`, `hosts`, `first_minute`,
            `last_minute`, `simulated` (rows).
        notes: What was dropped, in sentences with counts.
    """

    cells: pd.DataFrame
    slots: pd.DataFrame
    instances: pd.DataFrame
    subjects: pd.DataFrame
    cut: pd.DataFrame
    always: pd.DataFrame
    never_ok: pd.DataFrame
    factors: pd.DataFrame
    dealt: pd.DataFrame
    holds: pd.DataFrame
    reached: pd.DataFrame
    sessions: pd.DataFrame
    fresh_refusals: pd.DataFrame
    credential_checks: pd.DataFrame
    mute: pd.DataFrame
    continued: pd.DataFrame
    first_connects: pd.DataFrame
    idles: pd.DataFrame
    base_rtt: pd.DataFrame
    arm_rtt: pd.DataFrame
    loops: pd.DataFrame
    platform_instances: pd.DataFrame
    sites: pd.DataFrame
    budgets: pd.DataFrame
    probes: pd.DataFrame
    peers: pd.DataFrame
    mitigation_costs: pd.DataFrame
    totals: pd.DataFrame
    notes: tuple[str, ...] = ()
