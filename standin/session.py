"""One session on /ws: accept, authenticate, welcome, then answer messages in turn (contract sections 2 to 9).

While the server waits (a delay, the pause between agent events) it goes on reading into an inbox, so that
protocol pings are answered and a departure is noticed. A client that leaves during the set-up does not
stop it: the set-up runs to its end, as in the original, with everything it sends going nowhere.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import functools
import secrets
import time
from typing import Any, NoReturn

import orjson
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

from standin import frames
from standin.auth import Refusal, User, chosen_subprotocol, find_token
from standin.bypass import asks_for_bypass, bypass_user, skips_startup
from standin.faults import Fault, MessageFacts
from standin.faults.base import (
    Delay,
    Drop,
    Effect,
    Fail,
    Frames,
    NotStarted,
    RefuseToken,
    Reset,
    Silence,
    Subprotocol,
)
from standin.replies import Reply, reply
from standin.world import Arrival, World, reset

MAX_ROUTING_ERRORS = 5
BACK_OFF_S = 0.1
MAX_BACK_OFF_S = 5.0
HEARTBEATS_UNANSWERED = 4
"""JSON pings that go unanswered before they stop: 0, 25, 50, 75 s, and at 100 s silence."""
INBOX_LIMIT = 1000
"""Messages read ahead while the server waits; beyond, TCP holds the client back."""
FIRST_STALL_S = 0.7
"""The original's lazy imports on a fresh worker block its loop 0.6 to 0.8 s."""


class _Over(Exception):
    """The session has ended, and its record says how."""


