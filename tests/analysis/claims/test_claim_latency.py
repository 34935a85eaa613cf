from analysis.claims.latency import latency
from analysis.model import Settings
from analysis.view import view_of
from tests.analysis.tables_by_hand import sketched


def found(tables):
    return latency(view_of(tables, Settings()))


def test_what_every_platform_shares_is_confirmed():
    finding = found(sketched(2, suspect="latency", effect=0.03))
    assert finding.state == "confirmed"
    assert len(finding.parts) == 2


def test_what_one_platform_shows_is_not_latency_alone():
    finding = found(sketched(2, suspect="platform_x_latency", effect=0.05))
    assert finding.state == "undecided"
    states = {name.rsplit(" ", 1)[1]: part.state for name, part in finding.parts.items()}
    assert states["Windows"] == "confirmed"


def test_without_delay_arms_there_is_nothing_to_compare():
    finding = found(sketched(2, delays_us=(0,)))
    assert finding.state == "undecided"
    assert "--delay-ms" in finding.needs
    assert finding.effect is None
