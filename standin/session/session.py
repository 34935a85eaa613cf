"""One session on /ws: accept, authenticate, welcome, then converse.

A client that leaves during the set-up does not stop it: the set-up runs to its end, as in the original,
with everything it sends going nowhere, and the log then tells of a socket that nobody holds.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Final

from starlette.websockets import WebSocket

from standin import frames
from standin.faults.base import NotStarted, RefuseToken, Subprotocol
from standin.identity.bypass import asks_for_bypass, bypass_user, skips_startup
from standin.identity.tokens import Refusal, User, chosen_subprotocol, find_token, malformed
from standin.session.conversation import Conversation
from standin.session.effects import refuse, suffer
from standin.session.wire import Over, Wire
from standin.world import World

FIRST_STALL_S: Final = 0.7
"""The original's lazy imports on a fresh worker block its loop 0.6 to 0.8 s."""
CONNECT_COST_S: Final = 0.08
"""The original spends 69 to 86 ms of its only core on each connect."""


async def run_session(websocket: WebSocket, world: World) -> None:
    """The whole life of one session socket whose upgrade request was read."""
    wire = Wire(websocket, world)
    instance = wire.arrival.instance
    instance.sessions += 1
    try:
        await _Session(wire, world).run()
    except Over:
        pass
    finally:
        instance.sessions -= 1
        wire.release()
        wire.say(f'{wire.arrival.client} - "WebSocket /ws" connection closed')


