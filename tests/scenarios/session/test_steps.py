"""The language of scripts: what a step says if nothing is added, and what a script is told."""

from __future__ import annotations

import pytest

from scenarios.protocols.echo import Echo
from scenarios.protocols.staging import Staging
from scenarios.session.steps import PROTOCOL_PING, Exchange, Hold, Result, Script, Step, Together


def test_a_request_is_sent_at_once_waits_as_the_plan_says_and_left_none_out_unless_it_says_otherwise() -> None:
    request = Exchange("chat")
    assert request.scheduled_at is None
    assert request.budget_s is None
    assert (request.skipped, request.size) == (0, 0)


def test_a_step_that_just_ends_went_well() -> None:
    assert Result(5.0).outcome == "ok"


def test_the_websockets_own_ping_is_no_request_of_any_target() -> None:
    for protocol in (Staging, Echo):
        assert PROTOCOL_PING not in (protocol.operations or ())


def test_a_script_is_told_the_outcome_of_each_step_and_ends_by_returning() -> None:
    told: list[Result] = []

    def two_steps() -> Script:
        told.append((yield Together((Exchange("chat"), Exchange(PROTOCOL_PING)))))
        told.append((yield Hold(until=told[-1].now + 10.0)))

    script = two_steps()
    steps: list[Step] = [next(script), script.send(Result(3.0, "failed"))]
    assert steps[1] == Hold(13.0)
    with pytest.raises(StopIteration):
        script.send(Result(13.0))
    assert [(one.now, one.outcome) for one in told] == [(3.0, "failed"), (13.0, "ok")]
