"""Which uploads exceed the usual amount of an app."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given, strategies as st

from netwatch_tray.engine.detectors import Moment
from netwatch_tray.engine.detectors.upload import Sent, SentWatch, Usual, usual
from netwatch_tray.event import Finding, SentMuch

MB = 1_000_000
TODAY = date(2026, 11, 27)


def watching(days: list[int], before: int = 0) -> SentWatch:
    watch = SentWatch()
    known = usual(days)
    watch.compare_with(TODAY, {} if known is None else {"app": known}, {"app": before})
    return watch


def send(watch: SentWatch, amount: int, day: date = TODAY, app: str = "app") -> list[Finding]:
    return list(watch.take(Sent(day, {app: ("App", amount)}), Moment(1.7e9, 1.0)))


def test_200_mb_of_an_app_that_usually_sends_one_are_reported_once_a_day() -> None:
    watch = watching([MB] * 10)
    findings = [each for _ in range(20) for each in send(watch, 10 * MB)]
    (finding,) = findings
    assert finding.evidence == SentMuch(
        sent=110 * MB, usual=MB, greatest=MB, days=10, rule_times=4, rule_least=100 * MB
    )
    assert (finding.app, finding.app_name) == ("app", "App")
    assert len(send(watch, 200 * MB, TODAY + timedelta(days=1))) == 1


def test_usual_and_small_amounts_raise_no_finding() -> None:
    assert send(watching([200 * MB] * 28), 700 * MB) == []
    assert send(watching([1000] * 28), 99 * MB) == []
    assert send(watching([MB] * 28), 500 * MB, app="unknown") == []


def test_app_with_less_than_a_week_of_history_is_not_compared() -> None:
    assert usual([MB] * 6) is None
    assert send(watching([MB] * 6), 10_000 * MB) == []


def test_weekly_backup_is_usual_and_one_large_day_is_not() -> None:
    backup = [5000 * MB if number % 7 == 0 else MB for number in range(28)]
    assert send(watching(backup), 4900 * MB) == []
    once = [5000 * MB, *[MB] * 27]
    assert len(send(watching(once), 4900 * MB)) == 1


def test_bytes_sent_before_the_start_count() -> None:
    watch = watching([MB] * 10, before=90 * MB)
    assert send(watch, 9 * MB) == []
    assert len(send(watch, 2 * MB)) == 1


def test_a_new_day_begins_at_zero_bytes() -> None:
    watch = watching([MB] * 10)
    assert send(watch, 99 * MB) == []
    assert send(watch, 99 * MB, TODAY + timedelta(days=1)) == []


@given(st.lists(st.integers(0, 10**12), min_size=7, max_size=60))
def test_usual_amount_is_within_the_range_of_the_days(days: list[int]) -> None:
    found = usual(days)
    last = days[-28:]
    assert isinstance(found, Usual)
    assert min(last) <= found.median <= found.greatest == max(last)
    assert found.busy <= found.greatest
    assert found == usual([*days[:-28], *sorted(last)])
