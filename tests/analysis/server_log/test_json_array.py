import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from analysis.server_log.json_array import ArraySplitter, elements
from analysis.server_log.lines import MOST_LINE_BYTES

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(
    st.lists(st.dictionaries(st.text(), JSON, max_size=4), max_size=5), st.sampled_from([None, 2]), st.integers(1, 9)
)
def test_elements_are_those_of_the_array_however_it_is_cut_and_laid_out(
    whole: list[dict[str, Any]], indent: int | None, size: int
) -> None:
    content = json.dumps(whole, indent=indent).encode()
    pieces = (content[at : at + size] for at in range(0, len(content), size))
    assert [json.loads(element) for element in elements(pieces)] == whole


def test_a_string_without_end_costs_one_record_and_not_all_that_follow() -> None:
    content = b'[\n  {\n    "message": "no end\n  },\n  {\n    "message": "whole"\n  }\n]'
    assert [b"whole" in element for element in elements(iter([content]))] == [False, True]


def test_a_bracket_too_many_ends_nothing() -> None:
    assert list(elements(iter([b'[{"a": 1}}], {"b": 2}]']))) == [b'{"a": 1}', b'{"b": 2}']


def test_an_element_without_end_is_not_kept_in_memory() -> None:
    splitter = ArraySplitter()
    found = list(splitter.feed(b'[{"message": "'))
    for _ in range(20):
        found += splitter.feed(b"x" * (MOST_LINE_BYTES // 4))
    assert len(splitter._buffer) <= 2 * MOST_LINE_BYTES
    assert all(len(element) == MOST_LINE_BYTES for element in found)
