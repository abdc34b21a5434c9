"""The section about the helper: its state, and commands to copy."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication
from statuses import status

from netwatch_tray import helper_setup
from netwatch_tray.errors import Message
from netwatch_tray.window.pages.settings.helper import HelperSettings
from netwatch_tray.window.widgets.theme import Theme

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


@pytest.fixture
def section(application: QApplication) -> Iterator[HelperSettings]:
    theme = Theme(application, Qt.ColorScheme.Light)
    made = HelperSettings(theme)
    yield made
    for row in made.rows:
        row.deleteLater()
    theme.deleteLater()


def test_state_of_the_helper_is_shown_as_the_agent_reports_it(section: HelperSettings) -> None:
    assert "the agent is not running" in section._state.help.text()
    section.show_status(status(helper=Message("Running, process 7: bytes of UDP and QUIC, names of hosts.")))
    assert section._state.help.text().startswith("Running, process 7")
    section.show_status(None)
    assert "the agent is not running" in section._state.help.text()


@pytest.mark.parametrize(("is_installed", "is_outdated"), [(False, False), (True, False), (True, True)])
def test_applicable_commands_are_shown_and_copied(
    section: HelperSettings, monkeypatch: pytest.MonkeyPatch, is_installed: bool, is_outdated: bool
) -> None:
    monkeypatch.setattr(helper_setup, "is_installed", lambda: is_installed)
    monkeypatch.setattr(helper_setup, "is_outdated", lambda: is_outdated)
    section.refresh()
    assert section.install.text.isHidden() == (is_installed and not is_outdated)
    assert section.remove.text.isHidden() != is_installed
    shown = section.remove if is_installed else section.install
    shown.copy.click()
    copied = QGuiApplication.clipboard().text()
    assert copied == "\n".join(
        helper_setup.remove_commands() if is_installed else helper_setup.install_commands({os.getuid()})
    )
    assert "sudo " in copied
