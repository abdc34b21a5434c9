from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, strategies as st

from netwatch_tray.model import GapReason, InterfaceTick, Role, Tick, Total, Why, WhyCode
from netwatch_tray.settings import Settings, TrayIcon
from netwatch_tray.tray.presenter import MOST_ROWS, Glyph, Presenter, View
from netwatch_tray.units import FIGURE_SPACE, Units


def present(shown: Tick, in_units: Units = Units(), **tray: Any) -> View:  # noqa: B008  it cannot change
    return Presenter(Settings(units=in_units, tray=TrayIcon(**tray))).present(shown)


def interface(
    index: int,
    name: str,
    rx: float | None = 0.0,
    tx: float | None = 0.0,
    *,
    is_up: bool = True,
    is_uplink: bool = False,
    speed: int | None = None,
    kind: str = "ethernet",
) -> InterfaceTick:
    return InterfaceTick(
        index=index,
        name=name,
        kind=kind,
        role=Role.LOOPBACK if name == "lo" else Role.OTHER,
        speed=speed,
        is_up=is_up,
        is_uplink=is_uplink,
        why=Why(WhyCode.DEFAULT_ROUTE),
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
    gap: GapReason | None = None,
) -> Tick:
    total = Total(rx_rate=rx, tx_rate=tx, uplinks=uplinks)
    return Tick(at=datetime(2026, 11, 16, tzinfo=UTC), interval_s=1.0, gap=gap, total=total, interfaces=interfaces)


def plain(rows: tuple[str, ...]) -> tuple[str, ...]:
    """Return the rows without their padding."""
    return tuple(row.replace(FIGURE_SPACE, "").replace("   ↑", "  ↑").rstrip() for row in rows)


def test_tooltip_shows_the_rates_and_the_interfaces_they_belong_to() -> None:
    assert present(tick(12.4e6, 840e3)).tooltip == ("↓ 12.4 MB/s  ↑ 840 kB/s", "eth0 only")
    assert present(tick(1.0, 2.0, uplinks=("eth0", "wlan0"))).tooltip[1] == "eth0 + wlan0"
    assert present(tick(1e6, 0.0), Units(bits=True)).tooltip[0] == "↓ 8.00 Mbit/s  ↑ 0 bit/s"


def test_unknown_rate_is_a_dash_and_never_zero() -> None:
    view = present(
        tick(None, None, interface(2, "eth0", None, None), interface(3, "wlan0", None, None), gap=GapReason.ASLEEP)
    )
    assert view.tooltip == ("↓ –  ↑ –", "eth0 only", "No rates for a moment: asleep")
    assert view.glyph == Glyph("rates", 0, 0)
    assert "0" not in view.label
    assert plain(view.rows.texts()) == ("↓ –  ↑ –", "eth0 only", "wlan0   ↓ –  ↑ –")


def test_offline_is_shown_everywhere_with_the_reason() -> None:
    down = interface(2, "eth0", is_up=False), interface(3, "wlan0", is_up=False, kind="wifi")
    view = present(tick(0.0, 0.0, interface(1, "lo"), *down, uplinks=()))
    assert view.glyph == Glyph("offline")
    assert view.label == "offline"
    assert view.tooltip == ("↓ 0 B/s  ↑ 0 B/s", "Offline: eth0 and wlan0 are not connected")
    assert plain(view.rows.texts()) == view.tooltip
    assert present(tick(0.0, 0.0, down[0], uplinks=())).tooltip[1] == "Offline: eth0 is not connected"
    left_out = present(tick(0.0, 0.0, interface(2, "eth0"), uplinks=())).tooltip[1]
    assert left_out == "Offline: eth0 is up, but left out of the total"
    nothing = present(tick(0.0, 0.0, interface(1, "lo"), uplinks=())).tooltip[1]
    assert nothing == "Offline: this computer has no network interface"


def test_paused_and_unreadable_have_their_own_icon_and_text() -> None:
    paused = present(tick(None, None, interface(2, "eth0"), interface(3, "wlan0"), gap=GapReason.PAUSED))
    assert (paused.glyph, paused.label, paused.is_paused) == (Glyph("paused"), "paused", True)
    assert paused.rows.texts() == paused.tooltip == ("NetWatch is paused", "No rates are measured until you resume")
    broken = present(tick(None, None, interface(2, "eth0"), gap=GapReason.UNREADABLE))
    assert (broken.glyph, broken.label, broken.is_paused) == (Glyph("alert"), "no data", False)
    assert broken.tooltip[0] == "NetWatch cannot measure"


