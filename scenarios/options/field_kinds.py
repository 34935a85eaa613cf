"""An option as one field of a dataclass: the field says all that is to be known of it.

    pace_s: float = number(1.0, "Time between exchanges (0 = no think time)", "What users do", low=0)

The functions below (`number`, `whole`, `flag`, `text`, `choice`, `members`, `parsed`, `several`) each return, for mypy,
the value that the field will hold, and in truth a dataclass field that carries an `Option`. `options_of` reads the
options back from the class; the command line, the checks, the web form, the page of the docs and the help are all made
from them.
"""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar, cast

from scenarios.errors import ConfigError, unknown_name

T = TypeVar("T")

TRUE: Final = ("true", "1", "yes", "on")
FALSE: Final = ("false", "0", "no", "off", "")


class Whose(enum.Enum):
    """Which value a worker of a fleet goes by: the controller's, its own, or its own where it gives one."""

    CONTROLLER = enum.auto()
    WORKER = enum.auto()
    WORKER_IF_GIVEN = enum.auto()


class Bounds(NamedTuple):
    """The range of a number: `low` and `high` are in it, `above` and `below` are not.

    Attributes:
        is_whole: Whether it must be a whole number.
        unit: Of what it is a number, where its name does not say so.
        zero: What 0 means although it lies outside the range; "" = 0 is nothing special.
    """

    low: float | None = None
    above: float | None = None
    high: float | None = None
    below: float | None = None
    is_whole: bool = False
    unit: str = ""
    zero: str = ""

    def holds(self, value: float) -> bool:
        """Whether a value is in the range."""
        if not math.isfinite(value) or (self.is_whole and value != int(value)):
            return False
        if self.zero and value == 0:
            return True
        return (
            (self.low is None or value >= self.low)
            and (self.above is None or value > self.above)
            and (self.high is None or value <= self.high)
            and (self.below is None or value < self.below)
        )

    @property
    def rule(self) -> str:
        """The range in words, such as "a number above 0"."""
        noun = "a whole number" if self.is_whole else "a number"
        if self.unit:
            noun += f" of {self.unit},"
        zero = f" (0 = {self.zero})" if self.zero else ""
        return f"{noun} {self._range()}".rstrip(" ,") + zero

    def _range(self) -> str:
        if self.low is not None and self.high is not None:
            return f"from {_plain(self.low)} to {_plain(self.high)}"
        if self.above is not None and self.below is not None:
            return f"between {_plain(self.above)} and {_plain(self.below)}"
        ends = (
            (self.low, "{} or more"),
            (self.above, "above {}"),
            (self.high, "up to {}"),
            (self.below, "below {}"),
        )
        return ", ".join(words.format(_plain(end)) for end, words in ends if end is not None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Option:
    """All that is known of one option.

    Attributes:
        name: As the field is called; `options_of` fills it in.
        default: As it would be given.
        help: What it means, in a few words.
        group: The heading under which the help and the page show it.
        read: From its flag (for a refusal) and a value as it came, to the value of the field.
        bounds: Of a number; None = it is none.
        choices: The names that it may take; empty = it is not a matter of names.
        takes_many: Whether it may take several of them.
        repeats: Whether it may be given several times, a value each.
        ui: Whether the web form may set it (paths and key material it may not).
        whose: Whose value a worker goes by.
    """

    name: str = ""
    default: str | int | float | bool
    help: str
    group: str
    read: Callable[[str, object], Any]
    bounds: Bounds | None = None
    choices: tuple[str, ...] = ()
    takes_many: bool = False
    repeats: bool = False
    ui: bool = True
    whose: Whose = Whose.CONTROLLER

    @property
    def flag(self) -> str:
        """As typed on the command line."""
        return flag_of(self.name)

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"SOAK_{self.name.upper()}"

    @property
    def default_text(self) -> str:
        """The default as it would be typed."""
        return str(self.default).lower() if isinstance(self.default, bool) else str(self.default)

    @property
    def meaning(self) -> str:
        """The help, with the names that the option may take."""
        if not self.choices:
            return self.help
        return f"{self.help}: {'any' if self.takes_many else 'one'} of {', '.join(self.choices)}"

    def argument(self) -> dict[str, Any]:
        """What Locust's `parser.add_argument` is given beside the flag.

        All values are taken as text, so that every refusal is the sentence of `read` in every mode.
        """
        is_switch = self.default is False
        kind: dict[str, Any] = {"action": "store_true"} if is_switch else {"type": str}
        default: bool | str | None = False if is_switch else self.default_text
        if self.repeats:
            kind["action"], default = "append", None  # argparse appends to a default
        return {
            "default": default,
            "help": self.meaning,
            "env_var": self.variable,
            "include_in_web_ui": self.ui,
            **kind,
        }


def number(
    default: float,
    help: str,
    group: str,
    *,
    low: float | None = None,
    above: float | None = None,
    high: float | None = None,
    below: float | None = None,
    unit: str = "",
    zero: str = "",
    ui: bool = True,
    whose: Whose = Whose.CONTROLLER,
) -> float:
    """A field that holds a number in a range (see `Bounds`)."""
    bounds = Bounds(low=low, above=above, high=high, below=below, unit=unit, zero=zero)
    read = _number(bounds)
    found: float = _field(Option(default=default, help=help, group=group, read=read, bounds=bounds, ui=ui, whose=whose))
    return found


def whole(
    default: int,
    help: str,
    group: str,
    *,
    low: float | None = None,
    above: float | None = None,
    high: float | None = None,
    below: float | None = None,
    ui: bool = True,
) -> int:
    """A field that holds a whole number in a range."""
    bounds = Bounds(low=low, above=above, high=high, below=below, is_whole=True)
    read = _number(bounds)
    found: int = _field(
        Option(default=default, help=help, group=group, read=lambda f, v: int(read(f, v)), bounds=bounds, ui=ui)
    )
    return found


def flag(default: bool, help: str, group: str, *, ui: bool = True) -> bool:
    """A field that is true or false. One that is false by default takes no value on the command line."""
    found: bool = _field(Option(default=default, help=help, group=group, read=_flag, ui=ui))
    return found


def text(default: str, help: str, group: str, *, ui: bool = True, whose: Whose = Whose.CONTROLLER) -> str:
    """A field that holds any text."""
    return parsed(default, help, group, lambda flag, value: value, ui=ui, whose=whose)


def choice(default: str, help: str, group: str, choices: Sequence[str], *, ui: bool = True) -> str:
    """A field that holds one name of a list."""
    known = tuple(choices)

    def read(flag: str, value: object) -> str:
        return _known(flag, _text(value), known)

    found: str = _field(Option(default=default, help=help, group=group, read=read, choices=known, ui=ui))
    return found


def members(default: str, help: str, group: str, choices: Sequence[str], *, ui: bool = True) -> tuple[str, ...]:
    """A field that holds one or more names of a list, each once: the levels of an arm."""
    known = tuple(choices)

    def read(flag: str, value: object) -> tuple[str, ...]:
        found = tuple(_known(flag, part.strip(), known) for part in _text(value).split(",") if part.strip())
        if not found:
            raise refused(flag, _text(value), f"at least one of {', '.join(known)}")
        if len(set(found)) != len(found):
            raise refused(flag, _text(value), "each arm once")
        return found

    found: tuple[str, ...] = _field(
        Option(default=default, help=help, group=group, read=read, choices=known, takes_many=True, ui=ui)
    )
    return found


def parsed(
    default: str,
    help: str,
    group: str,
    parse: Callable[[str, str], T],
    *,
    choices: Sequence[str] = (),
    ui: bool = True,
    whose: Whose = Whose.CONTROLLER,
) -> T:
    """A field that holds what a parser makes of a text.

    `parse` is given the flag and the text, and raises ConfigError (see `refused`); `choices` are the names that it
    knows, for the help.
    """
    found: T = _field(
        Option(
            default=default,
            help=help,
            group=group,
            read=lambda flag, value: parse(flag, _text(value)),
            choices=tuple(choices),
            takes_many=True,
            ui=ui,
            whose=whose,
        )
    )
    return found


def several(
    help: str,
    group: str,
    parse: Callable[[str, str], T],
    *,
    whose: Whose = Whose.CONTROLLER,
) -> tuple[T, ...]:
    """A field that holds what a parser makes of each value of an option that may be given several times."""

    def read(flag: str, value: object) -> tuple[T, ...]:
        texts = value if isinstance(value, list | tuple) else [value]
        return tuple(parse(flag, _text(text)) for text in texts if _text(text))

    option = Option(default="", help=help, group=group, read=read, repeats=True, ui=False, whose=whose)
    found: tuple[T, ...] = _field(option)
    return found


def second_part(option: str, default: T, parse: Callable[[str, str], T]) -> T:
    """A field that holds the second thing that the text of another field's option says; it is no option itself."""
    found: T = dataclasses.field(default=default, metadata={"part_of": option, "parse": parse})
    return found


def options_of(kind: type[Any]) -> tuple[Option, ...]:
    """The options that a dataclass's fields carry, heading by heading, in the order of the fields."""
    found = [
        dataclasses.replace(field.metadata["option"], name=field.name)
        for field in dataclasses.fields(kind)
        if "option" in field.metadata
    ]
    groups = list(dict.fromkeys(option.group for option in found))
    return tuple(sorted(found, key=lambda option: groups.index(option.group)))


def read_options(kind: type[T], values: Mapping[str, Any]) -> T:
    """Check the values of all options of a dataclass (missing ones take their default) and make one of it.

    Raises:
        ConfigError: For the first value that breaks its rule.
    """
    options = {option.name: option for option in options_of(kind)}
    given = {name: option.default if values.get(name) is None else values[name] for name, option in options.items()}
    read = {name: option.read(option.flag, given[name]) for name, option in options.items()}
    for field in dataclasses.fields(cast(Any, kind)):
        if "part_of" in field.metadata:
            whole_text = field.metadata["part_of"]
            read[field.name] = field.metadata["parse"](flag_of(whole_text), _text(given[whole_text]))
    return kind(**read)


def flag_of(name: str) -> str:
    """An option's name as it is typed on the command line."""
    return "--" + name.replace("_", "-")


def refused(flag: str, value: object, rule: str) -> ConfigError:
    """The refusal of a value: it names the value and the rule."""
    return ConfigError(f"{flag} is {value!r}, but it must be {rule}.")


def read_number(flag: str, value: Any, bounds: Bounds, rule: str = "") -> float:
    """The number that a value is.

    Raises:
        ConfigError: It is none, or outside its bounds; with the rule given, or else the bounds' own.
    """
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        raise refused(flag, value, rule or bounds.rule) from None
    if not bounds.holds(found):
        raise refused(flag, value, rule or bounds.rule)
    return found


def _field(option: Option) -> Any:
    return dataclasses.field(
        default_factory=lambda: option.read("The default", option.default), metadata={"option": option}
    )


def _number(bounds: Bounds) -> Callable[[str, object], float]:
    return lambda flag, value: read_number(flag, value, bounds)


def _flag(flag: str, value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).lower()
    if word not in TRUE + FALSE:
        raise refused(flag, value, "true or false")
    return word in TRUE


def _known(flag: str, value: str, known: Sequence[str]) -> str:
    if value not in known:
        raise unknown_name(flag, value, known)
    return value


def _text(value: object) -> str:
    return str(value).strip()


def _plain(value: float) -> str:
    return f"{value:.12g}"
