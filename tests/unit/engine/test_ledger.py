"""The accounts of the apps, and sums that are exact to the byte."""

from __future__ import annotations

from hypothesis import given, strategies as st

from netwatch_tray.engine.apps import AppName
from netwatch_tray.engine.ledger import AppInterval, AppLedger, reconcile
from netwatch_tray.model import Traffic

CURL, VPN = AppName("executable:/usr/bin/curl", "curl"), AppName("unit:vpn", "vpn", is_tunnel_process=True)


def test_apps_beyond_the_limit_are_summed_and_no_byte_is_lost() -> None:
    ledger = AppLedger()
    ledger.join(CURL, 1)
    ledger.credit(CURL, 1, Traffic(7, 7), crosses_uplink=True)
    for number in range(2000):
        ledger.credit(AppName(f"unit:run-{number}", f"run-{number}"), None, Traffic(1, 2), crosses_uplink=True)
        ledger.close_interval(1.0)
    apps = ledger.apps()
    assert len(apps) <= 501
    assert sum(app.rx_bytes for app in apps) == 2007
    assert sum(app.tx_bytes for app in apps) == 4007
    assert {"curl", "Other apps", "run-1999"} <= {app.name for app in apps}


def test_app_that_moves_bytes_is_not_folded() -> None:
    ledger = AppLedger()
    for number in range(2000):
        ledger.credit(CURL, None, Traffic(1, 1), crosses_uplink=True)
        ledger.credit(AppName(f"unit:run-{number}", f"run-{number}"), None, Traffic(1, 2), crosses_uplink=True)
        ledger.close_interval(1.0)
        (curl,) = [app for app in ledger.apps() if app.key == CURL.key]
        assert (curl.rx_bytes, curl.rx_rate) == (number + 1, 1.0)


NONE = Traffic()
BYTES = st.builds(Traffic, st.integers(0, 10**12), st.integers(0, 10**12))


def interval(moved: dict[AppName, Traffic], elapsed_s: float | None = 1.0, held: Traffic = NONE) -> AppInterval:
    apps = {app.key: (app, traffic) for app, traffic in moved.items()}
    return AppInterval(elapsed_s=elapsed_s, apps=apps, processes={}, local=Traffic(3, 4), held=held)


@given(st.lists(st.tuples(BYTES, BYTES, BYTES, BYTES), min_size=1, max_size=8))
def test_every_interval_reconciles_to_the_byte(intervals: list[tuple[Traffic, Traffic, Traffic, Traffic]]) -> None:
    before = None
    ahead = held_before = Traffic()
    for uplink, by_curl, by_vpn, held in intervals:
        result = reconcile(uplink, interval({CURL: by_curl, VPN: by_vpn}, held=held), before)
        assert result.apps == {CURL.key: by_curl}  # what a tunnel transports is counted, the tunnel itself is not
        assert result.local == (3, 4)
        for way in range(2):
            explained = by_curl[way] + result.other[way] + ahead[way] + held[way]
            assert uplink[way] + result.ahead[way] + held_before[way] == explained
            assert result.other[way] >= 0
            assert result.ahead[way] >= 0
        before, ahead, held_before = result, result.ahead, held


def test_remainder_is_reported_and_bytes_ahead_are_subtracted_later() -> None:
    first = reconcile(Traffic(100, 0), interval({CURL: Traffic(130, 0)}), None)
    assert (first.other, first.ahead) == (Traffic(0, 0), Traffic(30, 0))
    second = reconcile(Traffic(100, 5), interval({}), first)
    assert (second.other, second.ahead) == (Traffic(70, 5), Traffic(0, 0))


def test_bytes_ahead_are_dropped_across_a_gap() -> None:
    gap = reconcile(Traffic(0, 0), interval({CURL: Traffic(500, 0)}, elapsed_s=None), None)
    after = reconcile(Traffic(100, 5), interval({}), gap)
    assert (after.other, after.ahead) == (Traffic(100, 5), Traffic(0, 0))
