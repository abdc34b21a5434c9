"""Settings, usage, the past, the pause and the sheet of keys."""

from __future__ import annotations

import sys
from ast import literal_eval
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from PySide6.QtCore import QDate, QEvent, QLocale, QSettings, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QMenu, QWidget
from windows import FakeAgent, FakeHistory, FakeReader, Opened, connection, interface, past_tick, tick, until, uplink

from netwatch_tray import settings
from netwatch_tray.errors import HistoryError, NetWatchError, NoHistoryYetError
from netwatch_tray.feed.protocol import Command, ConnectionsMessage, SettingsMessage, Status, Subscribe, TickMessage
from netwatch_tray.model import GapReason
from netwatch_tray.settings import DataPlan, History, Settings
from netwatch_tray.units import Units
from netwatch_tray.window.data.cli_process import CliProcess
from netwatch_tray.window.data.history_queries import HistoryThread
from netwatch_tray.window.data.process_cost import ProcessCost
from netwatch_tray.window.shell.banner import Banner
from netwatch_tray.window.widgets.buttons import FlatButton, Segments
from netwatch_tray.window.widgets.setting_controls import Number, Switch
from netwatch_tray.window.widgets.text import Text

_Control = TypeVar("_Control", Number, Segments, Switch)

_FEW = (uplink(2, "eth0", 12.4e6, 840e3), interface(3, "wg0", 2.1e6, 96.2e3, over=("eth0",)))


@pytest.fixture
def opened(agent: FakeAgent, tmp_path: Path, application):
    """A window with everything it may have."""
    memory = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
    one = Opened(
        agent, memory, Qt.ColorScheme.Light, history=FakeHistory(FakeReader()), settings_file=tmp_path / "settings.toml"
    )
    one.window.resize(1280, 800)
    one.connect(past_tick(2, 1e6, 1e5), past_tick(1, 1e6, 1e5))
    application.processEvents()
    yield one
    one.window.close()
    one.window.deleteLater()
    one.theme.deleteLater()
    application.processEvents()


def control(page: QWidget, name: str, kind: type[_Control]) -> _Control:
    """The control of a setting, by its accessible name."""
    (found,) = (each for each in page.findChildren(kind) if each.accessibleName() == name)
    return found


def choose_from_menu(page: QWidget, shown: str, wanted: str) -> None:
    """Opens the menu of the button that shows this text, and chooses another one."""
    button = next(each for each in page.findChildren(FlatButton) if each.text() == shown)
    button.click()
    menu = button.findChild(QMenu)
    next(each for each in menu.actions() if each.text() == wanted).trigger()
    menu.close()
    assert button.text() == wanted


def _said(widget: Any) -> str:
    return " | ".join(each.text() for each in widget.findChildren(QLabel) if each.isVisible())


def test_long_ranges_come_from_the_history(opened) -> None:
    page = opened.window.interfaces
    opened.say(TickMessage(tick(*_FEW)))
    QTest.keySequence(opened.window, "Alt+3")
    chart = page.range_chart.chart
    chart.grab()
    assert opened.history.reader.kinds[-1] == ("total", None, pytest.approx(3600))
    assert len(chart.series.runs) == 2
    assert max(known.rx_peak for known in chart.series.runs[0]) == 3e6
    assert [gap.reason for gap in chart.series.gaps][:1] == [GapReason.ASLEEP]
    assert "line: average, band: peak" in _said(opened.window)
    assert chart.moments()[-1].rx == 12.4e6, "what was measured since is there as well"
    page.table.selectRow(1)
    assert opened.history.reader.kinds[-1][:2] == ("interface", "wg0")
    before = opened.history.submitted
    opened.say(TickMessage(tick(*_FEW)), TickMessage(tick(*_FEW)))
    assert opened.history.submitted == before, "not at each tick"
    QTest.keySequence(opened.window, "Alt+7")
    chart.grab()
    assert opened.history.reader.kinds[-1][2] == pytest.approx(365 * 86400)
    QTest.keySequence(opened.window, "Alt+1")
    chart.grab()
    assert chart.moments()[-1].rx == 2.1e6


