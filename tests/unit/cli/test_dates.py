from __future__ import annotations

import argparse
import contextlib
from datetime import date, timedelta

import pytest
from hypothesis import given, strategies as st

from netwatch_tray.cli.dates import chosen_days, day
from netwatch_tray.cli.parser import build


def test_today_and_yesterday_are_days_of_the_local_calendar() -> None:
    before = date.today()  # noqa: DTZ011  as the program does
    today, yesterday, week = day("today"), day("yesterday"), day("-7d")
    if date.today() == before:  # noqa: DTZ011  not while midnight passes
        assert (today, yesterday, week) == (before, before - timedelta(days=1), before - timedelta(days=7))


@given(st.dates())
def test_iso_days_are_read_as_written(written: date) -> None:
    assert day(written.isoformat()) == written


@given(st.text())
def test_any_text_parses_as_day_or_is_refused(text: str) -> None:
    with contextlib.suppress(argparse.ArgumentTypeError):
        assert isinstance(day(text), date)


@pytest.mark.parametrize("subcommand", ["usage", "export"])
@pytest.mark.parametrize("words", [["--from", "-7d", "--to", "-3d"], ["--from=-7d", "--to=-3d"]])
def test_negative_days_are_parsed_as_values_not_options(subcommand: str, words: list[str]) -> None:
    first, last = chosen_days(build([subcommand]).parse_args([subcommand, *words]), 30)
    assert (last - first).days == 4
