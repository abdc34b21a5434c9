from __future__ import annotations

from datetime import date

import pytest

from netwatch_tray.units import Units
from netwatch_tray.window.widgets import formatting


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0 s"),
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (86399, "23 h"),
        (1e6, "11 d"),
    ],
)
def test_durations_are_one_number_rounded_down(seconds: float, text: str) -> None:
    assert formatting.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "–"),
        (0.0, "0.0 ms"),
        (0.00002, "<0.1 ms"),
        (0.0003, "0.3 ms"),
        (0.0182, "18 ms"),
        (0.9, "900 ms"),
        (1.24, "1.2 s"),
    ],
)
def test_round_trip_times_are_formatted_with_units(seconds: float | None, text: str) -> None:
    assert formatting.rtt(seconds) == text


def test_dates_have_day_and_month() -> None:
    assert formatting.short_date(date(2026, 11, 4)) == "4 Nov"
    assert formatting.long_date(date(2026, 11, 4)) == "4 November"


@pytest.mark.parametrize(
    ("shown_in", "rates", "sizes"),
    [
        (Units(), ("B/s", "kB/s", "MB/s", "GB/s", "TB/s"), ("B", "kB", "MB", "GB", "TB")),
        (Units(bits=True), ("bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"), ("B", "kB", "MB", "GB", "TB")),
        (Units(binary=True), ("B/s", "KiB/s", "MiB/s", "GiB/s", "TiB/s"), ("B", "KiB", "MiB", "GiB", "TiB")),
    ],
)
def test_lists_of_units_cover_all_rates_and_sizes(
    shown_in: Units, rates: tuple[str, ...], sizes: tuple[str, ...]
) -> None:
    assert formatting.rate_units(shown_in) == rates
    assert formatting.size_units(shown_in) == sizes


def test_cost_of_a_process_has_cpu_and_memory() -> None:
    assert formatting.cost_in_words(0.42, 24_300_000) == "CPU 0.4 %, memory 24.3 MB (PSS)"
    assert formatting.cost_in_words(None, 24_300_000, "RSS") == "memory 24.3 MB (RSS)"


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("greatest in 28 days 2.05 GB", ["2.05 GB"]),
        ("more than 100 MB. At 1.2 Mbit/s, 80 % of it within 32 s", ["100 MB.", "1.2 Mbit/s,", "80 %", "32 s"]),
        ("22 and 22000, every 3 s.example 7 min.example", []),
    ],
)
def test_a_number_and_its_unit_stay_on_one_line(text: str, numbers: list[str]) -> None:
    assert [word.replace("\u00a0", " ") for word in formatting.unbroken(text).split(" ") if "\u00a0" in word] == numbers
    assert formatting.unbroken(text).replace("\u00a0", " ") == text
