"""Two dialogs: which data of the history to export, and which days to delete. Each returns the subcommand to run."""

from __future__ import annotations

from datetime import date, timedelta

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from netwatch_tray.window.widgets.buttons import FlatButton, Segments
from netwatch_tray.window.widgets.formatting import long_date
from netwatch_tray.window.widgets.setting_controls import FormRow
from netwatch_tray.window.widgets.text import Paragraph, Text
from netwatch_tray.window.widgets.theme import GAP, Theme

translate = QCoreApplication.translate

_WIDTH = 560
_BEGINNING = date(2000, 1, 1)
"""A day before any recorded or imported one; the first day of the choice that covers everything."""
_WHAT = ("", "--interfaces", "--apps")
_STEPS = ("day", "hour", "minute")
_ALL = 3
"""Index of the choice that covers everything."""


class _Dialog(QDialog):
    """Base class of the dialogs: a title, rows of choices, a sentence, and two buttons."""

    def __init__(self, theme: Theme, parent: QWidget, title: str, action: str) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setWindowTitle(title)
        self.setFixedWidth(theme.height(_WIDTH))
        heading = Text(theme, theme.fonts.title)
        heading.show_text(title)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(0)
        self.sentence = Paragraph(theme, theme.fonts.small)
        self.cancel = FlatButton(theme, translate("HistoryDialogs", "Cancel"))
        self.accept_button = FlatButton(theme, action)
        self.cancel.clicked.connect(self.reject)
        self.accept_button.clicked.connect(self.accept)
        buttons = QHBoxLayout()
        buttons.setSpacing(GAP)
        buttons.addStretch(1)
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.accept_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 20)
        column.setSpacing(12)
        column.addWidget(heading)
        column.addLayout(self._rows)
        column.addWidget(self.sentence)
        column.addLayout(buttons)

    def _add(self, name: str, choices: tuple[str, ...], chosen: int) -> Segments:
        segments = Segments(self._theme, choices, name)
        segments.choose(chosen)
        self._rows.addWidget(FormRow(self._theme, name, "", segments))
        return segments

    def paintEvent(self, _event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.rect(), self._theme.tokens.surface)


class ExportDialog(_Dialog):
    """Asks the user what to export."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        title = translate("HistoryDialogs", "Export the history")
        super().__init__(theme, parent, title, translate("HistoryDialogs", "Save as …"))
        self._what = self._add(
            translate("HistoryDialogs", "Amounts of"),
            (
                translate("HistoryDialogs", "The total"),
                translate("HistoryDialogs", "Interfaces"),
                translate("HistoryDialogs", "Apps"),
            ),
            0,
        )
        self._span = self._add(translate("HistoryDialogs", "Days"), _spans(), _ALL)
        self._step = self._add(
            translate("HistoryDialogs", "A row for each"),
            (
                translate("HistoryDialogs", "Day"),
                translate("HistoryDialogs", "Hour"),
                translate("HistoryDialogs", "Minute"),
            ),
            1,
        )
        self._format = self._add(translate("HistoryDialogs", "Format"), ("CSV", "JSON"), 0)
        text = translate(
            "HistoryDialogs", "Minutes are kept for 30 days, hours as long as there is room, days for good."
        )
        self.sentence.show_text(text)

    @property
    def is_json(self) -> bool:
        return self._format.chosen_index() == 1

    def arguments(self, today: date) -> list[str]:
        """Return the subcommand with its options."""
        words = ["export", *filter(None, [_WHAT[self._what.chosen_index()]])]
        first, _last = span_of(self._span.chosen_index(), today)
        words += ["--from", first.isoformat(), "--step", _STEPS[self._step.chosen_index()]]
        return [*words, "--json"] if self.is_json else words


class DeleteDialog(_Dialog):
    """Asks the user which days to delete, and shows what will be deleted."""

    def __init__(self, theme: Theme, parent: QWidget, today: date) -> None:
        title = translate("HistoryDialogs", "Delete history")
        super().__init__(theme, parent, title, translate("HistoryDialogs", "Delete"))
        self._today = today
        self._span = self._add(translate("HistoryDialogs", "Days"), _spans(), 0)
        self._span.chosen.connect(self._tell)
        self.sentence.set_ink("err")
        self._tell()

    def arguments(self) -> list[str]:
        """Return the subcommand with its options, one of which makes it delete without asking the user again."""
        if self._span.chosen_index() == _ALL:
            return ["history", "delete", "--all", "--yes"]
        first, last = span_of(self._span.chosen_index(), self._today)
        return ["history", "delete", "--from", first.isoformat(), "--to", last.isoformat(), "--yes"]

    def _tell(self, _index: int = 0) -> None:
        first, last = span_of(self._span.chosen_index(), self._today)
        if self._span.chosen_index() == _ALL:
            text = translate(
                "HistoryDialogs",
                "Everything that was ever recorded or imported will be deleted. This cannot be undone.",
            )
        else:
            text = translate(
                "HistoryDialogs",
                "Amounts, curves, apps and events from {first} to {last} will be deleted. This cannot be undone.",
            ).format(first=f"{long_date(first)} {first.year}", last=f"{long_date(last)} {last.year}")
        self.sentence.show_text(text)


def _spans() -> tuple[str, ...]:
    return (
        translate("HistoryDialogs", "Today"),
        translate("HistoryDialogs", "7 days"),
        translate("HistoryDialogs", "30 days"),
        translate("HistoryDialogs", "Everything"),
    )


def span_of(index: int, today: date) -> tuple[date, date]:
    """Return the first and the last day of the choice with this index."""
    days = (1, 7, 30)
    return (_BEGINNING if index == _ALL else today - timedelta(days=days[index] - 1)), today
