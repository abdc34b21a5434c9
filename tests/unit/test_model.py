"""Values that are measured, and reasons of gaps."""

from __future__ import annotations

from pathlib import Path

import msgspec

from netwatch_tray.model import GapReason, InterfaceTick, Why, WhyCode


def test_own_rates_of_a_container_are_swapped() -> None:
    outside = InterfaceTick(
        index=2, name="veth1", is_up=True, is_uplink=False, why=Why(WhyCode.DOWN), rx_bytes=0, tx_bytes=0,
        rx_packets=0, tx_packets=0, rx_errors=0, tx_errors=0, rx_drops=0, tx_drops=0, rx_rate=1.0, tx_rate=20.0,
    )  # fmt: skip
    assert outside.own_rates == (1.0, 20.0)
    assert msgspec.structs.replace(outside, faces_inside=True).own_rates == (20.0, 1.0)


def test_no_gap_is_both_unread_and_unobserved() -> None:
    assert [reason for reason in GapReason if reason.is_unread and reason.is_unobserved] == []
    assert [reason for reason in GapReason if reason.is_event and not reason.is_unobserved] == []


def test_numbers_md_names_all_codes() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "numbers.md").read_text("utf-8")
    labels = [*(reason.label for reason in GapReason), *(code.value for code in WhyCode)]
    assert [label for label in labels if f"`{label}`" not in page] == []