def test_a_part_of_a_long_range_is_asked_for_again_and_finer(opened) -> None:
    page, reader = opened.window.interfaces, opened.history.reader
    opened.say(TickMessage(tick(*_FEW)))
    page.choose_range(3)
    page.range_chart.chart.grab()
    points = len(page.range_chart.chart.series.visible)
    end = page.range_chart.chart.viewport.end
    page.range_chart.chart.zoom_to(end - 7200, end - 3600)
    page.range_chart.chart.grab()
    assert reader.kinds[-1] == ("total", None, pytest.approx(3600 * 1.1))
    assert len(page.range_chart.chart.series.visible) > points / 24 * 4, "finer than before"
    assert "A part of the range: Escape or a double click shows all" in _said(opened.window)
    page.table.selectRow(1)
    page.range_chart.chart.grab()
    assert reader.kinds[-1] == ("interface", "wg0", pytest.approx(3600 * 1.1)), "another interface, the same part"
    assert page.escape()
    assert page.range_chart.chart.zoom is None
    page.range_chart.chart.step(0)
    page.range_chart._stored._lifetime_s = 0.0
    opened.say(TickMessage(tick(*_FEW)))
    assert page.range_chart.chart.crosshair is not None, "what is read again takes nothing away"


def test_a_slow_history_is_said_and_a_missing_one_as_well(opened) -> None:
    page = opened.window.interfaces
    opened.say(TickMessage(tick(*_FEW)))
    opened.history.reader = None
    page.choose_range(4)
    until(lambda: page.range_chart.chart.notice, "says that it reads")
    page.range_chart.chart.grab()
    opened.history.error = "There is no history yet."
    page.choose_range(5)
    assert not page.range_chart.chart.notice
    assert "There is no history yet." in _said(opened.window)


def test_usage(opened) -> None:
    QTest.keySequence(opened.window, "Ctrl+4")
    page = opened.window.usage
    today = datetime.now().astimezone().date()
    assert page.chart.isVisible()
    month = QLocale().standaloneMonthName(today.month)
    assert f"in {month}" in page._of.text()
    assert page._amount.text() == f"{1.5 * today.day:.3g} GB" or page._amount.text().endswith("GB")
    assert ("At this pace ≈" in page._sentence.text()) == (today.day > 2)
    assert not page._bar.isVisible(), "a bar of what, without a cap"
    opened.say(SettingsMessage(Settings(plan=DataPlan(cap_gb=500))))
    assert "of 500 GB" in page._of.text()
    assert page._bar.isVisible()
    assert "a day keeps you under the cap" in page._sentence.text()
    opened.say(SettingsMessage(Settings(plan=DataPlan(cap_gb=1))))
    assert "over the cap" in page._sentence.text()
    opened.history.reader.complete = False
    page._periods.choose(2)
    assert len(page.chart._bars) == 12
    assert "Some bytes are missing" in page._sentence.text()
    assert page.grab().toImage().width() == 1280
    page._periods.choose(0)
    assert len(page.chart._bars) == 7
    assert f"↓ {1.0:.2f} GB" in page.chart.accessibleDescription()
    page._periods.choose(1)
    pane = page._pane
    assert pane.isVisible()
    told = " | ".join(section.accessibleName() for section in pane._sections)
    assert "Used today 1.50 GB, Allowance a day 0 B" in told
    assert "Networks this month: Wi-Fi 2, metered 7.00 MB" in told
    before = today.replace(day=1) - timedelta(days=1)
    assert f"Earlier months: {QLocale().standaloneMonthName(before.month)} {1.5 * before.day:.1f} GB" in told
    assert len(pane._sections[1]._amounts) == 6
    opened.window.resize(960, 640)
    assert not pane.isVisible()
    opened.history.error = "The history is gone."
    page._periods.choose(0)
    assert "The history is gone." in page._instead._detail.text()
    page.plan_requested.emit()
    settings_page = opened.window.settings
    until(lambda: settings_page.form.links.checkedButton().text() == "Data plan", "the plan is shown")


def test_what_was_not_measured_is_not_nothing(opened) -> None:
    page, reader = opened.window.usage, opened.history.reader
    today = datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    reader.began = (today + timedelta(minutes=40)).timestamp()
    opened.window.turn_to(3)
    since = f" since {QLocale('en').toString(QDate(today.year, today.month, today.day), 'd MMMM')} 00:40"
    for period in (0, 1):
        page._periods.choose(period)
        assert since in page._of.text()
        first = today.weekday() if period == 0 else today.day - 1
        assert page.chart._unmeasured == pytest.approx(first + 40 / 1440)
    assert "At this pace" not in page._sentence.text()
    plain = page.chart.grab().toImage()
    page.chart.show_bars(page.chart._bars, page.chart._plan, Units(), 0.0)
    assert page.chart.grab().toImage() != plain, "hatched up to then"


