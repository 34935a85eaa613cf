"""Messages between a worker and its child survive any cutting of the stream."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from attempts.schema import Attempt, ConnectionFacts
from scenarios.clients.on_asyncio.messages import Batch, Cancel, Command, Inbox, StartMessage, Stop, Storm, encoded
from scenarios.plan import ConnectionPlan, ConnectionResult, Target, Token

PLAN = ConnectionPlan(
    user=1, connection=2, scenario="steady", scheduled_at=3, subject="u", seed=4, token=Token("secret", 1.0, 2.0)
)
COMMANDS: list[Command] = [StartMessage(7, PLAN, Target(scheme="ws", host="h", port=1)), Storm(), Cancel(7), Stop()]


@given(st.lists(st.integers(1, 60), max_size=60))
def test_commands_arrive_whole_and_in_order_however_they_are_cut(sizes: list[int]) -> None:
    stream = b"".join(encoded(command) for command in COMMANDS)
    inbox, found = Inbox(), []
    for size in [*sizes, len(stream)]:
        found += inbox.commands(stream[:size])
        stream = stream[size:]
    assert found == COMMANDS


def test_a_batch_keeps_its_rows_facts_and_results() -> None:
    row = Attempt(
        kind="exchange",
        operation="ping",
        scheduled_at=1,
        started_at=2,
        duration_s=0.25,
        budget_s=1.0,
        outcome="ok",
        phase="exchange",
        facts=3,
    )
    facts = ConnectionFacts(user=1, connection=2, subject="u", scenario="s", client="c", event_loop="e")
    result = ConnectionResult(ready=True, ended_by="script", outcome="ok", phase="hold")
    batch = Batch(facts=[(3, 7, facts)], rows=[row], skipped=2, in_flight=[(7, row)], ended=[(7, result)])
    assert Inbox().batches(encoded(batch)) == [batch]


def test_batches_do_not_share_their_lists() -> None:
    Batch().rows.append(None)  # type: ignore[arg-type]
    assert Batch().rows == []
