from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, strategies as st

from netwatch_tray.model import InterfaceTick, Tick, Total
from netwatch_tray.tray.presenter import ACTION_ROWS, MOST_ROWS, Glyph, present
from netwatch_tray.units import Units

SI = Units()


def interface(
    index: int,
    name: str,
    rx: float | None = 0.0,
    tx: float | None = 0.0,
    *,
    is_up: bool = True,
    is_uplink: bool = False,
) -> InterfaceTick:
    return InterfaceTick(
        index=index,
        name=name,
        is_up=is_up,
        is_uplink=is_uplink,
        why="",
        rx_bytes=0,
        tx_bytes=0,
        rx_packets=0,
        tx_packets=0,
        rx_errors=0,
        tx_errors=0,
        rx_drops=0,
        tx_drops=0,
        rx_rate=rx,
        tx_rate=tx,
    )


def tick(
    rx: float | None,
    tx: float | None,
    *interfaces: InterfaceTick,
    uplinks: tuple[str, ...] = ("eth0",),
    gap: str | None = None,
) -> Tick:
    total = Total(rx_rate=rx, tx_rate=tx, uplinks=uplinks)
    return Tick(at=datetime(2026, 11, 16, tzinfo=UTC), interval_s=1.0, gap=gap, total=total, interfaces=interfaces)


def test_the_tooltip_tells_the_rates_and_what_they_are_of() -> None:
    assert present(tick(12.4e6, 840e3), SI).tooltip == ("↓ 12.4 MB/s  ↑ 840 kB/s", "eth0 only")
    assert present(tick(1.0, 2.0, uplinks=("eth0", "wlan0")), SI).tooltip[1] == "eth0 + wlan0"
    assert present(tick(1e6, 0.0), Units(bits=True)).tooltip[0] == "↓ 8.00 Mbit/s  ↑ 0 bit/s"


def test_unknown_is_a_dash_and_never_zero() -> None:
    view = present(tick(None, None, interface(2, "eth0", None, None), gap="asleep"), SI)
    assert view.tooltip == ("↓ –  ↑ –", "eth0 only", "No rates for a moment: asleep")
    assert view.glyph == Glyph("rates", 0, 0)
    assert "0" not in view.label
    assert view.rows == ("↓ –  ↑ –", "eth0 only", "eth0   ↓ –  ↑ –")


def test_offline_says_so_everywhere() -> None:
    view = present(tick(0.0, 0.0, interface(2, "eth0", is_up=False), uplinks=()), SI)
    assert view.glyph == Glyph("offline")
    assert view.label == "offline"
    assert view.tooltip[1] == "Offline: no interface is connected"
    assert view.rows == view.tooltip


def test_arrows_grow_in_three_steps() -> None:
    limits = [(0.0, 0), (1000.0, 0), (1001.0, 1), (100e3, 1), (101e3, 2), (1e6, 2), (1.1e6, 3), (1e12, 3)]
    for rate, step in limits:
        assert present(tick(rate, 0.0), SI).glyph == Glyph("rates", step, 0)
        assert present(tick(0.0, rate), SI).glyph == Glyph("rates", 0, step)


def test_the_label_keeps_its_width() -> None:
    labels = [present(tick(rate, rate), SI).label for rate in (1.2e3, 12.3e3, 123e3, 999e3)]
    assert len({len(label) for label in labels}) == 1
    assert labels[0] == "↓ 1.20 kB/s ↑ 1.20 kB/s"
    assert labels[2] == "↓ \u2007123 kB/s ↑ \u2007123 kB/s"


def test_rows_keep_their_order_while_rates_change() -> None:
    calm = (
        interface(1, "lo"),
        interface(2, "wlan0", is_uplink=True),
        interface(3, "br0", 1.0),
        interface(4, "off", is_up=False),
    )
    busy = (
        interface(1, "lo", 5e9),
        interface(2, "wlan0", is_uplink=True),
        interface(3, "br0", 7e9),
        interface(4, "off", is_up=False),
    )
    names = [[row.split()[0] for row in present(tick(0.0, 0.0, *each), SI).rows[2:]] for each in (calm, busy)]
    assert names == [["wlan0", "lo", "br0"]] * 2


def test_the_busiest_interfaces_are_shown_and_the_uplinks_always() -> None:
    many = [interface(index, f"veth{index}", rx=float(index)) for index in range(10, 40)]
    rows = present(tick(0.0, 0.0, interface(50, "eth0", is_uplink=True), *many), SI).rows
    assert len(rows) + ACTION_ROWS == MOST_ROWS
    assert [row.split()[0] for row in rows[2:]] == ["eth0", *(f"veth{index}" for index in range(32, 40))]


rates = st.none() | st.floats(0, 1e13)


@given(rates, rates, st.lists(st.tuples(st.text(min_size=1, max_size=15), rates, rates, st.booleans(), st.booleans())))
def test_any_tick_makes_a_menu_that_can_be_read(
    rx: float | None, tx: float | None, found: list[tuple[str, float | None, float | None, bool, bool]]
) -> None:
    interfaces = [
        interface(index, name, down, up, is_up=is_up, is_uplink=is_uplink)
        for index, (name, down, up, is_up, is_uplink) in enumerate(found, 1)
    ]
    shown = tick(rx, tx, *interfaces, uplinks=tuple(each.name for each in interfaces if each.is_uplink))
    view = present(shown, SI)
    assert len(view.rows) <= MOST_ROWS - ACTION_ROWS
    assert view == present(shown, SI)
