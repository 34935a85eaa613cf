"""Refusals of fresh tokens."""

from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.model import Finding
from tests.analysis.deciding import decided_alone
from tests.analysis.tables_by_hand import sketched


def test_tokens_refused_long_before_their_expiry_are_the_servers_too() -> None:
    tables = sketched(1, base_risk=0.0)
    hit = np.where(tables.cells["kind"] == "connect", np.random.default_rng(1).binomial(tables.cells["n"], 0.05), 0)
    refused, n = int(hit.sum()), int(tables.cells.loc[tables.cells["kind"] == "connect", "n"].sum())
    cells = tables.cells.assign(auth=hit, auth_fresh=hit, bad=hit)

    def judged(sometimes: int) -> dict[str, Finding]:
        row = {"run_id": "sketched", "kind": "connect", "n": n, "fresh": refused, "sometimes": sometimes}
        refusals = pd.DataFrame([row])
        return decided_alone(replace(tables, cells=cells, fresh_refusals=refusals), "auth", "server").claims

    found = judged(refused)
    assert found["auth"].state == found["server"].state == "confirmed"
    always = judged(0)
    assert always["auth"].state == "confirmed"
    assert always["server"].state != "confirmed"
    stale = decided_alone(replace(tables, cells=tables.cells.assign(auth=hit, bad=hit)), "auth", "server").claims
    assert stale["auth"].state == "confirmed"
    assert stale["server"].state != "confirmed"
