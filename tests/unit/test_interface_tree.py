"""The order in which interfaces are listed."""

from __future__ import annotations

from netwatch_tray.interface_tree import as_tree
from netwatch_tray.model import InterfaceTick, Why, WhyCode


def interface(index: int, name: str, *over: str, is_up: bool = True) -> InterfaceTick:
    return InterfaceTick(
        index=index, name=name, over=over, is_up=is_up, is_uplink=False, why=Why(WhyCode.DOWN), rx_bytes=0, tx_bytes=0,
        rx_packets=0, tx_packets=0, rx_errors=0, tx_errors=0, rx_drops=0, tx_drops=0, rx_rate=None, tx_rate=None,
    )  # fmt: skip


def test_interfaces_of_one_name_are_all_listed() -> None:
    listed = [interface(2, "\ufffd"), interface(3, "\ufffd"), interface(4, "wg0", "\ufffd")]
    assert [(depth, each.index) for depth, each in as_tree(listed)] == [(0, 2), (1, 4), (0, 3)]


def test_interfaces_stacked_in_a_circle_are_all_listed() -> None:
    listed = [interface(2, "a", "b"), interface(3, "b", "a"), interface(4, "c", "c")]
    assert sorted(each.index for _depth, each in as_tree(listed)) == [2, 3, 4]


def test_interface_that_is_down_is_placed_at_the_top_level() -> None:
    listed = [interface(2, "eth0"), interface(3, "wlan0", "eth0", is_up=False), interface(4, "wg0", "eth0")]
    assert [(depth, each.name) for depth, each in as_tree(listed)] == [(0, "eth0"), (1, "wg0"), (0, "wlan0")]
