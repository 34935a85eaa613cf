"""The dashboard in docs/grafana asks for what the page of metrics has, and for nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from attempts.store.exposition import Exposition

ROOT = Path(__file__).parents[1]
DASHBOARD = json.loads((ROOT / "docs" / "grafana" / "wsoak.json").read_text(encoding="utf-8"))
NAME = r"[a-zA-Z_:][\w:]*"
FUNCTIONS = {"sum", "rate", "increase", "histogram_quantile", "label_values"}
# What Grafana itself puts in.
OF_GRAFANA = {"__range", "__rate_interval"}


def exported() -> dict[str, set[str]]:
    """Every sample of a page on which something of each kind has been counted, with the names of its labels."""
    row = {
        "kind": ["connect"],
        "outcome": ["ok"],
        "cause": ["reset"],
        "platform": ["Linux"],
        "client": ["c"],
        "delay_s": [0.0],
        "duration_s": [0.1],
    }
    exposition = Exposition()
    exposition.add(pa.table(row), pa.table({"loop_lag_s": [0.1], "loop_blocked_s": [0.05]}))
    return {s.name: set(s.labels) for family in exposition.collect() for s in family.samples}


def queries() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    yield from (v["query"]["query"] for v in DASHBOARD["templating"]["list"] if v["type"] == "query")


def unknown(query: str, known: dict[str, set[str]], variables: set[str]) -> set[str]:
    """The names in a query that nobody exports: metrics, labels, functions, and Grafana's variables."""
    wrong = {name for name in re.findall(r"\$(\w+)", query) if name not in variables | OF_GRAFANA}
    plain = re.sub(r"\[\$?\w+\]", "", query)
    metrics = [name for name in re.findall(NAME, re.sub(r'"[^"]*"|\{[^}]*\}', "", plain)) if name.startswith("wsoak_")]
    if not metrics:
        return wrong | {query}
    wrong |= set(metrics) - set(known)
    labels = set.intersection(*(known.get(name, set()) for name in metrics))
    chosen = re.findall(rf"({NAME})\s*(?:=~|!~|!=|=)", " ".join(re.findall(r"\{([^}]*)\}", plain)))
    grouped = [part.strip() for of in re.findall(r"\bby\s*\(([^)]*)\)", plain) for part in of.split(",")]
    listed = re.findall(rf"label_values\({NAME},\s*({NAME})\)", plain)
    wrong |= {*chosen, *grouped, *listed} - labels
    called = re.findall(rf"({NAME})\s*\(", re.sub(r"\bby\s*\(", "(", plain))
    return wrong | {name for name in called if name not in FUNCTIONS}


def variables() -> set[str]:
    return {variable["name"] for variable in DASHBOARD["templating"]["list"]}


@pytest.mark.parametrize("query", list(queries()))
def test_a_query_of_the_dashboard_asks_for_what_is_exported(query: str) -> None:
    assert not unknown(query, exported(), variables())


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("rate(wsoak_attempt_total[$__range])", {"wsoak_attempt_total"}),
        ('wsoak_attempts_total{reason="reset"}', {"reason"}),
        ('wsoak_attempts_total{kind="$kinds"}', {"kinds"}),
        ("sum by (le, host) (wsoak_generator_lag_seconds_bucket)", {"host"}),
        ("sum by (kind) (wsoak_generator_lag_seconds_bucket)", {"kind"}),
        ("label_values(wsoak_attempts_total, os)", {"os"}),
        ("rat(wsoak_attempts_total)", {"rat"}),
        ("sum(up)", {"sum(up)"}),
    ],
)
def test_a_name_that_nobody_exports_is_found(query: str, wrong: set[str]) -> None:
    assert unknown(query, exported(), variables()) == wrong


def test_all_that_is_exported_is_on_the_dashboard() -> None:
    asked = " ".join(queries())
    families = {re.sub(r"_(bucket|count|sum|total)$", "", name) for name in exported()}
    assert {name for name in families if name not in asked} == set()


def test_every_panel_says_what_it_shows_and_none_lies_on_another() -> None:
    taken: dict[tuple[int, int], Any] = {}
    for panel in DASHBOARD["panels"]:
        assert panel["title"] and panel["description"]
        at = panel["gridPos"]
        for cell in ((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])):
            assert cell not in taken and cell[0] < 24
            taken[cell] = panel["title"]
