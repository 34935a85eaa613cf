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
        rung: Where a kernel that is asked says that a timeout was lost (`attempts.schema.RUNGS`).
        retransmits: Segments that were sent again meanwhile.
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
    rung: str = ""
    retransmits: int = 0


def _timeout(check: Check, *, rung: str, retransmits: int = 0) -> FaultKind:
    return FaultKind(
        outcome="timeout",
        cause="silent_peer",
        ends_session=False,
        check=check,
        rung=rung,
        retransmits=retransmits,
    )


FAULTS: Final[dict[str, FaultKind]] = {
    "none": FaultKind(outcome="ok", cause="", ends_session=False),
    "silent": _timeout("none", rung="silent_process"),
    "unanswered": _timeout("pong", rung="silent_application"),
    # Its pong came, but something had to be sent again before.
    "held_up": _timeout("held up", rung="unknown", retransmits=2),
    "late": _timeout("late", rung="late"),
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
    "lost": _timeout("none", rung="unacknowledged", retransmits=3),
    "unread": _timeout("none", rung="unread"),
}
EVERYDAY: Final = ("silent", "held_up", "late")
FAULT_CODES: Final = {name: code for code, name in enumerate(FAULTS)}
ENDS_SESSION: Final = np.array([fault.ends_session for fault in FAULTS.values()])
