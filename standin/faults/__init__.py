"""The faults that the stand-in can be given, one file each, and the reading of `--fault` specifications."""

from standin.faults.base import ConnectionFault, Facts, Fault, MessageFacts, Moment, ServerFault
from standin.faults.parse import FAULTS, FaultError, canonical, describe, parse_fault, parse_faults

__all__ = [
    "FAULTS",
    "ConnectionFault",
    "Facts",
    "Fault",
    "FaultError",
    "MessageFacts",
    "Moment",
    "ServerFault",
    "canonical",
    "describe",
    "parse_fault",
    "parse_faults",
]
