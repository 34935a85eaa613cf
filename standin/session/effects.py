"""Does to an established socket what a fault asked for."""

from __future__ import annotations

from typing import NoReturn

from standin import frames
from standin.faults.base import Delay, Effect, Fail, Frames, Reset, Silence
from standin.identity.tokens import Refusal
from standin.session.wire import Wire


async def suffer(effect: Effect, wire: Wire) -> None:
    """Carry out one effect.

    Raises:
        Over: The session ended by it.
        TypeError: The effect has no meaning on an accepted socket: a fault is written wrongly.
    """
    match effect:
        case Delay(seconds):
            await wire.wait(seconds)
        case Frames(extra):
            wire.say(f"agent_supervisor is None in {frames.ENVIRONMENT}", "WARNING")
            for frame in extra:
                await wire.send(dict(frame))
        case Silence():
            await wire.fall_silent()
        case Reset():
            wire.reset()
        case Fail():
            await _fail(effect, wire)
        case _:
            raise TypeError(f"{effect!r} has no meaning at this point of a session")


async def _fail(effect: Fail, wire: Wire) -> NoReturn:
    """An error frame and, unlike with a refused token, the close at once."""
    if effect.error_code == "FACTORY_INIT_FAILED":
        short = wire.arrival.facts.subject[:8]
        wire.say(f"Resource limit exceeded for user {short}... {effect.message[effect.message.rfind('(') :]}", "ERROR")
        wire.say(f"HARD LIMIT: User {short}...", "ERROR")
        wire.say(f"FACTORY INITIALIZATION FAILED: {effect.message}", "ERROR")
    else:
        wire.say(f"WebSocket error: {effect.message}", "ERROR")
    details = {"environment": frames.ENVIRONMENT}
    await wire.send(frames.error_message(effect.error_code, effect.message, details, wire.wall_s()))
    await wire.close("error_close", effect.close_code, effect.reason)


async def refuse(refusal: Refusal, token: str | None, wire: Wire, *, pause_s: float) -> NoReturn:
    """Refuse a token: the error frame, a pause, close 1008."""
    shape = f"({len(token)}chars,{token.count('.')}dots)" if token else "(none)"
    wire.say(f"SSOT AUTHENTICATION FAILED: {refusal.code} - Token={shape} failed on {frames.ENVIRONMENT}", "ERROR")
    details = {
        "environment": frames.ENVIRONMENT,
        "ssot_authentication": True,
        "error_code": refusal.code,
        # The original shows previews of header values here. This one says only how the token looks.
        "failure_context": {"token_present": token is not None, "token_shape": shape},
    }
    await wire.send(frames.error_message(refusal.code, refusal.text, details, wire.wall_s()))
    await wire.wait(pause_s)
    await wire.close("auth_refused", 1008, "SSOT Auth failed")
