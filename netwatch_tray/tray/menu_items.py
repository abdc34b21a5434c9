"""The menu of the icon as values that every backend can draw: on the session bus, in macOS's menu bar, and with Qt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar


class MenuItem:
    """A row. An item that stays the same object stays the same row, whatever its text becomes.

    Parameters that may be functions are called with the item each time they are read.
    """

    def __init__(
        self,
        text: str | Callable[[MenuItem], str],
        action: Callable[[], object] | Menu | None,
        *,
        checked: Callable[[MenuItem], bool | None] | None = None,
        radio: bool = False,
        default: bool = False,
        visible: Callable[[MenuItem], bool] | None = None,
        enabled: bool | Callable[[MenuItem], bool] = True,
    ) -> None:
        """`action`: what a click does, or the menu below this row. `checked`: makes the row a choice. `default`: a
        click on the icon does the same."""
        self._text = text
        self._action = action
        self._checked = checked
        self._radio = radio
        self._visible = visible
        self._enabled = enabled
        self.default = default

    @property
    def text(self) -> str:
        return self._text if isinstance(self._text, str) else self._text(self)

    @property
    def checked(self) -> bool | None:
        """Return whether the choice is made; None if the row is no choice."""
        return None if self._checked is None else self._checked(self)

    @property
    def radio(self) -> bool:
        """Return whether the row is one of several choices that exclude each other."""
        return self._radio and self._checked is not None

    @property
    def visible(self) -> bool:
        return self._visible is None or self._visible(self)

    @property
    def enabled(self) -> bool:
        return self._enabled if isinstance(self._enabled, bool) else self._enabled(self)

    @property
    def submenu(self) -> Menu | None:
        return self._action if isinstance(self._action, Menu) else None

    def activate(self) -> None:
        """Do what a click on the row does."""
        if self._action is not None and not isinstance(self._action, Menu):
            self._action()


class Menu:
    """Rows, or a function that returns them each time the menu is read. Iterating yields those that are visible."""

    SEPARATOR: ClassVar[MenuItem] = MenuItem("", None)

    def __init__(self, *items: MenuItem, rows: Callable[[], Iterable[MenuItem]] | None = None) -> None:
        self._items = items
        self._rows = rows

    @property
    def items(self) -> Iterable[MenuItem]:
        """Return all rows, visible or not."""
        return self._items if self._rows is None else self._rows()

    def __iter__(self) -> Iterator[MenuItem]:
        return (item for item in self.items if item.visible)

    def activate_default(self) -> None:
        """Do what a click on the icon does."""
        for item in self:
            if item.default:
                item.activate()
                return
