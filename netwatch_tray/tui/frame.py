"""The screen as text: rows of exactly the terminal's width. Each cell has a role, which decides its style, and possibly
an action for a click."""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

from netwatch_tray import cells
from netwatch_tray.tui.look import Look, Role

Span = tuple[str, Role]


class Line(NamedTuple):
    """A complete row."""

    spans: tuple[Span, ...]
    is_selected: bool = False

    @property
    def text(self) -> str:
        return "".join(text for text, _role in self.spans)


class Hit(NamedTuple):
    """A range of columns in a row where a click runs an action."""

    first: int
    end: int
    action: str
    about: str = ""


class Row:
    """A row that is being written. Writing never makes it longer than its width."""

    def __init__(self, look: Look, width: int) -> None:
        self.width = width
        self.is_selected = False
        self.hits: list[Hit] = []
        self._look = look
        self._cells = [" "] * width
        """The characters that begin in each cell, with their combining marks; empty if the cell is the second half of
        the character on its left."""
        self._roles: list[Role] = ["ink"] * width

    def put(self, x: int, text: str, role: Role = "ink", *, most: int | None = None) -> int:
        """Write a text from column `x` on, cut at the edge or after `most` cells. Return the column after it."""
        text = self._look.text(text)
        room = self.width - x if most is None else min(most, self.width - x)
        if room <= 0 or x < 0:
            return x
        text = self._look.text(cells.cut(text, room))
        if text.isascii():
            return self._write(x, list(text), role)
        characters: list[str] = []
        for character in text:
            wide = cells.width_of(character)
            if wide:
                characters += [character, ""][:wide]
            elif characters:
                at = len(characters) - (1 if characters[-1] else 2)
                characters[at] += character
        return self._write(x, characters, role)

    def put_right(self, end: int, text: str, role: Role = "ink", *, most: int | None = None) -> None:
        """Write a text so that it ends before column `end`."""
        text = self._look.text(text)
        room = end if most is None else min(most, end)
        text = self._look.text(cells.cut(text, room))
        self.put(end - cells.width(text), text, role)

    def put_drawn(self, x: int, drawn: str, role: Role) -> None:
        """Write characters that are known to be one cell wide and supported by the terminal; this costs a tenth of
        `put`."""
        self._write(x, list(drawn[: self.width - x]), role)

    def _write(self, x: int, characters: list[str], role: Role) -> int:
        end = x + len(characters)
        if x < self.width and not self._cells[x]:  # a wide character lost its right half: replace the left one
            self._cells[x - 1] = " "
        if end < self.width and not self._cells[end]:
            self._cells[end] = " "
        self._cells[x:end] = characters
        self._roles[x:end] = [role] * len(characters)
        return end

    def on_click(self, first: int, end: int, action: str, about: str = "") -> None:
        self.hits.append(Hit(first, end, action, about))

    def line(self) -> Line:
        spans: list[Span] = []
        at = 0
        for role, group in groupby(self._roles):
            size = len(list(group))
            spans.append(("".join(self._cells[at : at + size]), role))
            at += size
        return Line(tuple(spans), self.is_selected)


class Frame:
    """The rows of the screen, from top to bottom."""

    def __init__(self, look: Look, width: int, height: int) -> None:
        self.look, self.width, self.height = look, width, height
        self.rows: list[Row] = []

    @property
    def left(self) -> int:
        """Return how many rows may still be added."""
        return self.height - len(self.rows)

    def add(self) -> Row:
        row = Row(self.look, self.width)
        self.rows.append(row)
        return row

    def fill(self, rows: int) -> None:
        """Add empty rows until there are this many rows."""
        while len(self.rows) < min(rows, self.height):
            self.add()

    def lines(self) -> list[Line]:
        """Return as many lines as the frame is high."""
        self.fill(self.height)
        return [row.line() for row in self.rows[: self.height]]

    def hit(self, x: int, y: int) -> Hit | None:
        row = self.rows[y] if 0 <= y < len(self.rows) else None
        return next((hit for hit in row.hits if hit.first <= x < hit.end), None) if row else None
