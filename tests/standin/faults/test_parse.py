"""Specifications to faults and back."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from standin.faults import FAULTS, FaultError, canonical, describe, parse_fault, parse_faults

NEEDS = {"drop_type": {"types": "chat"}, "cold_start": {"for": "9"}}


def value_of(field: dataclasses.Field[Any]) -> st.SearchStrategy[str]:
    low, high, choices = (field.metadata[key] for key in ("low", "high", "choices"))
    if isinstance(field.default, tuple):
        return st.lists(st.sampled_from(["chat", "ping", "start_agent"]), min_size=1).map("+".join)
    if choices:
        return st.sampled_from(choices)
    if isinstance(field.default, int):
        return st.integers(int(low or 0), int(high or 1000)).map(str)
    return st.floats(low or 0, high or 1e6).map(lambda x: f"{x:.6f}")


@st.composite
def specifications(draw: st.DrawFn) -> str:
    """Any fault with any of its own settings; schedules are tested by themselves."""
    name = draw(st.sampled_from(sorted(FAULTS)))
    schedule = {"from_s", "until_s", "every_s", "for_s"}
    fields = [field for field in dataclasses.fields(FAULTS[name]) if field.name not in schedule]
    chosen = draw(st.lists(st.sampled_from(fields), unique_by=lambda f: f.name)) if fields else []
    given_ = {field.name.removesuffix("_s"): draw(value_of(field)) for field in chosen}
    return f"{name}:" + ",".join(f"{key}={value}" for key, value in {**NEEDS.get(name, {}), **given_}.items())


@given(specifications(), st.integers(0, 2**31))
def test_the_canonical_specification_gives_the_same_fault(spec: str, seed: int) -> None:
    try:
        fault = parse_fault(spec, seed=seed)
    except FaultError as error:
        # Settings that do not fit together: only bad_instance has such pairs.
        assert spec.startswith("bad_instance") and ("instance=" in str(error) or "effect=" in str(error))
        return
    assert parse_fault(canonical(fault)) == fault


def test_the_canonical_specification_is_short() -> None:
    assert canonical(parse_fault("slow_welcome:share=0.05,delay=12", seed=7)) == "slow_welcome:share=0.05,seed=7"
    assert canonical(parse_fault("none")) == "none"
    assert canonical(parse_fault("restart:from=30")) == "restart"


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ("", "there is no fault ''"),
        ("slow_welcom", "(did you mean slow_welcome?)"),
        ("quux", "(there are: none, slow_welcome,"),
        ("slow_welcome:dela=1", "slow_welcome has no parameter 'dela' (did you mean delay?)"),
        ("none:share=1", "none has no parameter 'share'"),
        ("slow_welcome:delay", "'delay' is not parameter=value"),
        ("slow_welcome:delay=", "delay= is not a number"),
        ("slow_welcome:delay=1,delay=2", "delay is given twice"),
        ("slow_welcome:delay=-1", "delay=-1 is below 0"),
        ("slow_welcome:delay=nan", "delay=nan is not a number"),
        ("slow_welcome:delay=inf", "delay=inf is not finite"),
        ("zombie:after=1.5", "after=1.5 is not a whole number"),
        ("zombie:share=2", "share=2 is outside 0..1"),
        ("reset:phase=tcp", "phase=tcp is not one of upgrade, welcome, exchange"),
        ("zombie:from=5,until=5", "until=5 must be later than from=5"),
        ("zombie:every=5", "every=5 needs for=SECONDS"),
        ("zombie:every=5,for=6", "for=6 must not be longer than every=5"),
        ("server_stall:for=0", "for must be above 0"),
        ("drop_type", "it needs types=TYPE+TYPE or above_bytes=N"),
        ("bad_instance:instance=3", "instance=3 does not exist among of=3"),
        ("bad_instance:phase=upgrade", "effect=slow cannot happen in phase=upgrade"),
        ("cold_start:for=0", "give for=SECONDS above 0"),
        ("cold_start:every=50", "no every"),
    ],
)
def test_a_mistake_is_a_sentence(spec: str, sentence: str) -> None:
    with pytest.raises(FaultError) as refused:
        parse_fault(spec)
    text = str(refused.value)
    assert sentence in text and text.startswith(f"--fault {spec!r}: ") and text.endswith(".") and "\n" not in text


def test_faults_of_one_name_draw_by_seeds_of_their_own() -> None:
    faults = parse_faults(["zombie", "zombie:share=0.5", "reset"], seed=7)
    assert [canonical(fault) for fault in faults] == ["zombie:seed=7", "zombie:share=0.5,seed=8", "reset:seed=7"]


def test_there_is_one_restart_only() -> None:
    with pytest.raises(FaultError, match="one restart only; every=SECONDS repeats it"):
        parse_faults(["restart", "restart:from=60"], seed=1)


def test_the_list_shows_every_fault_and_every_parameter() -> None:
    text = describe()
    for name, kind in FAULTS.items():
        assert f"\n{name}: " in text
        for field in dataclasses.fields(kind):
            assert f"    {field.name.removesuffix('_s')}=" in text