class _Session:
    def __init__(self, wire: Wire, world: World) -> None:
        self._wire = wire
        self._world = world
        self._timeline = world.settings.timeline
        self._bypass = world.has_quirk("e2e_bypass") and asks_for_bypass(wire.headers)

    async def run(self) -> None:
        await self._accept()
        accepted_s, accepted_wall_s = self._wire.now(), self._wire.wall_s()
        user = await self._authenticate(accepted_s)
        connection_id = frames.connection_id(user.user_id, accepted_wall_s, secrets.token_hex(4))
        self._register(user, connection_id)
        startup_complete = await self._start_up()
        conversation = Conversation(self._wire, self._world, user_id=user.user_id, connection_id=connection_id)
        await self._welcome(user, connection_id, startup_complete=startup_complete)
        heart = asyncio.create_task(conversation.beat())
        try:
            await self._wire.wait(self._timeline.loop_s)
            self._enter(user, connection_id)
            await conversation.run()
        finally:
            heart.cancel()

    async def _accept(self) -> None:
        wire = self._wire
        wire.say(f"auth check: env={frames.ENVIRONMENT}, is_testing=False, is_e2e_testing={self._bypass}")
        wire.say(f"E2E detection via headers: {self._bypass}")
        subprotocol = chosen_subprotocol(wire.headers)
        for effect in self._world.effects("on_accept", wire.arrival):
            if isinstance(effect, Subprotocol):
                subprotocol = effect.value
        if self._world.has_quirk("first_stall") and not self._world.is_warm:
            time.sleep(FIRST_STALL_S)
        self._world.is_warm = True
        if self._world.has_quirk("connect_cost"):
            time.sleep(CONNECT_COST_S)
        await wire.accept(subprotocol)
        wire.say(f'{wire.arrival.client} - "WebSocket /ws" [accepted]')
        wire.say(f'{wire.arrival.client} - "WebSocket /ws" connection open')

    async def _authenticate(self, accepted_s: float) -> User:
        wire = self._wire
        wire.say("SSOT AUTHENTICATION: Starting")
        wire.say("UNIFIED AUTH: WebSocket authentication request")
        await wire.wait(self._timeline.auth_s)
        token = find_token(wire.headers, wire.query)
        user = await self._check(token, accepted_s)
        if isinstance(user, Refusal):
            await refuse(user, token, wire, pause_s=self._timeline.error_s)
        arrival = wire.arrival
        accepts = arrival.instance.accepts(user.user_id)
        arrival.facts = arrival.facts._replace(subject=user.user_id, user_accepts=accepts)
        for effect in self._world.effects("on_auth", arrival):
            await suffer(effect, wire)
        # A manager is made now, and nothing frees it when the client leaves: that is what a quota counts.
        accepts.append(self._world.moment().since_ready_s)
        return user

    async def _check(self, token: str | None, accepted_s: float) -> User | Refusal:
        """By the bypass, which asks nobody; else by form, and then by the authentication service."""
        wire = self._wire
        if self._bypass and (user := bypass_user(token, int(wire.wall_s()))) is not None:
            wire.say(f"E2E BYPASS: mock authentication for user {user.user_id}")
            return user
        refusal = malformed(token)
        if refusal is not None:
            return refusal
        assert token is not None
        for effect in self._world.effects("on_check", wire.arrival):
            if isinstance(effect, RefuseToken):
                await wire.wait(accepted_s + effect.after_s - wire.now())
                return Refusal("VALIDATION_FAILED", effect.text)
            await suffer(effect, wire)
        return self._world.verifier.check(token, token_type_required=self._world.has_quirk("token_type"))

    def _register(self, user: User, connection_id: str) -> None:
        self._wire.arrival.record.known_as(user.user_id, connection_id)
        short = user.user_id[:8]
        self._wire.say(f"SSOT WEBSOCKET AUTH: Success for user {short}... (client_id: {connection_id})")
        self._wire.say(f"[OK] SSOT AUTHENTICATION SUCCESS: user={short}..., client_id={connection_id}")
        self._wire.say(
            f"Created isolated WebSocket manager for user {short}... "
            f"(isolation_key: {user.user_id}:{connection_id}, manager_id: {id(self)})"
        )

    async def _start_up(self) -> bool:
        """Suffer what comes before the welcome; whether start-up was complete then."""
        complete = True
        for effect in self._world.effects("on_welcome", self._wire.arrival):
            if not isinstance(effect, NotStarted):
                await suffer(effect, self._wire)
            elif not (self._bypass and skips_startup(self._wire.headers)):
                complete = False
                self._wire.say(f"proceeding after {effect.waited_s:.1f}s wait", "WARNING")
                await self._wire.send(frames.degraded_mode(effect.waited_s, self._wire.wall_s()))
        return complete

    async def _welcome(self, user: User, connection_id: str, *, startup_complete: bool) -> None:
        wire = self._wire
        wire.say(f"WebSocket authenticated for user: {user.user_id} at {frames.iso(wire.wall_s())}")
        wire.say(f"Registered connection with isolated manager: {connection_id}")
        await wire.wait(self._timeline.register_s)
        await wire.send(frames.handshake_validation(wire.wall_s()))
        wall_s = wire.wall_s()
        await wire.send(
            frames.welcome(
                connection_id=connection_id,
                user_id=user.user_id,
                startup_complete=startup_complete,
                heartbeat_s=self._world.settings.heartbeat_s,
                wall_s=wall_s,
            )
        )
        if not wire.departed:
            wire.arrival.record.welcomed(int(wall_s * 1e6))
        await wire.send(frames.ping(wire.wall_s()))

    def _enter(self, user: User, connection_id: str) -> None:
        wire = self._wire
        wire.say(
            f"WebSocket connection fully established for user {user.user_id} in {frames.ENVIRONMENT} "
            "using FACTORY_PATTERN"
        )
        wire.say(f"Entering message handling loop for connection: {connection_id} (user: {user.user_id})")
        state = "DISCONNECTED" if wire.departed else "CONNECTED"
        wire.say(
            f"WebSocket state at loop entry - client_state: WebSocketState.{state}, "
            f"application_state: WebSocketState.{state}"
        )
        if wire.departed:
            # End-of-life noise that reads like a handshake race.
            wire.say(
                f"WebSocket connection state error for {connection_id}: WebSocket is not connected. "
                'Need to call "accept" first.',
                "ERROR",
            )
