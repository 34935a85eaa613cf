"""Whose tokens a file holds, in each form in which people keep them."""

from __future__ import annotations

import base64
import json

import pytest

from scenarios.credentials.token_list import UnreadableTokens, tokens_from_text


def jwt_of(subject: str | None) -> str:
    claims = {"exp": 4e9} | ({} if subject is None else {"sub": subject})
    parts = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in ({"alg": "x"}, claims)
    )
    return ".".join((*parts, "c2ln"))


A, B, NAMELESS = jwt_of("anna"), jwt_of("bert"), jwt_of(None)
BOTH = {"anna": A, "bert": B}


def read(text: str) -> dict[str, str]:
    return {subject: token.value for subject, token in tokens_from_text(text).items()}


@pytest.mark.parametrize(
    "text",
    [
        f"{A}\n{B}\n",
        f"{A}\r\n{B}\r\n",
        f"# until Friday\n{A}  # first\n\n{B}",
        f"Bearer {A}\n{B}\n",
        f'"{A}"\n"{B}"\n',
        f"anna,{A}\nbert,{B}\n",
        f'"anna", "{A}"\n"bert", "{B}"\n',
        f"anna\t{A}\nbert\t{B}\n",
        f"subject;token\nanna;{A}\nbert;{B}\n",
        f"id,token,email\n1,{A},x@y\n2,{B},y@y\n".replace("id,", "number,").replace("email", "mail"),
        json.dumps([A, B]),
        json.dumps(BOTH, indent=1),
        json.dumps({"tokens": [A, B]}),
        json.dumps({"data": {"items": BOTH}}),
        json.dumps([{"sub": "anna", "access_token": A}, {"user": "bert", "token": B}]),
        json.dumps({"anna": {"access_token": A, "expires_in": 60}, "bert": f"Bearer {B}"}),
        f'{{"access_token": "{A}"}}\n{{"access_token": "{B}"}}\n',
    ],
)
def test_two_tokens_and_whose_they_are(text: str) -> None:
    assert read(text) == BOTH


def test_the_answer_of_an_endpoint_is_one_token_that_lives_from_when_it_was_written() -> None:
    answer = json.dumps({"access_token": "opaque", "token_type": "Bearer", "expires_in": "3600", "scope": "a b"})
    (token,) = tokens_from_text(answer, written_at=100.0).values()
    assert (token.value, token.issued_at, token.expires_at) == ("opaque", 100.0, 3700.0)
    (signed,) = tokens_from_text(json.dumps({"access_token": A, "expires_in": 60}), written_at=100.0).values()
    assert signed.expires_at == 4e9  # the token knows better
    (unknown,) = tokens_from_text(answer).values()
    assert unknown.expires_at is None


def test_who_is_not_named_has_a_number() -> None:
    assert list(tokens_from_text(f"{NAMELESS}\nopaque-one#1\n")) == ["token-0", "token-1"]


@pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "[]", "{}"])
def test_a_text_without_a_token_has_none(text: str) -> None:
    assert tokens_from_text(text) == {}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("fine\nsecret words here\n", "line 2 is more than one word"),
        ("[1, 2]", "entry 1 is no text, and no object with"),
        ('["fine", ""]', "entry 2 is empty"),
        ('{"a": null}', "entry 1 is no text"),
        ('{"a": {"secret": "x"}}', "entry 1 is no text, and no object with"),
        ("[", "it begins like JSON and is none"),
        ('{"error": "invalid_client"}', "it is the answer of a token endpoint that refused"),
        (f"a,b,{A}\n", "line 1 has 3 columns, and no name says which of them is the token"),
        (f"subject,token\nanna,{A},secret\n", "line 2 has 3 columns, the first one 2"),
        ("anna,\n", "line 1 is empty"),
        ("<html>\n", "line 1 has characters that no token has"),
    ],
)
def test_what_is_no_token_is_refused_by_its_place(text: str, says: str) -> None:
    with pytest.raises(UnreadableTokens) as refusal:
        tokens_from_text(text)
    assert str(refusal.value).startswith(says)
    assert "secret" not in str(refusal.value)
