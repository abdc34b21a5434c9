"""The page Usage."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from painted import drawn
from PySide6.QtCore import QDate, QLocale, QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QMenu, QWidget
from windows import FakeHistory, FakeReader, Open, Opened, button, child, interface, tick, until, uplink, visible_text

from netwatch_tray import units
from netwatch_tray.errors import NoHistoryYetError
from netwatch_tray.feed.protocol import SettingsMessage, TickMessage
from netwatch_tray.history.results import Used
from netwatch_tray.history.usage import billing_month
from netwatch_tray.settings import DataPlan, History, Settings, Usage
from netwatch_tray.units import Units
from netwatch_tray.window.pages.usage.pane import UsagePane
from netwatch_tray.window.pages.usage.plan_bar import PlanBar

_FEW = (uplink(2, "eth0", 12.4e6, 840e3), interface(3, "wg0", 2.1e6, 96.2e3, over=("eth0",)))


def test_week_month_and_year_show_their_amounts(opened: Opened) -> None:
    QTest.keySequence(opened.window, "Ctrl+4")
    page = opened.window.usage
    today = datetime.now().astimezone().date()
    assert page.body.chart.isVisible()
    month = QLocale().standaloneMonthName(today.month)
    assert f"{units.size(1_500_000_000 * today.day)} | in {month}" in visible_text(page)
    assert page.strip.navigator.title.text() == f"{month} {today.year}"
    assert ("At this pace ≈" in visible_text(page)) == (today.day > 2)
    assert not child(page, PlanBar).isVisible(), "a bar of what, without a cap"
    opened.say(SettingsMessage(Settings(plan=DataPlan(cap_gb=500))))
    assert "of 500 GB" in visible_text(page)
    assert child(page, PlanBar).isVisible()
    assert "a day keeps you under the cap" in visible_text(page)
    opened.say(SettingsMessage(Settings(plan=DataPlan(cap_gb=1))))
    assert "over the cap" in visible_text(page)
    assert opened.history
    opened.history.reader.complete = False
    page.choose_range(2)
    assert "Per day" in drawn(page.body.heat_map)
    assert "Some bytes are missing" in visible_text(page)
    page.choose_range(0)
    assert page.body.chart.accessibleDescription().count("together") == today.weekday() + 1
    assert f"↓ {1.0:.2f} GB" in page.body.chart.accessibleDescription()
    page.choose_range(1)
    pane = child(page, UsagePane)
    assert pane.isVisible()
    told = " | ".join(each.accessibleName() for each in pane.findChildren(QWidget))
    assert "Used today 1.50 GB, Nothing left 0 B" in told
    assert "Networks: Wi-Fi 2, metered 7.00 MB" in told
    before = today.replace(day=1) - timedelta(days=1)
    assert f"Earlier months: {QLocale().standaloneMonthName(before.month)} {1.5 * before.day:.1f} GB" in told
    assert told.partition("Earlier months: ")[2].partition(" | ")[0].count(" GB") == 6
    opened.window.resize(960, 640)
    assert pane.isVisible()
    chart = page.body.chart
    until(lambda: pane.mapTo(page, QPoint()).y() > chart.mapTo(page, QPoint()).y(), "the pane is below the chart")
    opened.history.error = "The history is gone."
    page.choose_range(0)
    assert "The history cannot be read | The history is gone." in visible_text(page)
    page.plan_requested.emit()
    settings_page = opened.window.settings
    until(lambda: settings_page.form.links.checkedButton().text() == "Data plan", "the plan is shown")


def test_a_week_lists_the_weeks_before_and_opens_them(opened: Opened) -> None:
    assert opened.history
    used = Used(2_000_000, 1_000_000, 0, 0, 0.0)
    opened.history.reader.names["app"] = {"app0": (used, used)}
    opened.window.turn_to(3)
    page = opened.window.usage
    page.choose_range(0)
    page.place.plan = DataPlan(cap_gb=1)
    pane = child(page, UsagePane)
    told = " | ".join(each.accessibleName() for each in pane.findChildren(QWidget))
    assert "Earlier months" not in told
    assert "Apps: app0 3.00 MB" in told, "which apps it were"
    assert told.partition("Earlier weeks: ")[2].partition(" | ")[0].count("10.5 GB") == 6
    monday = datetime.now().astimezone().date()
    monday -= timedelta(days=monday.weekday())
    pane.opened.emit(1, 1)
    assert page.place.index == 0
    assert page.place.span(monday).first == monday - timedelta(days=14)


def test_days_before_measuring_are_hatched(opened: Opened) -> None:
    assert opened.history
    page, reader = opened.window.usage, opened.history.reader
    today = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    reader.began = (today + timedelta(minutes=40)).timestamp()
    opened.window.turn_to(3)
    since = f" since {QLocale('en').toString(QDate(today.year, today.month, today.day), 'd MMMM')} 00:40"
    for period in (0, 1):
        page.choose_range(period)
        assert since in visible_text(page)
        first = today.weekday() if period == 0 else today.day - 1
        assert page.body.chart._unmeasured == pytest.approx(first + 40 / 1440)
    assert "At this pace" not in visible_text(page)
    plain = page.body.chart.grab().toImage()
    page.body.chart.show_bars("Per day", page.body.chart._bars, page.body.chart._plan, Units(), 0.0)
    assert page.body.chart.grab().toImage() != plain, "hatched up to then"


def test_the_reason_of_a_missing_history_follows_the_settings(opened: Opened) -> None:
    interfaces, usage = opened.window.interfaces, opened.window.usage
    opened.say(TickMessage(tick(*_FEW)))
    assert opened.history
    opened.history.error = NoHistoryYetError("There is no history yet in here: start the program.")
    interfaces.choose_range(3)
    assert "The first minute is being recorded." in visible_text(opened.window)
    opened.window.turn_to(3)
    assert "The first minute is being recorded." in visible_text(usage)
    opened.say(SettingsMessage(Settings(history=History(on=False))))
    assert "The history is off: turn it on in the settings." in visible_text(usage)
    opened.window.turn_to(0)
    assert "The history is off: turn it on in the settings." in visible_text(opened.window)
    opened.agent.stop()
    until(lambda: not opened.link.connected, "it is noticed")
    assert "There is no history yet in here: start the program." in visible_text(opened.window)


def test_arrows_step_to_earlier_periods_and_back(opened: Opened) -> None:
    page = opened.window.usage
    opened.window.turn_to(3)
    today = datetime.now().astimezone().date()
    before = today.replace(day=1) - timedelta(days=1)
    navigator = page.strip.navigator
    assert navigator.back.isEnabled()
    assert not navigator.forward.isEnabled(), "nothing is after the present"
    assert not page.strip.present.isVisible()
    navigator.back.click()
    assert navigator.title.text() == f"{QLocale().standaloneMonthName(before.month)} {before.year}"
    assert f"{units.size(1_500_000_000 * before.day)} | in" in visible_text(page)
    assert page.strip.present.isVisible()
    assert "At this pace" not in visible_text(page), "it is over"
    QTest.keyClick(page, Qt.Key.Key_BracketRight)
    assert navigator.title.text().endswith(str(today.year))
    assert not page.strip.present.isVisible()
    QTest.keyClick(page, Qt.Key.Key_BracketLeft)
    assert page.escape()
    assert not page.strip.present.isVisible()
    assert not page.escape()
    navigator.title.click()
    menu = child(navigator, QMenu)
    assert len(menu.actions()) == 24
    menu.actions()[2].trigger()
    menu.close()
    assert page.strip.present.isVisible()
    page.strip.present.click()
    assert not page.strip.present.isVisible()


def test_a_day_shows_its_hours_apps_and_networks(opened: Opened) -> None:
    assert opened.history
    used = Used(2_000_000, 1_000_000, 0, 0, 0.0)
    opened.history.reader.names["app"] = {f"app{number}": (used, used) for number in range(8)}
    page = opened.window.usage
    opened.window.turn_to(3)
    today = datetime.now().astimezone().date()
    QTest.keyClick(page, Qt.Key.Key_Left)
    assert page.place.day == today, "the first time the last day"
    day = page.body.day_pane
    assert day.isVisible()
    assert not page.body.pane.isVisible()
    assert f"{1.5:.2f} GB" in visible_text(day)
    told = " | ".join(each.accessibleName() for each in day.findChildren(QWidget))
    assert "Apps: app0 3.00 MB" in told
    assert "3 more apps 9.00 MB" in told
    assert "Networks: Wi-Fi 2, metered 7.00 MB" in told
    assert "Per hour" in drawn(day.hours)
    before = page.place.day
    QTest.keyClick(page, Qt.Key.Key_Left)
    assert page.place.day == before - timedelta(days=1)
    assert page.escape()
    assert page.place.day is None
    assert not day.isVisible()
    page.body.chart.chosen.emit(0)
    assert page.place.day == page.place.span(today).first
    chosen = page.place.day
    button(day, "Show in Apps").click()
    assert opened.window.apps.isVisible()
    assert opened.window.apps._history.day == (None if chosen == today else chosen)


def test_a_month_and_a_day_open_from_the_year(opened: Opened) -> None:
    page = opened.window.usage
    opened.window.turn_to(3)
    opened.say(SettingsMessage(Settings(plan=DataPlan(cap_gb=1, billing_day=31))))
    page.choose_range(2)
    today = datetime.now().astimezone().date()
    assert page.body.heat_map.isVisible()
    page.body.heat_map.chosen.emit(today)
    assert page.place.day == today
    QTest.keyClick(page, Qt.Key.Key_Return)
    assert page.place.period == "billing"
    assert page.place.day == today, "the day stays chosen"
    assert " – " in page.strip.navigator.title.text(), "named by its days"
    page.choose_range(2)
    page.body.heat_map.month_opened.emit(date(today.year, 1, 1))
    assert page.place.span(today) == billing_month(date(today.year, 1, 1), 31)
    page.choose_range(2)
    page.body.pane.opened.emit(1, 0)
    assert page.place.period == "billing"


def test_a_counter_counts_since_the_user_reset_it(opened: Opened) -> None:
    page = opened.window.usage
    opened.window.turn_to(3)
    since = datetime.now().astimezone().replace(microsecond=0, tzinfo=None) - timedelta(seconds=1000)
    opened.say(SettingsMessage(Settings(usage=Usage(counter_since=since))))
    told = " | ".join(each.accessibleName() for each in page.body.pane.findChildren(QWidget))
    assert "Counter: Since " in told
    assert "1.00 kB" in told


def test_only_the_chosen_network_is_shown(opened: Opened) -> None:
    opened.window.turn_to(3)
    page = opened.window.usage
    assert not page.strip.network.isVisible(), "names are not wanted"
    named = History(network_names=True)
    opened.say(SettingsMessage(Settings(plan=DataPlan(cap_gb=500), history=named)))
    assert page.strip.network.text() == "All networks ▾"
    assert "of 500 GB" in visible_text(page)
    QTest.mouseClick(page.strip.network, Qt.MouseButton.LeftButton)
    menu = child(page.strip, QMenu)
    assert [(each.text(), each.isChecked()) for each in menu.actions()] == [
        ("All networks", True),
        ("Home", False),
        ("Ethernet", False),
    ]
    menu.actions()[1].trigger()
    menu.close()
    today = datetime.now().astimezone().date()
    assert page.strip.network.text() == "Home ▾"
    assert str(units.size(2_000_000 * today.day)) in visible_text(page)
    assert "on Home" in visible_text(page)
    assert "of 500 GB" not in visible_text(page), "the cap is for all networks"
    assert not child(page, PlanBar).isVisible()
    assert "Allowance" not in " ".join(each.accessibleName() for each in child(page, UsagePane).findChildren(QWidget))
    page.choose_day(today)
    assert "In all networks." in visible_text(page)
    assert page.escape()
    assert page.escape()
    assert page.strip.network.text() == "All networks ▾"
    assert not page.escape()
    page.strip.network_chosen.emit("deleted")
    assert page.place.network is None
    assert "of 500 GB" in visible_text(page)
    page.strip.network_chosen.emit("7be1c04d")
    opened.say(SettingsMessage(Settings(plan=DataPlan(cap_gb=500))))
    assert page.place.network is None, "names are hidden"
    assert "of 500 GB" in visible_text(page)
    assert not page.strip.network.isVisible()


@pytest.mark.parametrize("error", ["", "The history is gone."])
def test_the_present_period_has_its_name_before_and_without_a_result(open_window: Open, error: str) -> None:
    opened = open_window(history=FakeHistory(error=error))
    opened.window.turn_to(3)
    strip, today = opened.window.usage.strip, datetime.now().astimezone().date()
    assert strip.navigator.title.text() == f"{QLocale().standaloneMonthName(today.month)} {today.year}"
    assert strip.present.isHidden()
    assert not strip.navigator.forward.isEnabled()


def test_one_day_is_neither_an_average_nor_the_busiest(open_window: Open) -> None:
    reader = FakeReader()
    opened = open_window(history=FakeHistory(reader))
    opened.window.turn_to(3)
    page, today = opened.window.usage, datetime.now().astimezone()

    def told() -> str:
        return " | ".join(each.accessibleName() for each in child(page, UsagePane).findChildren(QWidget))

    assert ("Average of" in told()) == (today.day > 1)
    reader.began = today.timestamp()
    page.choose_range(2)
    page.choose_range(1)
    assert "Used today 1.50 GB" in told()
    assert "Average of" not in told()
    page.choose_day(today.date())
    assert "Busiest of the period." not in visible_text(page)
