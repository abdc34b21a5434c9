"""The section Upload."""

from __future__ import annotations

import sys
from ast import literal_eval
from pathlib import Path

from statuses import status
from windows import Opened, button, control, until, visible_text

from netwatch_tray import settings
from netwatch_tray.errors import Message
from netwatch_tray.feed.protocol import SettingsMessage
from netwatch_tray.settings import Settings
from netwatch_tray.window.widgets.setting_controls import Number, Switch


def test_upload_is_off_until_it_is_turned_on(opened: Opened, tmp_path: Path) -> None:
    window, file = opened.window, tmp_path / "settings.toml"
    opened.say(SettingsMessage(Settings()))
    window.turn_to_settings()
    page = window.settings
    upload = page.upload
    assert "Off: nothing leaves this computer." in visible_text(page)
    assert upload.levels[0].isChecked()
    upload.levels[2].click()
    control(page, "Hide names", Switch).click()
    control(page, "Every", Number).setValue(60)
    upload.on.click()
    found = settings.load(file).upload
    assert (found.on, found.level, found.hide_names, found.interval) == (True, "apps", True, 60)
    opened.say(SettingsMessage(Settings(upload=found)))
    sent = "42 snapshots sent, none waits."
    opened.say(status(upload=Message(sent)))
    assert sent in visible_text(page)
    upload.server.setText("https://collector.example.net")
    upload.server.editingFinished.emit()
    found = settings.load(file).upload
    assert (found.endpoint, found.on) == ("https://collector.example.net", False), "off for a server without its key"


def test_saving_the_key_and_the_preview_run_subcommands(opened: Opened, tmp_path: Path) -> None:
    log = tmp_path / "ran"
    script = (
        "import pathlib, sys\n"
        f"pathlib.Path({str(log)!r}).write_text(repr((sys.argv[1:], sys.stdin.read())))\n"
        "sys.exit('netwatch-tray: No such server.') if 'bad' in sys.argv else "
        "print('{}' if 'snapshot' in sys.argv else '')"
    )
    window = opened.window
    window.turn_to_settings()
    upload = window.settings.upload
    for process in (upload.snapshot, upload.setup):
        process._command = lambda: (sys.executable, "-c", script)
    assert not button(window.settings, "Save key").isEnabled()
    upload.key.setText("secret")
    button(window.settings, "Save key").click()
    until(lambda: "The key is saved." in visible_text(window.settings), "the key is saved")
    arguments, typed = literal_eval(log.read_text())
    assert arguments == ["upload", "setup", "--endpoint", Settings().upload.endpoint]
    assert typed == "secret\n", "it is in no list of processes"
    assert upload.key.text() == ""
    opened.say(SettingsMessage(Settings(upload=settings.Upload(endpoint="bad"))))
    upload.key.setText("secret")
    button(window.settings, "Save key").click()
    until(lambda: "No such server." in visible_text(window.settings), "the fault is reported")
    upload.show_button.click()
    assert "Measuring for 2 seconds …" in visible_text(window.settings)
    until(lambda: upload.body.toPlainText() == "{}\n", "exactly what is sent is shown")
    assert "nothing was sent" in visible_text(window.settings)
    upload.show_button.click()
    assert upload.body.isHidden()
    upload.show_button.click()  # and is ended with the window


def test_a_collector_is_chosen_and_its_state_shown(opened: Opened, tmp_path: Path) -> None:
    window, file = opened.window, tmp_path / "settings.toml"
    opened.say(SettingsMessage(Settings()))
    window.turn_to_settings()
    page = window.settings
    upload = page.upload
    assert upload.collector.text() == "http://localhost:4318"
    upload.collector.setText("https://collector.example.net:4318")
    upload.collector.editingFinished.emit()
    upload.otlp.click()
    found = settings.load(file).otlp
    assert (found.on, found.endpoint) == (True, "https://collector.example.net:4318")
    opened.say(SettingsMessage(Settings(otlp=found)))
    assert "Off: nothing is sent to a NetWatch server." in visible_text(page)
    assert "Off: nothing leaves this computer." not in visible_text(page)
    opened.say(status(otlp=Message("Nothing was sent yet.")))
    assert "Nothing was sent yet." in visible_text(page)


def test_after_turning_on_metrics_the_page_no_longer_says_that_nothing_leaves(opened: Opened, tmp_path: Path) -> None:
    window, file = opened.window, tmp_path / "settings.toml"
    opened.say(SettingsMessage(Settings()))
    window.turn_to_settings()
    page = window.settings
    control(page, "Serve metrics to Prometheus", Switch).click()
    found = settings.load(file).metrics
    assert found.on
    opened.say(SettingsMessage(Settings(metrics=found)))
    assert control(page, "Serve metrics to Prometheus", Switch).isChecked()
    assert "Off: nothing leaves this computer." not in visible_text(page)
