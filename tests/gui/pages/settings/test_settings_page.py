"""The page Settings."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from statuses import status
from windows import (
    Opened,
    button,
    child,
    choose_from_menu,
    control,
    field,
    interface,
    table_texts,
    tick,
    type_into,
    until,
    uplink,
    visible_text,
)

from netwatch_tray import settings
from netwatch_tray.errors import NetWatchError
from netwatch_tray.feed.protocol import Command, SettingsMessage, TickMessage
from netwatch_tray.settings import DataPlan, Settings
from netwatch_tray.units import Units
from netwatch_tray.window.shell.banner import Banner
from netwatch_tray.window.widgets.buttons import Segments
from netwatch_tray.window.widgets.setting_controls import Number, Switch

_FEW = (uplink(2, "eth0", 12.4e6, 840e3), interface(3, "wg0", 2.1e6, 96.2e3, over=("eth0",)))


def test_a_change_is_saved_and_the_agent_reads_it(opened: Opened, tmp_path: Path) -> None:
    window, file = opened.window, tmp_path / "settings.toml"
    opened.say(TickMessage(tick(*_FEW)))
    QTest.keySequence(window, "Ctrl+,")
    page = window.settings
    assert page.isVisible()
    until(lambda: "Other over eth0; not counted" in visible_text(page), "the interfaces are listed")
    opened.agent.heard()
    control(page, "Rates in", Segments).choose(1)
    assert settings.load(file) == Settings(units=Units(bits=True))
    until(lambda: Command("reload") in opened.agent.heard(), "the agent is notified")
    file.write_text("total = { wlan0 = false }\n[units]\nbits = true\n")
    control(page, "wg0 in the total", Segments).choose(1)
    assert settings.load(file).total == {"wlan0": False, "wg0": True}, "what somebody else wrote stays"
    control(page, "wg0 in the total", Segments).choose(0)
    type_into(page, "Allowed in a month", "500 GB")
    control(page, "The month begins on day", Number).setValue(15)
    control(page, "Rates beside the icon", Switch).click()
    control(page, "Keep a history", Switch).click()
    found = settings.load(file)
    assert found.total == {"wlan0": False}
    assert found.plan == DataPlan(cap_gb=500, billing_day=15)
    assert (found.tray.text, found.history.on) == (False, False)
    control(page, "At most", Number).setValue(1000)
    type_into(page, "Allowed in a month", "500 MB")
    assert field(page, "Allowed in a month").text() == "500 MB"
    type_into(page, "Allowed in a month", "2.5")
    assert "“2.5” has no unit. Write 2.5 GB or 2.5 TB." in visible_text(page)
    assert settings.load(file).plan.cap_gb == 0.5, "nothing is saved that may be another amount"
    assert field(page, "Allowed in a month").text() == "2.5", "it stays, to be corrected"
    type_into(page, "Allowed in a month", "500 MB")
    assert "has no unit" not in visible_text(page)
    type_into(page, "First day of a period", "3.11.")
    assert "is not a date" in visible_text(page)
    type_into(page, "First day of a period", "2026-11-03")
    control(page, "Instead of a month", Number).setValue(28)
    button(page, "Counter on the Usage page: Reset now").click()
    since = settings.load(file).usage.counter_since
    assert since is not None
    assert f"{since:%Y-%m-%d %H:%M}" in visible_text(page)
    button(page, "Remove").click()
    assert settings.load(file).usage.counter_since is None
    assert (settings.load(file).plan.begin, settings.load(file).plan.days) == (date(2026, 11, 3), 28)
    choose_from_menu(page, "The total", "wg0")
    found = settings.load(file)
    assert (found.history.size_mb, found.plan.cap_gb, found.tray.interface) == (1000, 0.5, "wg0")
    type_into(page, "Allowed in a month", "")
    assert settings.load(file).plan.cap_gb is None
    file.write_text("nonsense = 1\n")
    control(page, "Multiples of", Segments).choose(1)
    banner = child(window, Banner)
    assert "The settings were not saved" in visible_text(banner)
    assert "nonsense" in visible_text(banner)
    assert file.read_text() == "nonsense = 1\n"
    opened.say(SettingsMessage(Settings(units=Units(binary=True), total={"gone0": True})))
    opened.say(TickMessage(tick(*_FEW)))
    assert "gone0 | Not there at this moment" in visible_text(page)
    assert control(page, "Multiples of", Segments).button(1).isChecked()
    window.turn_to(0)
    assert table_texts(window.interfaces.table)[0][2] == "11.8 MiB/s", "every page follows"


def test_a_change_writes_one_key(opened: Opened, tmp_path: Path) -> None:
    file, page = tmp_path / "settings.toml", opened.window.settings
    opened.window.turn_to_settings()
    control(page, "Colour scheme", Segments).choose(2)
    control(page, "Rates in the icon", Switch).click()
    control(page, "New rates every", Segments).choose(2)
    found = settings.load(file)
    assert (found.window.theme, found.tray.digits, found.tray.period) == ("dark", True, 5)
    opened.say(SettingsMessage(Settings()))
    assert not control(page, "Rates in the icon", Switch).isChecked()
    control(page, "Rates in the icon", Switch).click()
    found = settings.load(file)
    assert (found.window.theme, found.tray.digits, found.tray.period) == ("dark", True, 5), "one key was written"


def test_the_section_list_follows_the_scroll_position(opened: Opened) -> None:
    window = opened.window
    window.resize(960, 640)
    window.turn_to_settings()
    page = window.settings
    until(lambda: page.form.scroll_bar.maximum() > 0, "the page is laid out")
    shown = page.form.links.checkedButton
    assert shown().text() == "General"
    page.form.go_to(page.plan_section)
    until(lambda: page.form.scroll_bar.value() > 0, "it went there")
    assert shown().text() == "Data plan"
    page.form.links.buttons()[-1].click()
    assert shown().text() == "About", "also of one that cannot come to the top"
    page.form.scroll_bar.setValue(0)
    assert shown().text() == "General"


def test_switch_for_login_shows_the_autostart_file(
    opened: Opened, application: QApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    turned: list[bool] = []

    def turn(*, on: bool) -> None:
        if turned:
            raise NetWatchError("The file cannot be written.")
        turned.append(on)

    is_on = False
    monkeypatch.setattr("netwatch_tray.autostart.is_on", lambda: is_on)
    monkeypatch.setattr("netwatch_tray.autostart.turn", turn)
    opened.window.turn_to_settings()
    page = opened.window.settings
    control(page, "Start at login", Switch).click()
    assert turned == [True]
    control(page, "Start at login", Switch).click()
    assert "The file cannot be written." in visible_text(child(opened.window, Banner))
    assert not control(page, "Start at login", Switch).isChecked(), "it shows what is"
    is_on = True
    application.sendEvent(page, QEvent(QEvent.Type.ActivationChange))
    assert control(page, "Start at login", Switch).isChecked(), "turned on in the menu of the icon meanwhile"


def test_the_copied_report_has_no_ip_addresses(opened: Opened) -> None:
    window = opened.window
    window.turn_to_settings()
    opened.say(
        TickMessage(tick(uplink(2, "eth0", 1.0, 1.0, addresses=("192.0.2.24/24",)))),
        status(interfaces="rtnetlink"),
    )
    window.settings.about.copy_report()
    report = QGuiApplication.clipboard().text()
    assert "rtnetlink" in report
    assert "192.0.2" not in report
