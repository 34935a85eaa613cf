from __future__ import annotations

import pytest

from scenarios.child_environment import child_environment


@pytest.mark.parametrize(
    "name",
    ["SOAK_JWT_SECRET", "SOAK_FLEET_KEY", "SOAK_TOKEN_AUTHORIZATION", "STANDIN_JWT_SECRET", "GITHUB_TOKEN", "API_KEY"],
)
def test_no_child_gets_a_secret_that_it_was_not_given_by_name(name: str) -> None:
    assert child_environment({name: "x"}) == {}
    assert child_environment({name: "x"}, keep=(name,)) == {name: "x"}


def test_a_variable_that_an_option_names_is_a_secret_whatever_it_is_called() -> None:
    assert child_environment({"VISITOR": "x", "HOME": "/"}, named={"VISITOR"}) == {"HOME": "/"}


@pytest.mark.parametrize("name", ["PATH", "HOME", "PYTHONPATH", "LD_PRELOAD", "FAKETIME", "https_proxy", "KEYBOARD"])
def test_what_a_process_needs_to_run_is_left(name: str) -> None:
    assert child_environment({name: "x"}) == {name: "x"}


def test_code_of_the_users_gets_the_users_secrets_and_none_of_wsoaks() -> None:
    given = {"GITHUB_TOKEN": "x", "SOAK_FLEET_KEY": "y", "VISITOR": "z"}
    assert child_environment(given, named={"VISITOR"}, has_foreign=True) == {"GITHUB_TOKEN": "x"}
