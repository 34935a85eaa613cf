"""What errors of any shape say: of whom, and in which words."""

from __future__ import annotations

from typing import Any

import pytest

from scenarios.protocols.refusing import refusal_of
from scenarios.protocols.shape import Refusal


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        ("out of order", Refusal("", False, "out of order")),
        ({"code": 7, "message": "busy"}, Refusal("7", False, "busy")),
        ({"code": 401, "message": "no"}, Refusal("401", True, "no")),
        ({"code": "UNAUTHENTICATED"}, Refusal("UNAUTHENTICATED", True, "")),
        ({"error": "invalid token"}, Refusal("", True, "invalid token")),
        ({"message": {"text": "nested"}}, Refusal("", False, "")),
        (None, Refusal("", False, "")),
        (["a"], Refusal("", False, "")),
    ],
)
def test_an_error_is_its_code_and_its_text_and_whether_it_is_about_credentials(error: Any, refusal: Refusal) -> None:
    assert refusal_of(error) == refusal


def test_a_refused_token_is_not_the_requests_fault() -> None:
    assert refusal_of("bad request", is_clients=True).is_clients
    assert not refusal_of("bad token", is_clients=True).is_clients


def test_a_text_without_an_end_is_cut() -> None:
    assert len(refusal_of("x" * 10_000).text) < 1_000
