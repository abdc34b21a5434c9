"""The section “Names and UDP” of the settings: what the helper provides, and the commands that install and remove
it."""

from __future__ import annotations

import os
from collections.abc import Sequence

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import QWidget

from netwatch_tray.feed.protocol import Status
from netwatch_tray.language import said
from netwatch_tray.window.widgets.buttons import FlatButton
from netwatch_tray.window.widgets.setting_controls import FormRow
from netwatch_tray.window.widgets.text import Paragraph
from netwatch_tray.window.widgets.theme import GAP, Theme


class HelperSettings(QObject):
    """Creates and updates the rows of that section; they are in the attribute `rows`. The commands need root, so the
    window only offers to copy them, and never runs them."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        intro = Paragraph(theme, theme.fonts.small)
        intro.show_text(
            self.tr(
                "The kernel reports the bytes of TCP to every program. Bytes of UDP and QUIC and names of hosts need "
                "a small system service, the helper."
            )
        )
        self._state = FormRow(theme, self.tr("Helper"), "")
        self.install = _Commands(
            theme,
            self.tr("Set up"),
            self.tr("Run this in a terminal. It installs the service and allows your account to read it."),
        )
        self.remove = _Commands(
            theme,
            self.tr("Remove"),
            self.tr("This removes the service and its files. The history stays."),
        )
        self.rows: tuple[QWidget, ...] = (
            intro,
            self._state,
            FormRow(
                theme,
                self.tr("Bytes of UDP and QUIC"),
                self.tr("One sum for each socket and peer, and its program. Kept as long as the history."),
            ),
            FormRow(
                theme,
                self.tr("Names of hosts"),
                self.tr(
                    "Names and addresses in DNS responses, TLS and QUIC greetings. Kept in memory for 24 h, and longer "
                    "only if you keep hosts of apps."
                ),
            ),
            FormRow(
                theme,
                self.tr("Not read"),
                self.tr("Contents, web addresses, cookies and keys."),
            ),
            FormRow(
                theme,
                self.tr("Who sees it"),
                self.tr(
                    "Accounts that were allowed: the amounts of all sockets, and names of their own sockets only. "
                    "Names are part of no upload level."
                ),
            ),
            *self.install.rows,
            *self.remove.rows,
        )
        self.show_status(None)

    def show_status(self, status: Status | None) -> None:
        """Show the state of the helper as the agent reports it. `status`: None if no agent is connected."""
        self._state.show_help(
            said(status.helper) if status and status.helper else self.tr("Unknown: the agent is not running.")
        )

    def refresh(self) -> None:
        """Show the commands that make sense now: to install the helper, or to update or remove it."""
        from netwatch_tray import helper_setup  # noqa: PLC0415  for this section only

        is_installed = helper_setup.is_installed()
        outdated = is_installed and helper_setup.is_outdated()
        self.install.show(helper_setup.install_commands({os.getuid()}) if not is_installed or outdated else ())
        self.remove.show(helper_setup.remove_commands() if is_installed else ())


class _Commands(QObject):
    """Two rows (`rows`): a button that copies commands for a terminal, and the text of the commands."""

    def __init__(self, theme: Theme, name: str, help_text: str) -> None:
        super().__init__()
        self.text = Paragraph(theme, QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont), "ink")
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setContentsMargins(0, GAP, 0, GAP)
        self.copy = FlatButton(theme, self.tr("Copy"))
        self.copy.setAccessibleName(self.tr("Copy the commands: {name}").format(name=name))
        self.copy.clicked.connect(self._copy)
        self.rows = (FormRow(theme, name, help_text, self.copy), self.text)

    def show(self, commands: Sequence[str]) -> None:
        """Show these commands, one a line. If there are none, hide both rows."""
        self.text.show_text("\n".join(commands))
        for row in self.rows:
            row.setVisible(bool(commands))

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text.text())
