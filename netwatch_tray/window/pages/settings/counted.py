"""The list in which the user chooses which interfaces the total counts."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from netwatch_tray import wording
from netwatch_tray.model import InterfaceTick
from netwatch_tray.settings import Settings, dotted
from netwatch_tray.window.pages.settings.rows import Change
from netwatch_tray.window.widgets.buttons import Segments
from netwatch_tray.window.widgets.interface_words import describe
from netwatch_tray.window.widgets.layout import clear
from netwatch_tray.window.widgets.setting_controls import FormRow
from netwatch_tray.window.widgets.theme import Theme

_CHOICES = (None, True, False)
"""What the user can choose for an interface: no setting (the topology decides), always count, never count."""


class CountedInterfaces(QWidget):
    """The list, with a row for each interface that exists or has a setting."""

    def __init__(self, theme: Theme, change: Change) -> None:
        super().__init__()
        self._theme = theme
        self._change = change
        self._chosen: dict[str, bool] = {}
        self._managed: Collection[str] = ()
        self._present: dict[str, InterfaceTick] = {}
        self._rows: dict[str, tuple[FormRow, Segments]] = {}
        self._is_showing = False
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)

    def names(self) -> list[str]:
        """Return the names of the existing interfaces, those that count in the total first."""
        return sorted(self._present, key=self._order)

    def show_settings(self, settings: Settings, managed: Collection[str]) -> None:
        """Show these settings. `managed`: keys of the settings that only the administrator can change."""
        self._chosen, self._managed = settings.total, managed
        self._is_showing = True  # what a control emits now was not chosen by the user
        for name, (row, segments) in self._rows.items():
            segments.choose(_CHOICES.index(self._chosen.get(name)))
            row.show_managed(dotted("total", name) in managed)
        self._is_showing = False

    def show_interfaces(self, interfaces: Sequence[InterfaceTick]) -> None:
        self._present = {each.name: each for each in interfaces}
        if not self.isVisible():
            return
        names = sorted({*self._present, *self._chosen}, key=self._order)
        if names != list(self._rows):
            clear(self._column)
            self._rows = {name: self._make_row(name) for name in names}
        for name, (row, _segments) in self._rows.items():
            present = self._present.get(name)
            row.show_help(
                f"{describe(present)}; {wording.why(present)}" if present else self.tr("Not there at this moment")
            )

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.show_interfaces(tuple(self._present.values()))

    def _order(self, name: str) -> tuple[bool, bool, str]:
        present = self._present.get(name)
        return (present is None or not present.is_uplink, present is None or not present.is_up, name)

    def _make_row(self, name: str) -> tuple[FormRow, Segments]:
        choices = (self.tr("Automatic"), self.tr("Count"), self.tr("Leave out"))
        segments = Segments(self._theme, choices, self.tr("{name} in the total").format(name=name))
        segments.choose(_CHOICES.index(self._chosen.get(name)))
        segments.chosen.connect(lambda choice: self._choose(name, _CHOICES[choice]))
        row = FormRow(self._theme, name, " ", segments)
        row.show_managed(dotted("total", name) in self._managed)
        self._column.addWidget(row)
        row.show()  # now, so that the rows below make room at once
        return row, segments

    def _choose(self, name: str, counted: bool | None) -> None:
        def change(before: Settings) -> Settings:
            total = {other: value for other, value in before.total.items() if other != name}
            if counted is not None:
                total[name] = counted
            return msgspec.structs.replace(before, total=total)

        if not self._is_showing:
            self._change(change)
