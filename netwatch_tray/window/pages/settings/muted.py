"""The list of mutes in the settings: each silences events of a kind, an app or a host (event.Mute)."""

from __future__ import annotations

from collections.abc import Collection

import msgspec
from PySide6.QtWidgets import QVBoxLayout, QWidget

from netwatch_tray import event_words
from netwatch_tray.event import Mute
from netwatch_tray.settings import Settings, dotted
from netwatch_tray.window.pages.settings.rows import Change
from netwatch_tray.window.widgets.buttons import FlatButton
from netwatch_tray.window.widgets.layout import clear
from netwatch_tray.window.widgets.setting_controls import FormRow
from netwatch_tray.window.widgets.theme import Theme


class MutedEvents(QWidget):
    """A row for each mute, with a button that removes it."""

    def __init__(self, theme: Theme, change: Change) -> None:
        super().__init__()
        self._theme = theme
        self._change = change
        self._codes: dict[str, bool] | None = None
        """The mutes in the list by code, each with whether only the administrator can change it; None before the first
        settings."""
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)

    def show_settings(self, settings: Settings, managed: Collection[str]) -> None:
        """Show the mutes in these settings. `managed`: keys of the settings that only the administrator can change."""
        muted = sorted(code for code, is_on in settings.events.muted.items() if is_on)
        codes = {code: dotted("events", "muted", code) in managed for code in muted}
        if codes == self._codes:
            return
        self._codes = codes
        clear(self._column)
        help_text = self.tr("Muted events are recorded and counted. They never notify.")
        nothing = self.tr("None. Mute an event on the Events page, or in its notification.")
        title = FormRow(self._theme, self.tr("Muted"), help_text if codes else nothing)
        self._column.addWidget(title)
        title.show()
        for code, is_managed in codes.items():
            self._add(code, is_managed)

    def _add(self, code: str, is_managed: bool) -> None:
        mute = Mute.parsed(code)
        name = event_words.muted(mute) if mute else code
        button = FlatButton(self._theme, self.tr("Unmute"))
        button.setAccessibleName(self.tr("Unmute: {name}").format(name=name))
        button.clicked.connect(lambda: self._remove(code))
        row = FormRow(self._theme, name, "", button)
        row.show_managed(is_managed)
        self._column.addWidget(row)
        row.show()  # now, so that the rows below make room at once

    def _remove(self, code: str) -> None:
        def change(before: Settings) -> Settings:
            muted = {other: is_on for other, is_on in before.events.muted.items() if other != code}
            return msgspec.structs.replace(before, events=msgspec.structs.replace(before.events, muted=muted))

        self._change(change)