class Session:
    """One session socket after its upgrade request was read."""

    def __init__(self, websocket: WebSocket, world: World) -> None:
        self._websocket = websocket
        self._world = world
        self._arrival: Arrival = websocket.scope["state"]["arrival"]
        self._record = self._arrival.record
        self._logs_messages = world.log.enabled and world.settings.log_messages
        self._instance = self._arrival.instance
        self._say = functools.partial(world.log.say, instance=self._instance.name)
        self._inbox: collections.deque[dict[str, Any]] = collections.deque()
        self._departed = False
        self._pong_s = self._message_s = world.clock.now()
        self._user_id = ""
        self._id = ""
        self._silent = False
        self._heart: asyncio.Task[None] | None = None
        self._timers: list[asyncio.TimerHandle] = []

    async def run(self) -> None:
        """The whole session."""
        self._instance.sessions += 1
        try:
            await self._accept()
            await self._authenticate()
            await self._set_up()
            await self._converse()
        except _Over:
            pass
        finally:
            self._instance.sessions -= 1
            if self._heart is not None:
                self._heart.cancel()
            for timer in self._timers:
                timer.cancel()
            self._say(f'{self._arrival.client} - "WebSocket /ws" connection closed')

    # The stages of the set-up

    async def _accept(self) -> None:
        headers = self._websocket.scope["headers"]
        bypass = self._world.has_quirk("e2e_bypass") and asks_for_bypass(headers)
        self._say(f"auth check: env={frames.ENVIRONMENT}, is_testing=False, is_e2e_testing={bypass}")
        self._say(f"E2E detection via headers: {bypass}")
        subprotocol = chosen_subprotocol(headers)
        for effect in self._world.effects("on_accept", self._arrival):
            if isinstance(effect, Subprotocol):
                subprotocol = effect.value
        if self._world.has_quirk("first_stall") and not self._world.is_warm:
            time.sleep(FIRST_STALL_S)
        self._world.is_warm = True
        await self._websocket.accept(subprotocol, [(b"x-server-instance", self._instance.name.encode())])
        self._accepted_s = self._world.clock.now()
        self._accepted_wall_s = self._world.clock.wall_s()
        self._say(f'{self._arrival.client} - "WebSocket /ws" [accepted]')
        self._say(f'{self._arrival.client} - "WebSocket /ws" connection open')
        self._arm_cuts()

    async def _authenticate(self) -> None:
        scope = self._websocket.scope
        self._say("SSOT AUTHENTICATION: Starting")
        self._say("UNIFIED AUTH: WebSocket authentication request")
        await self._wait(self._world.settings.timeline.auth_s)
        token = find_token(scope["headers"], scope["query_string"].decode("latin-1"))
        user: User | Refusal | None = None
        if self._world.has_quirk("e2e_bypass") and asks_for_bypass(scope["headers"]):
            user = bypass_user(token, int(self._world.clock.wall_s()))
            if user is not None:
                self._say(f"E2E BYPASS: mock authentication for user {user.user_id}")
        if user is None:
            user = self._world.verifier.check(token, token_type_required=self._world.has_quirk("token_type"))
        if isinstance(user, Refusal):
            await self._refuse_token(user, token)
        accepts = self._instance.accepts(user.user_id)
        self._arrival.facts = self._arrival.facts._replace(subject=user.user_id, user_accepts=accepts)
        for effect in self._world.effects("on_auth", self._arrival):
            if isinstance(effect, RefuseToken):
                await self._wait(self._accepted_s + effect.after_s - self._world.clock.now())
                await self._refuse_token(Refusal("VALIDATION_FAILED", effect.text), token)
            await self._suffer(effect)
        accepts.append(self._world.moment().since_ready_s)
        self._user_id = user.user_id
        self._id = frames.connection_id(user.user_id, self._accepted_wall_s, secrets.token_hex(4))
        self._record.known_as(self._user_id, self._id)
        short = user.user_id[:8]
        self._say(f"SSOT WEBSOCKET AUTH: Success for user {short}... (client_id: {self._id})")
        self._say(f"[OK] SSOT AUTHENTICATION SUCCESS: user={short}..., client_id={self._id}")
        self._say(
            f"Created isolated WebSocket manager for user {short}... "
            f"(isolation_key: {self._user_id}:{self._id}, manager_id: {id(self)})"
        )

    async def _set_up(self) -> None:
        startup_complete = True
        for effect in self._world.effects("on_welcome", self._arrival):
            if isinstance(effect, NotStarted):
                if self._world.has_quirk("e2e_bypass") and skips_startup(self._websocket.scope["headers"]):
                    continue
                startup_complete = False
                self._say(f"proceeding after {effect.waited_s:.1f}s wait", "WARNING")
                await self._send(frames.degraded_mode(effect.waited_s, self._wall_s()))
            else:
                await self._suffer(effect)
        timeline = self._world.settings.timeline
        self._say(f"WebSocket authenticated for user: {self._user_id} at {frames.iso(self._wall_s())}")
        self._say(f"Registered connection with isolated manager: {self._id}")
        await self._wait(timeline.register_s)
        await self._send(frames.handshake_validation(self._wall_s()))
        wall_s = self._wall_s()
        await self._send(
            frames.welcome(
                connection_id=self._id,
                user_id=self._user_id,
                startup_complete=startup_complete,
                heartbeat_s=self._world.settings.heartbeat_s,
                wall_s=wall_s,
            )
        )
        if not self._departed:
            self._record.welcomed(int(wall_s * 1e6))
        self._pong_s = self._world.clock.now()
        await self._send(frames.ping(self._wall_s()))
        self._heart = asyncio.create_task(self._beat())
        await self._wait(timeline.loop_s)
        self._say(
            f"WebSocket connection fully established for user {self._user_id} in {frames.ENVIRONMENT} "
            "using FACTORY_PATTERN"
        )
        self._say(f"Entering message handling loop for connection: {self._id} (user: {self._user_id})")
        state = "DISCONNECTED" if self._departed else "CONNECTED"
        self._say(
            f"WebSocket state at loop entry - client_state: WebSocketState.{state}, "
            f"application_state: WebSocketState.{state}"
        )
        if self._departed:
            self._say(
                f"WebSocket connection state error for {self._id}: WebSocket is not connected. "
                'Need to call "accept" first.',
                "ERROR",
            )

    # Messages, one after the other

    async def _converse(self) -> None:
        served = errors = in_a_row = 0
        back_off_s = BACK_OFF_S
        began_s = self._world.clock.now()
        try:
            while True:
                raw, size = await self._next_message()
                wall_s = self._wall_s()
                answer = reply(
                    raw,
                    user_id=self._user_id,
                    wall_s=wall_s,
                    start_agent_fails=self._world.has_quirk("start_agent"),
                )
                if answer.ignored:
                    self._say(f"Message size violation for {self._id}: size={size}", "WARNING")
                if answer.type == "pong":
                    self._pong_s = self._world.clock.now()
                if self._logs_messages and not answer.ignored:
                    preview = (raw or b"")[:200].decode(errors="replace")
                    self._say(f"Routing message type '{answer.type}' from {self._user_id}: {preview}")
                self._record.message()
                dropped = False
                if self._arrival.drawn:
                    facts = MessageFacts(served, answer.type, size)
                    for effect in self._world.effects("on_message", self._arrival, facts):
                        if isinstance(effect, Drop):
                            dropped = True
                        else:
                            await self._suffer(effect)
                served += 1
                if not answer.failed:
                    if self._logs_messages and not answer.ignored:
                        self._say(f"Message routing successful for user {self._user_id}")
                    in_a_row, back_off_s = 0, BACK_OFF_S
                    if not dropped:
                        await self._answer(answer)
                    continue
                errors, in_a_row = errors + 1, in_a_row + 1
                self._say(f"Message routing failed for {self._id}, error_count: {in_a_row}", "ERROR")
                await self._wait(back_off_s)
                back_off_s = min(back_off_s * 2, MAX_BACK_OFF_S)
                if in_a_row >= MAX_ROUTING_ERRORS:
                    break
        finally:
            self._say(
                f"Exiting message handling loop for connection: {self._id} | "
                f"Duration: {self._world.clock.now() - began_s:.1f}s | Messages processed: {served} | "
                f"Errors: {errors} | User: {self._user_id}"
            )
        if self._world.has_quirk("zombie"):
            await self._fall_silent()
        await self._close("server_close", 1000, "")

    async def _answer(self, answer: Reply) -> None:
        for number, frame in enumerate(answer.frames):
            if number:
                await self._wait(answer.gap_s)
            await self._send(frame)

    async def _next_message(self) -> tuple[bytes | None, int]:
        """The next message's UTF-8 (None: it was binary) and its size in bytes."""
        if self._departed:
            raise _Over
        if self._inbox:
            message = self._inbox.popleft()
        else:
            message = await self._receive()
            if self._departed:
                raise _Over
        text = message.get("text")
        if text is None:
            return None, len(message["bytes"])
        raw = text.encode()
        return raw, len(raw)

    # What faults and refusals do

    async def _suffer(self, effect: Effect) -> None:
        match effect:
            case Delay(seconds):
                await self._wait(seconds)
            case Frames(extra):
                self._say(f"agent_supervisor is None in {frames.ENVIRONMENT}", "WARNING")
                for frame in extra:
                    await self._send(dict(frame))
            case Silence():
                await self._fall_silent()
            case Reset():
                self._record.end("reset")
                reset(self._arrival.transport)
                raise _Over
            case Fail(code, text, close_code, reason):
                self._say(f"FACTORY INITIALIZATION FAILED: {text}" if code == "FACTORY_INIT_FAILED" else text, "ERROR")
                if code == "FACTORY_INIT_FAILED":
                    user = self._arrival.facts.subject
                    self._say(f"Resource limit exceeded for user {user[:8]}... {text[text.rfind('(') :]}", "ERROR")
                    self._say(f"HARD LIMIT: User {user[:8]}...", "ERROR")
                await self._send(frames.error_message(code, text, {"environment": frames.ENVIRONMENT}, self._wall_s()))
                await self._close("error_close", close_code, reason)
            case _:
                raise TypeError(f"{effect!r} has no meaning at this point of a session")

    async def _refuse_token(self, refusal: Refusal, token: str | None) -> NoReturn:
        """The error frame, a pause, close 1008."""
        shape = f"({len(token)}chars,{token.count('.')}dots)" if token else "(none)"
        self._say(f"SSOT AUTHENTICATION FAILED: {refusal.code} - Token={shape} failed on {frames.ENVIRONMENT}", "ERROR")
        details = {
            "environment": frames.ENVIRONMENT,
            "ssot_authentication": True,
            "error_code": refusal.code,
            # The original shows previews of header values here. This one says only how the token looks.
            "failure_context": {"token_present": token is not None, "token_shape": shape},
        }
        await self._send(frames.error_message(refusal.code, refusal.text, details, self._wall_s()))
        await self._wait(self._world.settings.timeline.error_s)
        await self._close("auth_refused", 1008, "SSOT Auth failed")

    async def _close(self, how: str, code: int, reason: str) -> NoReturn:
        self._record.end(how, code)
        with contextlib.suppress(WebSocketDisconnect, WebSocketDisconnected, RuntimeError):
            await self._websocket.close(code, reason)
        raise _Over

    async def _fall_silent(self) -> NoReturn:
        """Read on, so that protocol pings are answered, and say nothing until the client leaves."""
        self._silent = True
        if self._heart is not None:
            self._heart.cancel()
        self._inbox.clear()
        while not self._departed:
            await self._receive()
        raise _Over

    def _arm_cuts(self) -> None:
        idle, age = self._world.cuts(self._arrival)
        loop = asyncio.get_running_loop()
        if age is not None:
            self._timers.append(loop.call_later(age[0], self._cut, "lifetime_cut", age[1]))
        if idle is not None:
            limit_s, fault = idle
            self._message_s = self._world.clock.now()

            def check() -> None:
                left_s = self._message_s + limit_s - self._world.clock.now()
                if left_s <= 0:
                    self._cut("idle_cut", fault)
                else:
                    self._timers[-1] = loop.call_later(left_s, check)

            self._timers.append(loop.call_later(limit_s, check))

    def _cut(self, how: str, fault: Fault) -> None:
        """The TCP connection ends without a close frame."""
        self._record.hit(fault, self._world.clock.wall_us())
        self._record.end(how)
        self._arrival.transport.abort()

    # The wire

    async def _beat(self) -> None:
        """JSON pings, until too many went unanswered; the connection is not closed for it."""
        interval_s = self._world.settings.heartbeat_s
        while True:
            await asyncio.sleep(interval_s)
            # A timer may fire a hair early.
            if self._world.clock.now() - self._pong_s >= HEARTBEATS_UNANSWERED * interval_s - 0.01 * interval_s:
                self._say(f"heartbeat timeout for {self._id}", "WARNING")
                return
            await self._send(frames.ping(self._wall_s()))

    async def _wait(self, seconds: float) -> None:
        """Let time pass, reading what comes."""
        until_s = self._world.clock.now() + seconds
        while (left_s := until_s - self._world.clock.now()) > 0:
            if self._departed or len(self._inbox) >= INBOX_LIMIT:
                if await self._world.is_stopping_within(left_s):
                    raise _Over
                continue
            with contextlib.suppress(TimeoutError):
                message = await asyncio.wait_for(self._receive(), left_s)
                if not self._departed:
                    self._inbox.append(message)

    async def _receive(self) -> dict[str, Any]:
        """The next event of the socket; a disconnect sets `_departed`."""
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            self._departed = True
        else:
            self._message_s = self._world.clock.now()
        return dict(message)

    async def _send(self, frame: frames.Frame) -> None:
        if self._departed or self._silent:
            return
        try:
            await self._websocket.send({"type": "websocket.send", "text": orjson.dumps(frame).decode()})
        except (WebSocketDisconnect, WebSocketDisconnected, RuntimeError):
            self._departed = True

    def _wall_s(self) -> float:
        return self._world.clock.wall_s()
