"""Settings that only the administrator can change: shown, not to be changed, and with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from managed import managed_file
from PySide6.QtWidgets import QWidget
from windows import Opened, button, control, until, visible_text

from netwatch_tray import settings
from netwatch_tray.feed.protocol import SettingsMessage
from netwatch_tray.settings import Settings
from netwatch_tray.window.widgets.setting_controls import FormRow, Number, Switch

WHY = "Set by your administrator."
MANAGED = """health = true
[upload]
on = true
endpoint = "https://netwatch.example.org"
level = "system"
interval = 60
[units]
bits = true
[events.muted]
"beacon" = true
"""


def _row(widget: QWidget) -> FormRow:
    parent = widget.parentWidget()
    while not isinstance(parent, FormRow):
        assert parent is not None
        parent = parent.parentWidget()
    return parent


def test_managed_settings_are_shown_and_cannot_be_changed(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "settings.toml"
    managed = managed_file(tmp_path, monkeypatch, MANAGED)
    opened.say(SettingsMessage(settings.load(own)))
    opened.window.turn_to_settings()
    page = opened.window.settings
    until(page.upload.on.isChecked, "the settings are shown")
    every = control(page, "Every", Number)
    locked = [page.upload.on, page.upload.server, every, *page.upload.levels, button(page, "Unmute")]
    assert not any(each.isEnabled() for each in locked)
    assert all(WHY in visible_text(_row(each)) for each in (page.upload.on, page.upload.server, every))
    assert every.value() == 60
    assert page.upload.levels[1].isChecked()
    free = control(page, "Hide names", Switch)
    assert free.isEnabled()
    assert WHY not in visible_text(_row(free))
    free.click()
    assert settings.load(own).upload.hide_names
    assert "level" not in own.read_text()

    managed.unlink()
    opened.say(SettingsMessage(Settings()))
    until(lambda: not page.upload.on.isChecked(), "they are the user's again")
    assert all(each.isEnabled() for each in locked[:-1])
    assert WHY not in visible_text(page)


def test_a_choice_that_the_administrator_has_made_meanwhile_is_refused(
    opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened.say(SettingsMessage(Settings()))
    opened.window.turn_to_settings()
    page = opened.window.settings
    managed_file(tmp_path, monkeypatch, "[upload]\nhide_names = false\n")
    switch = control(page, "Hide names", Switch)
    switch.click()
    fault = page.fault()
    assert fault is not None
    assert WHY[:-1] in fault[1]
    assert "upload.hide_names" in fault[1]
    assert not switch.isChecked()
    assert not switch.isEnabled()
