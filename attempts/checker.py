"""Refuse a value that breaks its rule, where it is written, at the price of a function in C."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any, Final, Generic, NamedTuple, NoReturn, TypeVar, get_args

import msgspec
from msgspec import Meta

INT32_MAX: Final = 2**31 - 1
INT64_MAX: Final = 2**63 - 1
_REFUSALS: Final = (msgspec.ValidationError, OverflowError, UnicodeEncodeError, TypeError)

StructT = TypeVar("StructT", bound=msgspec.Struct)


class SchemaError(ValueError):
    """A row breaks the contract: wsoak itself is wrong, not the target."""


class ColumnRule(NamedTuple):
    """What a value must be.

    Attributes:
        type: As a type that msgspec decodes to, with its limits.
        words: The same for people, to stand after the name: "is ...".
    """

    type: Any
    words: str


# What is wanted of a field that has no rule of its own, by its Python type. `le` keeps out inf, and a
# comparison keeps out NaN: neither was ever measured.
DEFAULT_RULES: Final[dict[type, ColumnRule]] = {
    float: ColumnRule(Annotated[float, Meta(ge=0.0, le=sys.float_info.max)], "is a finite number, 0 or more"),
    int: ColumnRule(Annotated[int, Meta(ge=0, le=INT64_MAX)], "is a 64-bit whole number, 0 or more"),
    str: ColumnRule(str, "is a string of Unicode text"),
    bool: ColumnRule(bool, "is true or false"),
}


class Checker(Generic[StructT]):
    """Encodes structs of one type to msgpack, and refuses those that break a rule.

    The check is the decoder of a second struct, with the same fields and the rules for types. It sees
    exactly the bytes that are kept, so what passes here decodes for the reader too (bool is no int, 2.0
    is no int, a lone surrogate is no text), and it costs well under a microsecond a row.

    Attributes:
        encode: Struct to bytes, unchecked; raises what `refused` is for.
        decode: Bytes to the strict struct; raises what `refused` is for.
    """

    def __init__(self, struct: type[StructT], rules: Mapping[str, ColumnRule]) -> None:
        self._rules = {f.name: _rule_of(f, rules) for f in msgspec.structs.fields(struct)}
        fields = [(name, rule.type) for name, rule in self._rules.items()]
        strict = msgspec.defstruct(f"Strict{struct.__name__}", fields, array_like=True, gc=False)
        self.encode = msgspec.msgpack.Encoder().encode
        self.decode = msgspec.msgpack.Decoder(strict).decode

    def checked_bytes(self, value: StructT) -> bytes:
        """The struct as msgpack.

        Raises:
            SchemaError: Names the field, the value and the rule.
        """
        try:
            encoded = self.encode(value)
            self.decode(encoded)
        except _REFUSALS as problem:
            self.refused(value, problem)
        return encoded

    def refused(self, value: StructT, problem: Exception) -> NoReturn:
        """Raise the SchemaError that says which field broke which rule."""
        for name, rule in self._rules.items():
            entry = getattr(value, name)
            try:
                msgspec.msgpack.decode(self.encode(entry), type=rule.type)
            except _REFUSALS:
                raise refusal(name, entry, rule.words) from problem
        raise problem


def refusal(name: str, value: object, words: str) -> SchemaError:
    """The error for one field: its name, the value, and the rule in words."""
    return SchemaError(f"{name} = {value!r} breaks the attempt contract: {name} {words}")


def _rule_of(field: msgspec.structs.FieldInfo, rules: Mapping[str, ColumnRule]) -> ColumnRule:
    variants = get_args(field.type)
    nullable = type(None) in variants
    plain = next(t for t in variants if t is not type(None)) if nullable else field.type
    rule = rules.get(field.name, DEFAULT_RULES[plain])
    if not nullable:
        return rule
    return ColumnRule(rule.type | None, rule.words.replace("is ", "is null or ", 1))
