"""A claim that was looked at in every part of the run: what the parts make of what the whole says."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from analysis.comparison.rated import MOST_NAMED
from analysis.comparison.undiluted import (
    WHOLE_SHARE,
    Look,
    by_arm,
    by_client,
    by_delay,
    by_host,
    by_operation,
    by_operation_and_arm,
    undiluted,
)
from analysis.comparison.view import View, view_of, with_everything
from analysis.model import Check, Criteria, Effect, Finding
from analysis.stats.detectable import Precision
from analysis.stats.estimate import Estimate, Spread
from tests.analysis.effects import estimate_of
from tests.analysis.tables_by_hand import sketched, with_cells

MARGIN, ALPHA = Criteria().margin, Criteria().alpha


def view(**given: Any) -> View:
    return view_of(sketched(1, **given), Criteria())


VIEW = view()


def effect(low: float, high: float, **given: Any) -> Effect:
    return Effect(name="risk difference", estimate=(low + high) / 2, low=low, high=high, **given)


INSIDE = Finding(state="ruled_out", effect=effect(-0.001, 0.001), p_value=1.0, evidence="Inside.", n=9)
BEYOND = Finding(state="confirmed", effect=effect(0.02, 0.04), p_value=1e-6, evidence="Beyond.", n=3)
ACROSS = Finding(state="undecided", effect=effect(-0.01, 0.03), p_value=0.4, needs="More.", n=5)
VAGUE = Finding(state="undecided", effect=effect(-0.01, 0.016), p_value=0.4, needs="More.", n=5)


def precise(finding: Finding, se: float) -> Finding:
    """The finding, of a comparison with this standard error."""
    spread = Spread(se, math.inf)
    known = Precision(of="It", estimates=(Estimate(value=0.0, spreads=(spread,), n=9),))
    return replace(finding, precision=known)


def seen_by(
    said: Mapping[str, Finding],
    *,
    whole: Finding = INSIDE,
    everything: Finding = INSIDE,
    looks: Sequence[Look] | None = None,
    of: View = VIEW,
) -> Finding:
    """The whole's finding after a look at each operation, of which the claim says what is given (else INSIDE)."""

    def claim(part: View) -> Finding:
        if part.everything:
            return everything
        operations = {part.operations[o] for o in np.unique(part.cells.operation)}
        found = [said[name] for name in operations if name in said]
        return found[0] if len(operations) == 1 and found else INSIDE

    return undiluted(of, claim, whole, by_operation(of) if looks is None else looks)


# -- ruled out as a whole -----------------------------------------------------------------------------------


def test_what_is_inside_the_margin_in_every_part_stays_ruled_out_and_the_parts_are_shown() -> None:
    found = seen_by({})
    assert (found.state, found.evidence) == ("ruled_out", "Inside.")
    assert {name: part.state for name, part in found.parts.items()} == {
        "in connects": "ruled_out",
        "in ping exchanges": "ruled_out",
        "in chat exchanges": "ruled_out",
    }


def test_a_part_that_could_not_have_told_the_margin_from_nothing_is_named_and_holds_nothing_open() -> None:
    for vague in (VAGUE, precise(VAGUE, 0.004), Finding(state="undecided", evidence="Nothing to compare.")):
        found = seen_by({"chat": vague})
        assert found.state == "ruled_out"
        assert found.evidence == "Inside. Too few attempts to say it of chat exchanges alone."
    # (1.96 + 0.84) standard errors are a margin of 0.5 points.
    assert seen_by({"chat": precise(VAGUE, 0.0017)}).state == "undecided"


def test_a_part_that_a_few_failures_put_near_the_margin_holds_it_open_however_few_its_attempts_are() -> None:
    near = replace(VAGUE, effect=effect(-0.01, 0.0178))
    assert VIEW.margin * 0.75 < estimate_of(near.effect) < VIEW.margin
    for failures, state in ((2, "ruled_out"), (3, "undecided")):
        cells = VIEW.cells
        bad = np.zeros_like(cells.bad)
        bad[np.flatnonzero(cells.operation == VIEW.operations.index("chat"))[:failures]] = 1
        struck = view_of(with_cells(sketched(1), n=20, n_clean=20, bad=bad, residual=bad), Criteria())
        assert seen_by({"chat": near}, of=struck).state == state


def test_one_host_of_many_must_differ_from_nothing_besides() -> None:
    looks = [Look(name="host h1", view=VIEW, confirms=False)]

    def with_host(finding: Finding) -> Finding:
        return undiluted(VIEW, lambda part: INSIDE if part.everything else finding, INSIDE, looks)

    assert with_host(ACROSS).state == "ruled_out"
    assert with_host(replace(ACROSS, effect=effect(0.001, 0.02))).state == "undecided"


def test_a_part_across_the_margin_holds_it_open_and_is_named_with_its_effect() -> None:
    found = seen_by({"chat": ACROSS})
    assert found.state == "undecided"
    assert found.evidence == (
        "Inside the margin as a whole, but across it in chat exchanges (+1.00 points (95 % interval -1.00 to +3.00))."
    )
    assert found.needs == "In chat exchanges: more."
    assert not found.ceiling


