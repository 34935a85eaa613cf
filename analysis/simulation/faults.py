"""The kinds of failure of simulated attempts, and what each looks like in a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

Check = Literal["", "none", "pong", "held up", "late"]


@dataclass(frozen=True, kw_only=True)
class FaultKind:
    """What one kind of failure looks like in a row.

    Attributes:
        connect_phase: Phase in which a connect ends by it (an exchange ends in phase exchange).
        ends_session: Nothing comes after it on this connection.
        check: What came of the ping that followed a silent timeout: "none" (no pong), "pong" (in its usual time, and
            no answer), "held up" (a pong, long after its usual time), "late" (the answer, then the pong).
    """

    outcome: str
    cause: str
    connect_phase: str = "welcome"
    http_status: int = -1
    close_code: int = -1
    closed_by: str = ""
    errno: int = -1
    ends_session: bool = True
    check: Check = ""


FAULTS: Final[dict[str, FaultKind]] = {
    "none": FaultKind(outcome="ok", cause="", ends_session=False),
    "silent": FaultKind(outcome="timeout", cause="silent_peer", ends_session=False, check="none"),
    "unanswered": FaultKind(outcome="timeout", cause="silent_peer", ends_session=False, check="pong"),
    "held_up": FaultKind(outcome="timeout", cause="silent_peer", ends_session=False, check="held up"),
    "late": FaultKind(outcome="timeout", cause="silent_peer", ends_session=False, check="late"),
    "reset": FaultKind(outcome="failed", cause="reset", closed_by="network", errno=104),
    "refused": FaultKind(outcome="failed", cause="refused", connect_phase="tcp", errno=111),
    "unavailable": FaultKind(outcome="failed", cause="http_status", connect_phase="upgrade", http_status=503),
    "too_many": FaultKind(outcome="failed", cause="http_status", connect_phase="upgrade", http_status=429),
    "unauthorized": FaultKind(outcome="failed", cause="auth_rejected", connect_phase="upgrade", http_status=401),
    "auth_closed": FaultKind(outcome="failed", cause="auth_rejected", close_code=4401, closed_by="server"),
    "keepalive": FaultKind(outcome="failed", cause="keepalive", close_code=1011, closed_by="server"),
    "server_error": FaultKind(outcome="failed", cause="server_error", close_code=1011, closed_by="server"),
    "server_closed": FaultKind(outcome="failed", cause="server_closed", close_code=1012, closed_by="server"),
    "auth_rejected": FaultKind(outcome="failed", cause="auth_rejected", close_code=1008, closed_by="server"),
    "subprotocol": FaultKind(outcome="failed", cause="subprotocol", connect_phase="upgrade", closed_by="client"),
    "harness": FaultKind(outcome="failed", cause="harness", ends_session=False),
}
EVERYDAY: Final = ("silent", "held_up", "late")
FAULT_CODES: Final = {name: code for code, name in enumerate(FAULTS)}
ENDS_SESSION: Final = np.array([fault.ends_session for fault in FAULTS.values()])