def test_the_first_minute(opened) -> None:
    interfaces, usage = opened.window.interfaces, opened.window.usage
    opened.say(TickMessage(tick(*_FEW)))
    opened.history.error = NoHistoryYetError("There is no history yet in here: start the program.")
    interfaces.choose_range(3)
    assert "The first minute is being recorded." in _said(opened.window)
    opened.window.turn_to(3)
    assert usage._instead._detail.text() == "The first minute is being recorded."
    opened.say(SettingsMessage(Settings(history=History(on=False))))
    assert usage._instead._detail.text() == "The history is off: turn it on in the settings."
    opened.window.turn_to(0)
    assert "The history is off: turn it on in the settings." in _said(opened.window)
    opened.agent.stop()
    until(lambda: not opened.link.connected, "it is noticed")
    assert "There is no history yet in here: start the program." in _said(opened.window)


def test_the_pause_holds_the_picture_still(opened) -> None:
    window, page = opened.window, opened.window.interfaces
    opened.say(TickMessage(tick(*_FEW)))
    end = page.range_chart.chart.viewport.end
    page.table.setFocus()
    QTest.keyClick(page.table, Qt.Key.Key_Space)
    assert window._row.pause.text() == "Live"
    later = tick(uplink(2, "eth0", 1.0, 1.0))
    opened.say(TickMessage(later))
    assert page.range_chart.chart.viewport.end == end
    assert page._strip._down.accessibleName() == "download 12.4 MB/s"
    assert "Paused: measuring goes on" in _said(window)
    window.turn_to(1)
    opened.agent.heard()
    until(lambda: True, "")
    opened.say(ConnectionsMessage(reset=True, added=(connection(1),)))
    assert window.connections.table.model().rowCount() == 0
    window._row.pause.click()
    heard: list = []
    until(lambda: heard.extend(opened.agent.heard()) or Subscribe(window.connections.topics) in heard, "asks again")
    window.turn_to(0)
    opened.say(TickMessage(later))
    assert page._strip._down.accessibleName() == "download 1 B/s"
    assert [point.rx for point in page.range_chart.chart.moments()[-3:]].count(12.4e6) == 1, (
        "what came meanwhile has no hole"
    )


def test_settings_are_written_and_told(opened, tmp_path: Path) -> None:
    window, file = opened.window, tmp_path / "settings.toml"
    opened.say(TickMessage(tick(*_FEW)))
    QTest.keySequence(window, "Ctrl+,")
    page = window.settings
    assert page.isVisible()
    until(lambda: "Other over eth0; not counted" in _said(page), "the interfaces are listed")
    opened.agent.heard()
    control(page, "Rates in", Segments).choose(1)
    assert settings.load(file) == Settings(units=Units(bits=True))
    heard: list = []
    until(lambda: heard.extend(opened.agent.heard()) or Command("reload") in heard, "the agent is told")
    file.write_text("total = { wlan0 = false }\n[units]\nbits = true\n")
    control(page, "wg0 in the total", Segments).choose(1)
    assert settings.load(file).total == {"wlan0": False, "wg0": True}, "what somebody else wrote stays"
    control(page, "wg0 in the total", Segments).choose(0)
    control(page, "Allowed in a month", Number).setValue(500)
    control(page, "The month begins on day", Number).setValue(15)
    control(page, "Rates beside the icon", Switch).click()
    control(page, "Keep a history", Switch).click()
    found = settings.load(file)
    assert found.total == {"wlan0": False}
    assert found.plan == DataPlan(cap_gb=500, billing_day=15)
    assert (found.tray.text, found.history.on) == (False, False)
    control(page, "At most", Number).setValue(1000)
    control(page, "Allowed in a month", Number).setValue(0.5)
    assert control(page, "Allowed in a month", Number).text() == "0.50 GB"
    choose_from_menu(page, "The total", "wg0")
    found = settings.load(file)
    assert (found.history.size_mb, found.plan.cap_gb, found.tray.interface) == (1000, 0.5, "wg0")
    control(page, "Allowed in a month", Number).setValue(0)
    assert settings.load(file).plan.cap_gb is None
    file.write_text("nonsense = 1\n")
    control(page, "Multiples of", Segments).choose(1)
    banner = window.findChild(Banner)
    assert banner._notice.title == "The settings were not saved"
    assert "nonsense" in banner._notice.detail
    assert file.read_text() == "nonsense = 1\n"
    opened.say(SettingsMessage(Settings(units=Units(binary=True), total={"gone0": True})))
    opened.say(TickMessage(tick(*_FEW)))
    assert "gone0 | Not there at this moment" in _said(page)
    assert control(page, "Multiples of", Segments).button(1).isChecked()
    assert window.interfaces._units == Units(binary=True), "every page follows"


