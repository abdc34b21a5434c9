"""The last minutes of the apps, as a window that opens gets them."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, strategies as st

from netwatch_tray.agent.recent_apps import KEPT_S, RecentApps
from netwatch_tray.engine.apps import AppName
from netwatch_tray.engine.ledger import AppInterval
from netwatch_tray.model import GapReason, Tick, Total, Traffic

_CURL, _VPN = AppName("executable:/usr/bin/curl", "curl"), AppName("executable:/usr/bin/openvpn", "openvpn", True)


def _tick(second: float, rx: int = 0, gap: GapReason | None = None, interval_s: float | None = 1.0) -> Tick:
    total = Total(rx_rate=None, tx_rate=None, uplinks=(), rx_delta=rx)
    at = datetime.fromtimestamp(1_000_000 + second, UTC)
    return Tick(at=at, interval_s=interval_s, gap=gap, total=total, interfaces=())


def _moved(rx: int, elapsed_s: float | None) -> AppInterval:
    apps = {_CURL.key: (_CURL, Traffic(rx, 0)), _VPN.key: (_VPN, Traffic(9, 9))}
    return AppInterval(elapsed_s=elapsed_s, apps=apps, processes={}, local=Traffic())


@given(st.lists(st.tuples(st.sampled_from([None, 2, 5, 10]), st.integers(0, 10**9)), max_size=80))
def test_rates_add_up_to_the_traffic(readings: list[tuple[int | None, int]]) -> None:
    recent, second = RecentApps(), 0
    given_apps = given_total = 0
    for elapsed, rx in readings:
        second += elapsed or 1
        if second > KEPT_S:
            break
        recent.add(_tick(second, 2 * rx), None if elapsed is None else _moved(rx, elapsed))
    for rates in recent.rates:
        given_apps += round(rates.apps[_CURL.key][0] * rates.elapsed_s)
        given_total += round(rates.total[0] * rates.elapsed_s)
        assert set(rates.apps) == {_CURL.key}, "a tunnel's own bytes are in no sum"
    taken = [(elapsed, rx) for elapsed, rx in readings]
    rounded = sum(rates.elapsed_s for rates in recent.rates)  # rates are whole bytes a second
    assert given_apps <= sum(rx for elapsed, rx in taken if elapsed) + rounded
    assert given_total <= 2 * sum(rx for _elapsed, rx in taken) + rounded
    assert [rates.at for rates in recent.rates] == sorted(rates.at for rates in recent.rates)


def test_intervals_are_of_ten_seconds_however_often_the_sockets_are_read() -> None:
    recent = RecentApps()
    for second in range(2, 62, 2):
        recent.add(_tick(second, 4000), _moved(2000, 2))
    assert {rates.elapsed_s for rates in recent.rates} == {10.0}
    assert {rates.total for rates in recent.rates} == {(2000, 0)}
    assert {rates.apps[_CURL.key] for rates in recent.rates} == {(1000, 0)}


def test_gaps_are_excluded_from_intervals() -> None:
    recent = RecentApps()
    recent.add(_tick(5, 10**9), _moved(10**9, 5))
    recent.add(_tick(6, 10**12, GapReason.ASLEEP), _moved(1, None))
    recent.add(_tick(16, 100), _moved(50, 10))
    assert [(rates.total[0], rates.apps[_CURL.key][0]) for rates in recent.rates] == [(10, 5)]


def test_old_intervals_and_intervals_with_a_later_clock_are_dropped() -> None:
    recent = RecentApps()
    for second in range(0, 1000, 10):
        recent.add(_tick(second, 1), _moved(1, 10))
    assert len(recent.rates) <= KEPT_S / 10 + 1
    recent.add(_tick(-500, 1), _moved(1, 10))
    assert len(recent.rates) == 1
