"""Networks are shared, or several, and lose as much as each other."""

from dataclasses import replace

import pandas as pd

from tests.analysis.comparison.confounders import confounded, worse_windows


def test_several_networks_of_its_own_are_as_good_as_a_common_one() -> None:
    tables = worse_windows()
    own = replace(tables, sites=tables.sites.assign(site=tables.sites["host"]))
    assert confounded(own)[1]["same networks"] is True


def test_packet_loss_of_one_platform_is_its_network() -> None:
    tables = worse_windows()
    rows = [
        {"host": h, "platform": p, "site": "north", "slot": 176_760_000 + s, "operation": "tcp", "n": 2, "bad": bad}
        for h, p in tables.base_rtt[["host", "platform"]].itertuples(index=False)
        for s in range(360)
        for bad in [int(p == "Windows" and s % 10 == 0)]
    ]
    finding, checks = confounded(replace(tables, probes=pd.DataFrame(rows)))
    assert checks["same packet loss"] is False
    assert finding.state == "undecided"
