"""The message loop of an established session, and its JSON heartbeat."""

from __future__ import annotations

import asyncio
from typing import Final

from standin import frames
from standin.faults import MessageFacts
from standin.faults.base import Drop, Unroutable
from standin.session.effects import suffer
from standin.session.replies import Reply, reply
from standin.session.wire import Wire
from standin.world import World

MAX_ROUTING_ERRORS: Final = 5
BACK_OFF_S: Final = 0.1
MAX_BACK_OFF_S: Final = 5.0
HEARTBEATS_UNANSWERED: Final = 4
"""JSON pings that go unanswered before they stop: 0, 25, 50, 75 s, and at 100 s silence."""
PREVIEW_BYTES: Final = 200
"""How much of a message is logged."""


class Conversation:
    """Answers the messages of one session, one after the other."""

    def __init__(self, wire: Wire, world: World, *, user_id: str, connection_id: str) -> None:
        self._wire = wire
        self._world = world
        self._user_id = user_id
        self._id = connection_id
        self._start_agent_fails = world.has_quirk("start_agent")
        self._logs_messages = world.log.enabled and world.settings.log_messages
        self._pong_s = wire.now()
        self._served = self._errors = self._errors_in_a_row = 0

    async def beat(self) -> None:
        """JSON pings, until too many went unanswered; the connection is not closed for it."""
        interval_s = self._world.settings.heartbeat_s
        # A timer may fire a hair early.
        limit_s = (HEARTBEATS_UNANSWERED - 0.01) * interval_s
        while True:
            await asyncio.sleep(interval_s)
            if self._wire.now() - self._pong_s >= limit_s:
                self._wire.say(f"heartbeat timeout for {self._id}", "WARNING")
                return
            await self._wire.send(frames.ping(self._wire.wall_s()))

    async def run(self) -> None:
        """Until the client leaves, or too many messages in a row could not be routed.

        Raises:
            Over: Always: the session has ended.
        """
        began_s = self._wire.now()
        try:
            while self._errors_in_a_row < MAX_ROUTING_ERRORS:
                raw, size_bytes = await self._wire.next_message()
                await self._serve(raw, size_bytes)
        finally:
            self._wire.say(
                f"Exiting message handling loop for connection: {self._id} | "
                f"Duration: {self._wire.now() - began_s:.1f}s | Messages processed: {self._served} | "
                f"Errors: {self._errors} | User: {self._user_id}"
            )
        if self._world.has_quirk("zombie"):
            await self._wire.fall_silent()
        for effect in self._world.effects("on_loop_end", self._wire.arrival):
            await suffer(effect, self._wire)
        await self._wire.close("server_close", 1000, "")

    async def _serve(self, raw: bytes | None, size_bytes: int) -> None:
        answer = reply(
            raw,
            user_id=self._user_id,
            wall_s=self._wire.wall_s(),
            start_agent_fails=self._start_agent_fails,
        )
        self._wire.arrival.record.message()
        if answer.ignored:
            self._wire.say(f"Message size violation for {self._id}: size={size_bytes}", "WARNING")
        elif self._logs_messages:
            preview = (raw or b"")[:PREVIEW_BYTES].decode(errors="replace")
            self._wire.say(f"Routing message type '{answer.type}' from {self._user_id}: {preview}")
        if answer.type == "pong":
            self._pong_s = self._wire.now()
        answer = await self._after_faults(answer, size_bytes)
        self._served += 1
        if answer.failed:
            await self._back_off()
            return
        self._errors_in_a_row = 0
        if self._logs_messages and not answer.ignored:
            self._wire.say(f"Message routing successful for user {self._user_id}")
        for number, frame in enumerate(answer.frames):
            if number:
                await self._wire.wait(answer.gap_s)
            await self._wire.send(frame)

    async def _after_faults(self, answer: Reply, size_bytes: int) -> Reply:
        """Let the faults act on a message; the answer that they leave of it."""
        if self._wire.arrival.drawn:
            facts = MessageFacts(self._served, answer.type, size_bytes)
            for effect in self._world.effects("on_message", self._wire.arrival, facts):
                if isinstance(effect, Drop):
                    answer = answer._replace(frames=())
                elif isinstance(effect, Unroutable):
                    answer = answer._replace(frames=(), failed=True)
                else:
                    await suffer(effect, self._wire)
        return answer

    async def _back_off(self) -> None:
        self._errors += 1
        self._errors_in_a_row += 1
        self._wire.say(f"Message routing failed for {self._id}, error_count: {self._errors_in_a_row}", "ERROR")
        await self._wire.wait(min(BACK_OFF_S * 2 ** (self._errors_in_a_row - 1), MAX_BACK_OFF_S))