def test_arrows_grow_in_three_steps() -> None:
    limits = [(0.0, 0), (1000.0, 0), (1001.0, 1), (100e3, 1), (101e3, 2), (1e6, 2), (1.1e6, 3), (1e12, 3)]
    for rate, step in limits:
        assert present(tick(rate, 0.0)).glyph == Glyph("rates", step, 0)
        assert present(tick(0.0, rate)).glyph == Glyph("rates", 0, step)


def test_arrow_is_longest_at_a_tenth_of_a_slow_links_speed() -> None:
    slow = interface(2, "eth0", is_uplink=True, speed=4_000_000)
    assert present(tick(51e3, 49e3, slow)).glyph == Glyph("rates", 3, 1)
    fast = interface(2, "eth0", is_uplink=True, speed=10_000_000_000)
    assert present(tick(1.1e6, 0.9e6, fast)).glyph == Glyph("rates", 3, 2)


def test_label_beside_the_icon_has_the_same_width_for_all_rates() -> None:
    presenter = Presenter(Settings())
    labels = [presenter.present(tick(rate, rate)).label for rate in (1.2e3, 12.3e3, 123e3, 0.0, None, 999e3)]
    assert len({len(label) for label in labels}) == 1
    assert labels[0] == "↓ 1.20 kB/s ↑ 1.20 kB/s"
    assert labels[2] == "↓ \u2007123 kB/s ↑ \u2007123 kB/s"
    assert present(tick(1.0, 1.0), text=False).label == ""


def test_a_view_is_made_again_only_when_something_it_shows_has_changed() -> None:
    presenter = Presenter(Settings())
    view = presenter.present(tick(1000.0, 0.0))
    assert presenter.present(tick(1000.0, 0.0)) is view
    assert presenter.present(tick(2000.0, 0.0)) != view
    assert presenter.present(tick(1000.0, 0.0)) == view


def test_one_chosen_interface_is_shown_instead_of_the_total() -> None:
    both = interface(2, "eth0", 1e6, 2e6, is_uplink=True), interface(3, "wlan0", 3e3, 4e3)
    view = present(tick(1e6, 2e6, *both), interface="wlan0")
    assert view.tooltip == ("↓ 3.00 kB/s  ↑ 4.00 kB/s", "wlan0 only, as chosen")
    assert view.glyph == Glyph("rates", 1, 1)
    assert plain(view.rows.texts()[2:]) == ("eth0   ↓ 1.00 MB/s  ↑ 2.00 MB/s",)
    assert view.interfaces == ("eth0", "wlan0")
    gone = present(tick(1e6, 2e6, *both), interface="usb0")
    assert gone.tooltip == ("↓ –  ↑ –", "There is no usb0 now")
    assert gone.glyph == Glyph("offline")


def test_rows_keep_their_order_while_rates_change() -> None:
    calm = (
        interface(1, "lo"),
        interface(2, "wlan0", is_uplink=True),
        interface(3, "eth0", is_uplink=True),
        interface(4, "br0", 1.0),
        interface(5, "off", is_up=False),
    )
    busy = (
        interface(1, "lo", 5e9),
        interface(2, "wlan0", is_uplink=True),
        interface(3, "eth0", 3e9, is_uplink=True),
        interface(4, "br0", 7e9),
        interface(5, "off", is_up=False),
    )
    uplinks = ("wlan0", "eth0")
    names = [
        [row.split()[0] for row in present(tick(0.0, 0.0, *each, uplinks=uplinks)).rows.texts()[2:]]
        for each in (calm, busy)
    ]
    assert names == [["wlan0", "eth0", "br0"]] * 2


def test_the_busiest_interfaces_are_shown_and_the_only_uplink_is_not_repeated() -> None:
    many = [interface(index, f"veth{index}", rx=float(index)) for index in range(10, 40)]
    rows = present(tick(0.0, 0.0, interface(50, "eth0", is_uplink=True), *many)).rows.texts()
    assert len(rows) == MOST_ROWS
    assert [row.split()[0] for row in rows[2:]] == [f"veth{index}" for index in range(37, 40)]


rates = st.none() | st.floats(0, 1e13)


@given(rates, rates, st.lists(st.tuples(st.text(min_size=1, max_size=15), rates, rates, st.booleans(), st.booleans())))
def test_any_tick_makes_a_readable_menu(
    rx: float | None, tx: float | None, found: list[tuple[str, float | None, float | None, bool, bool]]
) -> None:
    interfaces = [
        interface(index, name, down, up, is_up=is_up, is_uplink=is_uplink)
        for index, (name, down, up, is_up, is_uplink) in enumerate(found, 1)
    ]
    shown = tick(rx, tx, *interfaces, uplinks=tuple(each.name for each in interfaces if each.is_uplink))
    view = present(shown)
    assert len(view.rows.texts()) <= MOST_ROWS
    assert view == present(shown)
