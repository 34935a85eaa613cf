"""Finds the tokens in a file's text, and whose they are: lines, CSV, JSON, or an OAuth answer as it came. Pure."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import orjson

from scenarios.credentials.jwt import token_from_text
from scenarios.credentials.texts import NoToken, expires_in_s, plain_token, token_field, unquoted
from scenarios.plan import Token

# A comment begins a line or follows a space: a token may hold the sign itself.
_COMMENT: Final = re.compile(r"(?:^|\s)#.*")
_DELIMITERS: Final = ",;\t"
# A list or object of tokens may be wrapped in an object of one field.
_ENVELOPES: Final = frozenset({"tokens", "access_tokens", "users", "items", "data", "results"})
_SUBJECT_FIELDS: Final = ("sub", "subject", "user", "username", "user_id", "email", "name", "id")
_TOKEN_COLUMNS: Final = ("token", "access_token", "jwt", "bearer", "accesstoken")


class UnreadableTokens(ValueError):
    """A text holds what is no token; the words say where and why, and nothing of the text."""


class _Entry(NamedTuple):
    """What may be a token.

    Attributes:
        place: Where it stands, for a refusal.
        subject: Whose it is; None = only the token itself may tell.
        text: As it stands there.
        lives_s: How long it lives from when it was got; None = nobody says.
    """

    place: str
    subject: str | None
    text: str
    lives_s: float | None = None


def tokens_from_text(text: str, *, written_at: float | None = None) -> dict[str, Token]:
    """The tokens of a file by subject, in order; empty if there is none.

    Args:
        text: Of the file.
        written_at: When the file was written, in epoch seconds: `expires_in` of an answer counts from then.

    Raises:
        UnreadableTokens: Something in it is no token.
    """
    entries = _of_json(text) if text.lstrip()[:1] in ("[", "{") else _of_lines(text)
    tokens: dict[str, Token] = {}
    for number, entry in enumerate(entries):
        try:
            token, subject = token_from_text(plain_token(entry.text))
        except NoToken as reason:
            raise UnreadableTokens(f"{entry.place} {reason}") from None
        if token.expires_at is None and entry.lives_s is not None and written_at is not None:
            token = Token(token.value, written_at, written_at + entry.lives_s)
        tokens[entry.subject or subject or f"token-{number}"] = token
    return tokens


def _of_lines(text: str) -> Iterator[_Entry]:
    numbered = ((number, _COMMENT.sub("", line).strip()) for number, line in enumerate(text.splitlines(), 1))
    lines = [(number, line) for number, line in numbered if line]
    delimiter = next((mark for mark in _DELIMITERS if lines and all(mark in line for _, line in lines)), None)
    if delimiter is None:
        return (_Entry(f"line {number}", None, line) for number, line in lines)
    rows = list(csv.reader([line for _, line in lines], delimiter=delimiter, skipinitialspace=True))
    return _of_columns([number for number, _ in lines], rows)


def _of_columns(numbers: list[int], rows: list[list[str]]) -> Iterator[_Entry]:
    """CSV: a first line may name the columns; of two without a name the second holds the token."""
    names = [name.strip().lower() for name in rows[0]]
    token = next((names.index(name) for name in _TOKEN_COLUMNS if name in names), None)
    subject = next((names.index(name) for name in _SUBJECT_FIELDS if name in names), None)
    first = 0 if token is None else 1
    if token is None:
        if len(names) != 2:
            raise UnreadableTokens(
                f"line {numbers[0]} has {len(names)} columns, and no name says which of them is the token (name them "
                "in a first line, such as subject,token)"
            )
        subject, token = 0, 1
    for number, row in zip(numbers[first:], rows[first:], strict=True):
        if len(row) != len(names):
            raise UnreadableTokens(f"line {number} has {len(row)} columns, the first one {len(names)}")
        whose = None if subject is None else unquoted(row[subject].strip()) or None
        yield _Entry(f"line {number}", whose, row[token])


def _of_json(text: str) -> Iterator[_Entry]:
    try:
        parsed = orjson.loads(text)
    except orjson.JSONDecodeError:
        try:  # one object a line
            parsed = [orjson.loads(line) for line in text.splitlines() if line.strip()]
        except orjson.JSONDecodeError:
            raise UnreadableTokens("it begins like JSON and is none") from None
    return _of_parsed(parsed)


def _of_parsed(parsed: Any) -> Iterator[_Entry]:
    if isinstance(parsed, list):
        for number, value in enumerate(parsed, 1):
            yield _entry(f"entry {number}", None, value)
        return
    wrapped = next((name for name in _ENVELOPES if isinstance(parsed.get(name), list | dict)), None)
    if wrapped is not None:
        yield from _of_parsed(parsed[wrapped])
    elif "error" in parsed:
        raise UnreadableTokens("it is the answer of a token endpoint that refused")
    elif _is_answer(parsed):
        yield _entry("the answer", None, parsed)
    else:
        for number, (name, value) in enumerate(parsed.items(), 1):
            yield _entry(f"entry {number}", name, value)


def _is_answer(parsed: Mapping[str, Any]) -> bool:
    """Whether an object is one token with what belongs to it, and not tokens by subject."""
    name = token_field(parsed)
    return name is not None and (name != "token" or len(parsed) == 1 or not _all_texts(parsed) or "sub" in parsed)


def _all_texts(parsed: Mapping[str, Any]) -> bool:
    return all(isinstance(value, str) for value in parsed.values())


def _entry(place: str, subject: str | None, value: Any) -> _Entry:
    if isinstance(value, str):
        return _Entry(place, subject, value)
    name = token_field(value) if isinstance(value, dict) else None
    if name is None:
        raise UnreadableTokens(f"{place} is no text, and no object with access_token or token")
    whose = next((value[f] for f in _SUBJECT_FIELDS if isinstance(value.get(f), str) and value[f]), None)
    return _Entry(place, subject or whose, value[name], expires_in_s(value))
