"""`--fault name:parameter=value,...` to fault objects and back: pure functions.

A parameter's name on the command line is the field's without its unit: `delay_s` is `delay`.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

from standin.faults.auth_gate import AuthGate
from standin.faults.bad_instance import BadInstance
from standin.faults.base import ConnectionFault, Fault
from standin.faults.cold_start import ColdStart
from standin.faults.drop_type import DropType
from standin.faults.idle_cut import IdleCut
from standin.faults.lifetime_cut import LifetimeCut
from standin.faults.mute import Mute
from standin.faults.none import NoFault
from standin.faults.preface import Preface
from standin.faults.quota import Quota
from standin.faults.refuse_503 import Refuse503
from standin.faults.reset import ResetConnection
from standin.faults.restart import Restart
from standin.faults.server_stall import ServerStall
from standin.faults.silent_upgrade import SilentUpgrade
from standin.faults.slow_welcome import SlowWelcome
from standin.faults.stalled_reply import StalledReply
from standin.faults.subprotocol_echo import SubprotocolEcho
from standin.faults.zombie import Zombie

FAULTS: Final[dict[str, type[Fault]]] = {
    kind.name: kind
    for kind in (
        NoFault,
        SlowWelcome,
        SilentUpgrade,
        StalledReply,
        Zombie,
        Mute,
        ServerStall,
        ColdStart,
        Quota,
        Restart,
        BadInstance,
        AuthGate,
        Refuse503,
        ResetConnection,
        DropType,
        IdleCut,
        LifetimeCut,
        Preface,
        SubprotocolEcho,
    )
}


class FaultError(ValueError):
    """A fault specification is wrong; the text is one sentence for the person who wrote it."""


def parse_fault(spec: str, *, seed: int = 0) -> Fault:
    """The fault that one specification describes.

    Args:
        spec: `name` or `name:parameter=value,parameter=value`; seconds are plain numbers, ratios are 0..1.
        seed: The seed of its draw where the specification gives none.

    Raises:
        FaultError: An unknown name or parameter, a value of the wrong type or out of range, or settings
            that do not fit together.
    """
    name, _, rest = spec.strip().partition(":")
    kind = FAULTS.get(name)
    if kind is None:
        raise FaultError(f"--fault {spec!r}: there is no fault {name!r}{_instead(name, FAULTS)}.")
    fields = {_parameter(field): field for field in dataclasses.fields(kind)}
    values: dict[str, Any] = {"seed": seed} if "seed" in fields else {}
    given: set[str] = set()
    for part in filter(None, (part.strip() for part in rest.split(","))):
        parameter, equals, text = part.partition("=")
        parameter = parameter.strip()
        if not equals:
            raise FaultError(f"--fault {spec!r}: {part!r} is not parameter=value.")
        if parameter not in fields:
            raise FaultError(f"--fault {spec!r}: {name} has no parameter {parameter!r}{_instead(parameter, fields)}.")
        if parameter in given:
            raise FaultError(f"--fault {spec!r}: {parameter} is given twice.")
        given.add(parameter)
        field = fields[parameter]
        try:
            values[field.name] = _value(field, text.strip())
        except ValueError as error:
            raise FaultError(f"--fault {spec!r}: {parameter}={text.strip()} {error}.") from None
    fault = kind(**values)
    problem = fault.problem()
    if problem:
        raise FaultError(f"--fault {spec!r}: {problem}.")
    return fault


def parse_faults(specs: Iterable[str], *, seed: int) -> tuple[Fault, ...]:
    """The faults in the order given; each one of the same name draws by a seed of its own.

    Raises:
        FaultError: As `parse_fault`.
    """
    faults: list[Fault] = []
    for spec in specs:
        name = spec.strip().partition(":")[0]
        if name == Restart.name and any(fault.name == name for fault in faults):
            raise FaultError(f"--fault {spec!r}: there can be one restart only; every=SECONDS repeats it.")
        faults.append(parse_fault(spec, seed=seed + sum(fault.name == name for fault in faults)))
    return tuple(faults)


def canonical(fault: Fault) -> str:
    """The specification that gives this fault again: parameters that differ from the defaults, and the seed."""
    parts = [
        f"{_parameter(field)}={_text(value)}"
        for field in dataclasses.fields(fault)
        if (value := getattr(fault, field.name)) != field.default or field.name == "seed"
    ]
    return fault.name + (":" + ",".join(parts) if parts else "")


def describe() -> str:
    """All faults with what they do, their parameters and defaults, for `--list-faults`."""
    lines = ["Faults, as --fault NAME:parameter=value,... (repeatable; they compose in the order given)", ""]
    shared = {(field.name, field.default) for field in dataclasses.fields(ConnectionFault)}
    for name, kind in FAULTS.items():
        own = [field for field in dataclasses.fields(kind) if (field.name, field.default) not in shared]
        lines += [f"{name}: {_summary(kind)}", *map(_parameter_line, own), ""]
    lines.append("Every fault has a schedule:")
    lines += [_parameter_line(field) for field in dataclasses.fields(Fault)]
    lines += ["", "Every fault but none, server_stall and restart has a dose:"]
    schedule = {field.name for field in dataclasses.fields(Fault)}
    lines += [_parameter_line(field) for field in dataclasses.fields(ConnectionFault) if field.name not in schedule]
    return "\n".join(lines)


def _parameter(field: dataclasses.Field[Any]) -> str:
    return field.name.removesuffix("_s")


def _parameter_line(field: dataclasses.Field[Any]) -> str:
    choices = field.metadata["choices"]
    about = field.metadata["about"] + (f": {', '.join(choices)}" if choices else "")
    return f"    {_parameter(field)}={_text(field.default)}  {about}"


def _summary(kind: type[Fault]) -> str:
    return (kind.__doc__ or "").strip().partition("\n")[0]


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return "+".join(value)
    if isinstance(value, float):
        return f"{value:.12g}"
    return str(value)


def _value(field: dataclasses.Field[Any], text: str) -> Any:
    """Raises ValueError whose text completes "parameter=value ..."."""
    default: Any = field.default
    metadata = field.metadata
    if isinstance(default, tuple):
        return tuple(filter(None, text.split("+")))
    if isinstance(default, str):
        if text not in metadata["choices"]:
            raise ValueError(f"is not one of {', '.join(metadata['choices'])}")
        return text
    try:
        number = int(text) if isinstance(default, int) else float(text)
    except ValueError:
        raise ValueError(f"is not a {'whole number' if isinstance(default, int) else 'number'}") from None
    low, high = metadata["low"], metadata["high"]
    if math.isnan(number):
        raise ValueError("is not a number")
    if (low is not None and number < low) or (high is not None and number > high):
        raise ValueError(f"is outside {low:g}..{high:g}" if high is not None else f"is below {low:g}")
    if math.isinf(number) and not math.isinf(default):
        raise ValueError("is not finite")
    return number


def _instead(wrong: str, names: Iterable[str]) -> str:
    known: Sequence[str] = list(names)
    near = difflib.get_close_matches(wrong, known, n=1)
    return f" (did you mean {near[0]}?)" if near else f" (there are: {', '.join(known)})"
