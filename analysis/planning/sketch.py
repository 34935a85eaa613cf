"""The sketch of a run that was never run: its hosts, minutes, arms and effect, and how its failures cluster."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

Suspect = Literal["none", "latency", "platform", "platform_x_latency", "client", "loop", "loop_x_latency"]
COUNTS: Final = (
    "timeouts",
    "client_loop",
    "harness",
    "auth",
    "auth_fresh",
    "format",
    "explicit",
    "lagged",
    "checked",
    "unasked",
    "late",
    "unanswered",
    "acknowledged",
    "on_way",
    "unmatched",
    "placed",
    "here",
    "may_be_way",
    "repeated",
    "said_no",
    "n_always",
    "bad_always",
    "any_lag_bad",
    "lag_null",
    "good_lagged",
    "retries",
    "rescued",
)


@dataclass(frozen=True, kw_only=True)
class Sketch:
    """What the run would be like.

    Attributes:
        platforms: The first one is the suspect.
        hosts: Of each platform.
        minutes: Length.
        attempts_a_minute: Of each host, all arms and operations together.
        clients, delays_us, operations: Arms, dealt evenly; `connect` is an operation. A client is named as in
            `--client`, and runs on the loop that this means on each platform (`design.arm_of`).
        base_risk: Chance that an attempt fails though nothing is wrong.
        host_sd, minute_sd: Standard deviation of the logarithm of a host's, a minute's multiplier.
        effect: Points of risk that the suspect adds.
        suspect: Who adds them: the highest delay (latency), the first platform, both at once, the first client,
            or Windows' own asyncio loop, at any delay or at the highest.
        users: On each host, one session after the other; arms are dealt to sessions. 0: an attempt has a connection
            of its own.
        session_s: Mean length of a session, exponential; infinite: to the end of the run (scenario `hold`).
        connection_sd: Standard deviation of the logarithm of a connection's multiplier, whose mean is 1: it has its
            path, its server and its state for life.
    """

    platforms: tuple[str, ...] = ("Windows", "Linux")
    hosts: int = 3
    minutes: int = 60
    attempts_a_minute: float = 100.0
    clients: tuple[str, ...] = ("websocket-client", "websockets-asyncio")
    delays_us: tuple[int, ...] = (0, 160_000, 320_000)
    operations: tuple[str, ...] = ("connect", "ping", "chat")
    base_risk: float = 0.005
    host_sd: float = 0.3
    minute_sd: float = 0.3
    effect: float = 0.0
    suspect: Suspect = "none"
    users: int = 0
    session_s: float = 180.0
    connection_sd: float = 1.0

    @property
    def sessions(self) -> float:
        """Sessions of a host in the whole run, on average."""
        return self.users * (1 + 60 * self.minutes / self.session_s)

    @property
    def exchanges_a_minute(self) -> float:
        """Attempts of a host that are not the connects of its sessions."""
        return max(0.0, self.attempts_a_minute - self.sessions / self.minutes)

    @property
    def design_effect(self) -> float:
        """Attempts that an independent trial is worth, by the connections that they share.

        1 + (a - 1) rho, with a the attempts of a connection as an attempt meets them, and rho the correlation of two
        of one connection (Kish, Survey Sampling (1965), section 5.4). In a run of T that is cut into sessions of mean
        length s, an attempt meets a session of 2 s^2 (T/s - 1 + exp(-T/s)) / T on average.
        """
        if not self.users:
            return 1.0
        ratio = 60 * self.minutes / self.session_s
        # Where sessions outlast the run by far, the difference of near numbers would be noise.
        share = 2 * (ratio + math.expm1(-ratio)) / ratio**2 if ratio > 1e-4 else 1 - ratio / 3
        others = self.exchanges_a_minute / self.users * self.minutes * share
        return 1 + others * self.base_risk / (1 - self.base_risk) * math.expm1(self.connection_sd**2)