def test_sections_are_found_and_follow(opened) -> None:
    window = opened.window
    window.resize(960, 640)
    window.turn_to(4)
    page = window.settings
    until(lambda: page.form.scroll_bar.maximum() > 0, "the page is laid out")
    shown = page.form.links.checkedButton
    assert shown().text() == "General"
    page.form.go_to(page.plan_section)
    until(lambda: page.form.scroll_bar.value() > 0, "it went there")
    assert shown().text() == "Data plan"
    page.form.links.button(7).click()
    assert shown().text() == "About", "also of one that cannot come to the top"
    page.form.scroll_bar.setValue(0)
    assert shown().text() == "General"


def test_upload_is_off_until_it_is_turned_on(opened, tmp_path: Path) -> None:
    window, file = opened.window, tmp_path / "settings.toml"
    opened.say(SettingsMessage(Settings()))
    window.turn_to(4)
    page = window.settings
    upload = page.upload
    assert "Off: nothing leaves this computer." in _said(page)
    assert upload.levels[0].isChecked()
    upload.levels[2].click()
    control(page, "Hide names", Switch).click()
    control(page, "Every", Number).setValue(60)
    upload.on.click()
    found = settings.load(file).upload
    assert (found.on, found.level, found.hide_names, found.interval) == (True, "apps", True, 60)
    opened.say(SettingsMessage(Settings(upload=found)))
    sent = "42 snapshots sent, none waits."
    opened.say(
        Status(version="1", pid=1, uptime_s=1, cpu_s=1, rss_bytes=1, interfaces="", tray="", upload=sent, clients=1)
    )
    assert sent in _said(page)
    upload.server.setText("https://collector.example.net")
    upload.server.editingFinished.emit()
    found = settings.load(file).upload
    assert (found.endpoint, found.on) == ("https://collector.example.net", False), "off for a server without its key"


def test_the_key_and_what_is_sent_go_through_the_verbs(opened, tmp_path: Path) -> None:
    log = tmp_path / "ran"
    script = (
        "import pathlib, sys\n"
        f"pathlib.Path({str(log)!r}).write_text(repr((sys.argv[1:], sys.stdin.read())))\n"
        "sys.exit('netwatch-tray: No such server.') if 'bad' in sys.argv else "
        "print('{}' if 'snapshot' in sys.argv else '')"
    )
    window = opened.window
    window.turn_to(4)
    upload = window.settings.upload
    for verb in (upload.snapshot, upload.setup):
        verb._command = lambda: (sys.executable, "-c", script)
    assert not upload._save.isEnabled()
    upload.key.setText("secret")
    upload._save.click()
    until(lambda: "The key is saved." in _said(window.settings), "the key is saved")
    arguments, typed = literal_eval(log.read_text())
    assert arguments == ["upload", "setup", "--endpoint", Settings().upload.endpoint]
    assert typed == "secret\n", "it is in no list of processes"
    assert upload.key.text() == ""
    opened.say(SettingsMessage(Settings(upload=settings.Upload(endpoint="bad"))))
    upload.key.setText("secret")
    upload._save.click()
    until(lambda: "No such server." in _said(window.settings), "what is wrong is said")
    upload.show_button.click()
    assert "Measuring for 2 seconds …" in _said(window.settings)
    until(lambda: upload.body.toPlainText() == "{}\n", "exactly what is sent is shown")
    assert "nothing was sent" in _said(window.settings)
    upload.show_button.click()
    assert upload.body.isHidden()
    upload.show_button.click()  # and is ended with the window


def test_a_verb_that_cannot_start_says_so(opened) -> None:
    verb = CliProcess(opened.window, lambda: ("/nonexistent/netwatch-tray",))
    said: list[str] = []
    verb.failed.connect(said.append)
    verb.run("snapshot")
    until(lambda: said, "it is said")
    assert not verb.is_running


def test_own_cost_is_that_of_the_last_minute() -> None:
    cost = ProcessCost()
    assert cost.percent is None
    cost.add(1, 5.0, 2.0)
    assert cost.percent is None, "its start says nothing of it"
    cost.add(1, 15.0, 2.1)
    assert cost.percent == pytest.approx(1.0)
    for second in range(25, 200, 10):
        cost.add(1, second, 2.1)
    assert cost.percent == 0
    cost.add(2, 1000.0, 30.0)
    assert cost.percent == 3, "another process: since its start"


