"""Amounts of apps between two writings of the history."""

from __future__ import annotations

from hypothesis import given, strategies as st

from netwatch_tray.feed.protocol import AppRates, AppsMessage
from netwatch_tray.feed.unwritten import Unwritten
from netwatch_tray.model import App, Traffic


def _app(name: str, rx: float | None, *, is_tunnel: bool = False) -> App:
    return App(
        key=f"key of {name}", name=name, processes=1, connections=1, rx_bytes=0, tx_bytes=0, rx_rate=rx, tx_rate=rx,
        local_rx_bytes=0, local_tx_bytes=0, is_tunnel_process=is_tunnel,
    )  # fmt: skip


def _message(*apps: App, interval: float | None = 2.0, recent: tuple[AppRates, ...] = ()) -> AppsMessage:
    return AppsMessage(apps=apps, interval_s=interval, recent=recent)


@given(rates=st.lists(st.integers(0, 10**9), min_size=1, max_size=90), written=st.integers(0, 90))
def test_written_and_unwritten_bytes_add_up_to_the_traffic(rates: list[int], written: int) -> None:
    """Readings are two seconds apart, and the history is written with one of them."""
    seen, start = Unwritten(), 1_000_000.0
    for place, rate in enumerate(rates):
        seen.add(start + 2.0 * place + 0.1, _message(_app("curl", float(rate))))
    moved = seen.since(start + 2.0 * written).get("curl", Traffic())
    assert moved == Traffic(*(2 * sum(rates[written + 1 :]),) * 2)


def test_tunnels_and_unknown_rates_add_nothing() -> None:
    seen = Unwritten()
    seen.add(100.0, _message(_app("curl", None), interval=None))
    seen.add(102.0, _message(_app("openvpn", 9.0, is_tunnel=True), _app("curl", 0.0)))
    assert seen.since(60.0) == {}


def test_recent_rates_in_the_first_message_are_added() -> None:
    seen = Unwritten()
    kept = AppRates(at=100.0, elapsed_s=10.0, total=(5, 0), apps={"key of curl": (5, 1), "key of none": (9, 9)})
    seen.add(102.0, _message(_app("curl", 3.0), recent=(kept,)))
    assert seen.since(60.0) == {"curl": Traffic(56, 16)}
    seen.add(132.0, _message(_app("curl", 3.0), recent=(kept,)))
    assert seen.since(60.0) == {"curl": Traffic(56, 16)}, "after a while without messages the agent tells all again"


def test_nothing_is_added_while_the_history_is_not_written() -> None:
    seen = Unwritten()
    seen.add(1_000.0, _message(_app("curl", 5.0)))
    assert seen.since(0.0) == {}
    assert seen.since(990.0) == {"curl": Traffic(10, 10)}
    seen.clear()
    assert seen.since(990.0) == {}
