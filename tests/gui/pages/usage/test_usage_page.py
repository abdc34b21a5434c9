"""The page Usage."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from painted import drawn
from PySide6.QtCore import QDate, QLocale
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from windows import Opened, child, interface, tick, until, uplink, visible_text

from netwatch_tray import units
from netwatch_tray.errors import NoHistoryYetError
from netwatch_tray.feed.protocol import SettingsMessage, TickMessage
from netwatch_tray.settings import DataPlan, History, Settings
from netwatch_tray.units import Units
from netwatch_tray.window.pages.usage.pane import UsagePane
from netwatch_tray.window.pages.usage.plan_bar import PlanBar

_FEW = (uplink(2, "eth0", 12.4e6, 840e3), interface(3, "wg0", 2.1e6, 96.2e3, over=("eth0",)))


def test_usage_of_week_month_and_year(opened: Opened) -> None:
    QTest.keySequence(opened.window, "Ctrl+4")
    page = opened.window.usage
    today = datetime.now().astimezone().date()
    assert page.chart.isVisible()
    month = QLocale().standaloneMonthName(today.month)
    assert f"in {month}" in visible_text(page)
    assert f"{units.size(1_500_000_000 * today.day)} | in {month}" in visible_text(page)
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
    assert "Per month" in drawn(page.chart)
    assert "Some bytes are missing" in visible_text(page)
    page.choose_range(0)
    assert page.chart.accessibleDescription().count("together") == today.weekday() + 1
    assert f"↓ {1.0:.2f} GB" in page.chart.accessibleDescription()
    page.choose_range(1)
    pane = child(page, UsagePane)
    assert pane.isVisible()
    told = " | ".join(each.accessibleName() for each in pane.findChildren(QWidget))
    assert "Used today 1.50 GB, Nothing left this month 0 B" in told
    assert "Networks this month: Wi-Fi 2, metered 7.00 MB" in told
    before = today.replace(day=1) - timedelta(days=1)
    assert f"Earlier months: {QLocale().standaloneMonthName(before.month)} {1.5 * before.day:.1f} GB" in told
    assert told.partition("Earlier months: ")[2].partition(" | ")[0].count(" GB") == 6
    opened.window.resize(960, 640)
    assert not pane.isVisible()
    opened.history.error = "The history is gone."
    page.choose_range(0)
    assert "The history is gone." in visible_text(page)
    page.plan_requested.emit()
    settings_page = opened.window.settings
    until(lambda: settings_page.form.links.checkedButton().text() == "Data plan", "the plan is shown")


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
        assert page.chart._unmeasured == pytest.approx(first + 40 / 1440)
    assert "At this pace" not in visible_text(page)
    plain = page.chart.grab().toImage()
    page.chart.show_bars(page.chart._bars, page.chart._plan, Units(), 0.0)
    assert page.chart.grab().toImage() != plain, "hatched up to then"


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