def test_starting_at_login(opened, application, monkeypatch) -> None:
    turned: list[bool] = []

    def turn(*, on: bool) -> None:
        if turned:
            raise NetWatchError("The file cannot be written.")
        turned.append(on)

    monkeypatch.setattr("netwatch_tray.autostart.is_on", lambda: is_on)
    is_on = False
    monkeypatch.setattr("netwatch_tray.autostart.turn", turn)
    opened.window.turn_to(4)
    page = opened.window.settings
    control(page, "Start at login", Switch).click()
    assert turned == [True]
    control(page, "Start at login", Switch).click()
    assert opened.window.findChild(Banner)._notice.detail == "The file cannot be written."
    assert not control(page, "Start at login", Switch).isChecked(), "it shows what is"
    is_on = True
    application.sendEvent(page, QEvent(QEvent.Type.ActivationChange))
    assert control(page, "Start at login", Switch).isChecked(), "turned on in the menu of the icon meanwhile"


def test_the_report_has_no_addresses(opened) -> None:
    window = opened.window
    window.turn_to(4)
    opened.say(
        TickMessage(tick(uplink(2, "eth0", 1.0, 1.0, addresses=("192.0.2.24/24",)))),
        Status(version="1", pid=1, uptime_s=100, cpu_s=1, rss_bytes=10, interfaces="rtnetlink", tray="sni", clients=1),
    )
    window.settings.about.copy_report()
    report = QGuiApplication.clipboard().text()
    assert "rtnetlink" in report
    assert "192.0.2" not in report


def test_the_first_run_is_told_where_something_needs_the_person(opened, tmp_path: Path) -> None:
    window = opened.window
    shown = window.first_run
    opened.say(TickMessage(tick(*_FEW)), _status(no_tray=""))
    assert not shown.isVisible(), "nothing needs anybody"
    opened.say(_status(no_tray="Install the extension."), TickMessage(tick(*_FEW, interface(9, "lo"))))
    assert shown.isVisible()
    assert "NetWatch is measuring" in _said(shown)
    assert "Interfaces found: 3. The total is eth0" in _said(shown)
    assert "Install the extension." in _said(shown)
    assert window._banner.isHidden(), "it is said once"
    shown.done.emit()
    assert window.interfaces.isVisible()
    opened.say(_status(no_tray="Install the extension."))
    assert window.interfaces.isVisible(), "never again"
    memory = QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat)
    assert memory.value("welcomed") is not None
    opened.memory.remove("welcomed")
    opened.say(_status(no_tray="Install the extension."))
    assert shown.isVisible()
    window._row.tabs.button(0).click()
    assert window.interfaces.isVisible(), "the tab of the page below leads there as well"


def test_the_search_for_a_tray_is_followed_live(opened) -> None:
    window = opened.window
    shown = window.first_run
    opened.say(TickMessage(tick(*_FEW)), _status(is_looking=True))
    assert shown.isVisible()
    assert "Looking for a tray …" in _said(shown)
    opened.say(_status(no_tray="Install the extension."))
    assert "Looking for a tray …" not in _said(shown)
    assert "Install the extension." in _said(shown)
    assert window._banner.isHidden(), "it is said once"
    opened.say(_status())
    assert "The icon is in the tray" in _said(shown)
    assert "Install the extension." not in _said(shown)
    assert shown.isVisible(), "until the user goes on"


def test_scheme_digits_and_period_are_chosen_and_shown(opened, tmp_path: Path) -> None:
    file, page = tmp_path / "settings.toml", opened.window.settings
    opened.window.turn_to(4)
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


def test_a_fault_in_the_settings_is_told(opened) -> None:
    window = opened.window
    opened.memory.setValue("welcomed", 1)
    opened.say(TickMessage(tick(*_FEW)), _status(settings_fault="units.bits must be true or false."))
    assert "units.bits must be true or false." in _said(window._banner)
    assert window._line._missing.isHidden(), "all is measured"
    opened.say(_status())
    assert window._banner.isHidden()


def _status(**more: Any) -> Status:
    return Status(version="1", pid=1, uptime_s=1, cpu_s=1, rss_bytes=1, interfaces="", tray="", clients=1, **more)


def test_the_sheet_of_keys(opened) -> None:
    window = opened.window
    QTest.keySequence(window, "F1")
    sheet = window.help
    assert sheet.isVisible()
    assert "Ctrl+G | Group connections" in _said(sheet)
    assert all(each.width() >= each.minimumWidth() for each in sheet.findChildren(Text))
    QTest.keyClick(sheet, Qt.Key.Key_A)
    assert not sheet.isVisible()


def test_questions_are_answered_in_the_thread_that_paints(tmp_path: Path) -> None:
    history = HistoryThread(tmp_path / "history.sqlite3")
    failed: list[HistoryError] = []
    history.submit(lambda reader: reader.names("total"), pytest.fail, failed.append)
    until(lambda: failed, "there is no file yet, which is said")
    history.close()
