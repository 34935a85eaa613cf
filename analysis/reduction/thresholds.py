"""Thresholds that more than one module must share."""

from __future__ import annotations

from typing import Final

# Below this a loop is not called late: twice the delay that the recorder itself overlooks (50 ms).
BLOCKED_LAG_S: Final = 0.1
# A loop late by half the budget explains the failure by itself; one late by a quarter makes the wait an
# unfair one, whether it failed or not (method, rule 8).
LAG_EXPLAINS: Final = 1 / 2
LAG_SPOILS: Final = 1 / 4
# What fails so often fails always: a retry inside the server, or a lucky race, lets one through.
ALWAYS_RATIO: Final = 0.9
# "Closed without a close frame", never on the wire (RFC 6455, section 7.1.5). Like a refused SYN it is nobody's own
# word: a process may have died, or something on the way may have cut. A close because the server did not hear this
# client (keepalive) speaks of the way, or of this client.
ABNORMAL_CLOSURE: Final = 1006
# Of a connect, in their order.
PHASES: Final = ("dns", "tcp", "tls", "upgrade", "welcome")