def test_a_part_beyond_the_margin_confirms_what_the_whole_would_rule_out() -> None:
    found = seen_by({"connect": BEYOND, "chat": ACROSS})
    assert found.state == "confirmed"
    assert (found.effect, found.evidence) == (BEYOND.effect, "In connects: Beyond.")
    # Three parts share what the whole does not keep.
    assert found.p_value == pytest.approx(1e-6 * 3 / (1 - WHOLE_SHARE))
    assert found.needs == ""


def test_a_part_that_is_not_sure_enough_for_its_share_of_the_error_rate_is_only_held_open() -> None:
    limit = ALPHA * (1 - WHOLE_SHARE) / 3
    weak = replace(BEYOND, p_value=limit * 1.01)
    found = seen_by({"connect": weak})
    assert found.state == "undecided"
    assert found.evidence.startswith("Inside the margin as a whole, but beyond it in connects (+3.00")
    assert seen_by({"connect": replace(weak, p_value=limit / 1.01)}).state == "confirmed"


def test_the_clearest_part_is_the_one_that_counts() -> None:
    clearer = replace(BEYOND, p_value=1e-9, evidence="Clearer.")
    assert seen_by({"connect": BEYOND, "chat": clearer}).evidence == "In chat exchanges: Clearer."


def test_a_look_that_confirms_nothing_holds_open_all_the_same() -> None:
    looks = [replace(one, confirms=False) for one in by_operation(VIEW)]
    found = seen_by({"connect": BEYOND}, looks=looks)
    assert found.state == "undecided"
    assert "beyond it in connects" in found.evidence


@pytest.mark.parametrize(
    "far",
    [effect(0.02, 0.04, reversed=True), replace(effect(0.02, 0.04), low=None), replace(effect(0.02, 0.04), high=None)],
)
def test_an_effect_without_bounds_or_on_the_other_side_is_not_beyond(far: Effect) -> None:
    found = seen_by({"connect": replace(ACROSS, effect=far)})
    assert found.parts["in connects"].state == "undecided"
    assert found.evidence.startswith("Inside the margin as a whole, but across it in connects")


def test_what_is_beyond_is_named_before_what_may_be_on_either_side_of_nothing() -> None:
    found = seen_by({"connect": replace(ACROSS, effect=effect(-0.04, -0.02)), "chat": ACROSS})
    assert found.parts["in connects"].state == "confirmed"
    assert found.evidence.startswith("Inside the margin as a whole, but beyond it in connects (-3.00 points")
    assert "chat" not in found.evidence


def test_few_parts_are_named_and_all_are_shown() -> None:
    operations = tuple(["connect", *(f"op{n}" for n in range(5))])
    many = view(operations=operations, attempts_a_minute=400.0)
    found = seen_by(dict.fromkeys(operations, ACROSS), of=many)
    assert found.evidence.count("exchanges") + found.evidence.count("connects") == MOST_NAMED
    assert len(found.parts) == len(operations)


def test_a_part_with_too_few_attempts_holds_nothing_open_and_is_said() -> None:
    cells = sketched(1).cells
    is_late = (cells["operation"] == "chat") & (cells["minute"] > cells["minute"].min())
    rare = with_cells(sketched(1), operation=np.where(is_late, "ping", cells["operation"]))
    few = view_of(rare, Criteria())
    found = seen_by({"chat": ACROSS}, of=few)
    assert found.state == "ruled_out"
    assert found.evidence == "Inside. Too few attempts to say it of chat exchanges alone."
    assert found.parts["in chat exchanges"].evidence == "Too few attempts to say."
    # Few as they are, what is surely beyond the margin is beyond it.
    assert seen_by({"chat": replace(BEYOND, p_value=0.04)}, of=few).state == "undecided"


# -- with all failures in it --------------------------------------------------------------------------------


def test_what_holds_only_without_the_explained_failures_is_not_ruled_out() -> None:
    found = seen_by({}, everything=replace(ACROSS, needs=""))
    assert found.state == "undecided"
    assert found.evidence.startswith("Within the margin only without the failures that something explains; with all of")
    assert "+1.00 points" in found.evidence
    assert found.needs == "The server's log: who is spared the failures that the server explains?"
    assert seen_by({}, everything=ACROSS).needs == "More."


def test_a_run_without_failures_needs_no_second_look() -> None:
    tables = sketched(1)
    clean = view_of(with_cells(tables, bad=0, residual=0, timeouts=0), Criteria())
    assert seen_by({"chat": ACROSS}, everything=ACROSS, of=clean) == INSIDE


def test_explained_failures_alone_are_looked_at_again() -> None:
    tables = sketched(1)
    explained = view_of(with_cells(tables, residual=0, explicit=tables.cells["bad"]), Criteria())
    assert not explained.compared.unexplained.any()
    assert with_everything(explained).compared.unexplained.any()
    assert seen_by({}, everything=ACROSS, of=explained).state == "undecided"


