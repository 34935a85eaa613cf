from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.comparison.probes import probe_rate, tcp_losses
from analysis.comparison.view import View, view_of
from analysis.model import Criteria
from tests.analysis.tables_by_hand import sketched
from tests.typed import known


def probes(lost: dict[str, float]) -> View:
    """Sixty minutes of tcp and health probes; `lost` is the share of each platform's tcp probes."""
    rng = np.random.default_rng(1)
    hosts = [(f"{platform}-{i}", platform) for platform in ("Windows", "Linux") for i in range(3)]
    rows = [
        {
            "host": host,
            "platform": platform,
            "site": "north",
            "slot": 176_760_000 + slot,
            "operation": operation,
            "n": 1,
            "bad": int(rng.random() < (lost[platform] if operation == "tcp" else 0)),
        }
        for host, platform in hosts
        for slot in range(360)
        for operation in ("tcp", "health")
    ]
    return view_of(replace(sketched(), probes=pd.DataFrame(rows)), Criteria())


def test_the_platform_that_loses_packets_is_named() -> None:
    found = known(tcp_losses(probes({"Windows": 0.05, "Linux": 0.001}), (0, 1)))
    assert found.worse == "Windows"
    assert found.difference_low > 0


def test_equal_losses_are_no_difference() -> None:
    assert known(tcp_losses(probes({"Windows": 0.01, "Linux": 0.01}), (0, 1))).difference_low < 0


def test_without_probes_nothing_is_known() -> None:
    view = view_of(sketched(), Criteria())
    assert tcp_losses(view, (0, 1)) is None
    assert probe_rate(view, operation="tcp").n == 0


def test_health_probes_are_apart_from_tcp_probes() -> None:
    view = probes({"Windows": 0.5, "Linux": 0.5})
    assert probe_rate(view, operation="health").events == 0
    assert probe_rate(view, operation="tcp", platform="Windows").n == 3 * 360