# -- confirmed or undecided as a whole ----------------------------------------------------------------------


def test_a_whole_that_pays_for_the_looks_stays_confirmed() -> None:
    found = seen_by({}, whole=BEYOND)
    assert (found.state, found.evidence) == ("confirmed", "Beyond.")
    assert found.p_value == pytest.approx(1e-6 / WHOLE_SHARE)


def test_a_whole_that_cannot_pay_for_the_looks_is_undecided() -> None:
    found = seen_by({}, whole=replace(BEYOND, p_value=ALPHA * WHOLE_SHARE * 1.01))
    assert found.state == "undecided"
    assert found.p_value == pytest.approx(ALPHA * 1.01)
    assert found.needs.startswith("About a third more data")


def test_a_part_confirms_what_the_whole_cannot_decide() -> None:
    found = seen_by({"ping": BEYOND}, whole=ACROSS)
    assert (found.state, found.evidence) == ("confirmed", "In ping exchanges: Beyond.")
    assert seen_by({"ping": ACROSS}, whole=ACROSS).state == "undecided"


def test_a_finding_stays_as_it_is_where_a_condition_failed_or_nothing_was_tested() -> None:
    failed = replace(ACROSS, checks=(Check(name="alike", ok=False, detail=""),))
    unknown = replace(ACROSS, checks=(Check(name="alike", ok=None, detail=""),))
    for whole in (failed, unknown, replace(ACROSS, p_value=None)):
        assert seen_by({"ping": BEYOND}, whole=whole) is whole


def test_without_parts_a_run_pays_for_no_looks() -> None:
    assert seen_by({}, whole=BEYOND, looks=[]) == BEYOND
    assert seen_by({}, looks=[]) == INSIDE


def test_what_the_claim_says_of_its_own_parts_is_kept() -> None:
    own = {"Linux": seen_by({}).parts["in connects"]}
    found = seen_by({}, whole=replace(INSIDE, parts=own))
    assert set(found.parts) == {"Linux", *seen_by({}).parts}


# -- the looks ----------------------------------------------------------------------------------------------


def attempts(looks: Iterable[Look]) -> int:
    return sum(int(look.view.cells.n.sum()) for look in looks)


def test_operations_delays_clients_and_hosts_take_the_run_apart() -> None:
    whole = int(VIEW.cells.n.sum())
    for looks in (by_operation(VIEW), by_delay(VIEW), by_client(VIEW), by_host(VIEW)):
        assert attempts(looks) == whole
    assert [look.name for look in by_operation(VIEW)] == ["chat exchanges", "connects", "ping exchanges"]
    assert [look.name for look in by_delay(VIEW)][1] == "attempts with 160 ms added"
    hosts = by_host(VIEW)
    assert len(hosts) == 6
    assert hosts[0].name == "host Linux-0 (Linux)"
    assert not any(look.confirms for look in (*hosts, *by_client(VIEW)))
    assert [look.name for look in by_client(VIEW)] == [f"attempts of {name}" for name in VIEW.families]
    assert all(look.confirms for look in (*by_operation(VIEW), *by_delay(VIEW), *by_arm(VIEW)))


def test_each_look_sees_its_part_only_and_the_flags_of_its_cells() -> None:
    flagged = replace(VIEW, flagged=VIEW.cells.operation == 0)
    looks: list[Look] = by_operation(flagged)
    for code, look in enumerate(looks):
        assert set(look.view.cells.operation) == {code}
        assert look.view.flagged.all() == (code == 0)
        assert len(look.view.flagged) == len(look.view.cells)


def test_each_higher_delay_is_beside_the_lowest() -> None:
    looks = by_arm(VIEW)
    assert [look.name for look in looks] == ["the arm of 160 ms", "the arm of 320 ms"]
    assert [set(look.view.cells.delay) for look in looks] == [{0, 1}, {0, 2}]


def test_each_operation_is_looked_at_in_each_delay_between_the_lowest_and_the_highest() -> None:
    looks = by_operation_and_arm(VIEW)
    assert [look.name for look in looks] == [
        f"{name} in the arm of 160 ms" for name in ("chat exchanges", "connects", "ping exchanges")
    ]
    for code, look in enumerate(looks):
        assert (set(look.view.cells.operation), set(look.view.cells.delay)) == ({code}, {0, 1})
        assert look.crosses and not look.confirms


def test_what_there_is_one_of_is_no_part() -> None:
    one = view(operations=("connect",), delays_us=(0,), platforms=("Linux",), hosts=1, clients=("websocket-client",))
    assert by_operation(one) == by_arm(one) == by_delay(one) == by_client(one) == by_host(one) == []
    two = view(delays_us=(0, 160_000))
    assert by_arm(two) == by_operation_and_arm(two) == []
    assert len(by_delay(two)) == 2
