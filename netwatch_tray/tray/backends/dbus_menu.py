"""A pystray menu as com.canonical.dbusmenu, the protocol by which panels draw the menus of other programs.

The protocol is defined by libdbusmenu's dbus-menu.xml. The behaviour of real hosts determines four things:

- Some truncate, freeze or close an open menu when its layout changes, even at the moment when it opens. So texts change
in place (ItemsPropertiesUpdated, same ids), and rows are added and removed only while the menu is closed. - Some report
neither that a menu was opened nor that it was closed, but all announce that they will show it. So texts are updated for
a while after that, and cost nothing at other times. - A click may arrive late. So a new layout has new ids, and a late
click hits nothing rather than another row. - Plasma reads one level at a time and places a submenu before it has read
its rows, at the first opening off the screen. So the layout of the submenus is reported as changed, and Plasma reads
them at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from netwatch_tray import clock
from netwatch_tray.dbus.marshalling import Variant
from netwatch_tray.text import printable
from netwatch_tray.tray.backends.bus_objects import CallError, Interface, Method
from netwatch_tray.tray.backends.pystray_api import Menu

NAME = "com.canonical.dbusmenu"

_LIVE_SECONDS = 120.0
"""Seconds after a panel announced that it will show the menu, in which the menu counts as open. Nobody keeps it open
for longer."""

_LAYOUT = "(ia{sv}av)"


class Item(Protocol):
    """The attributes of `pystray.MenuItem` that are used. Each of them may be computed whenever it is read."""

    @property
    def text(self) -> str: ...
    @property
    def enabled(self) -> bool: ...
    @property
    def checked(self) -> bool | None: ...
    @property
    def radio(self) -> bool: ...
    @property
    def submenu(self) -> Iterable[Item] | None: ...


class _Node:
    """A row with the properties that the panels were sent last; the root has no item."""

    __slots__ = ("children", "id", "item", "properties")

    def __init__(self, node_id: int, item: Item | None, properties: dict[str, Variant], children: list[_Node]) -> None:
        self.id = node_id
        self.item = item
        self.properties = properties
        self.children = children

    def walk(self) -> Iterator[_Node]:
        yield self
        for child in self.children:
            yield from child.walk()


class DBusMenu:
    """Serves one menu to the panels. An item that is the same object as before is the same row for them.

    If items are added to or removed from `menu`, panels are notified only when they are about to show it. Assign a new
    `menu` to make them read its rows at once.
    """

    def __init__(
        self, menu: Iterable[Item], emit: Callable[[str, tuple[Any, ...]], None], activate: Callable[[Item], None]
    ) -> None:
        """`emit`: sends a D-Bus signal, given by name and body, of this menu's `interface`. `activate`: called with the
        item that was clicked."""
        self._menu = menu
        self._emit = emit
        self._activate = activate
        self._live_until = 0.0
        self._next_id = 1
        self._revision = 1
        self._is_replaced = False
        """Whether `menu` was assigned and the panels are not notified of its rows yet, because the previous menu may be
        open."""
        self._root, self._nodes = self._build()
        self.interface = Interface(
            NAME,
            {
                "GetLayout": Method("iias", f"u{_LAYOUT}", self._get_layout),
                "GetGroupProperties": Method("aias", "a(ia{sv})", self._get_group_properties),
                "GetProperty": Method("is", "v", self._get_property),
                "Event": Method("isvu", "", self._event),
                "EventGroup": Method("a(isvu)", "ai", self._event_group),
                "AboutToShow": Method("i", "b", self._about_to_show),
                "AboutToShowGroup": Method("ai", "aiai", self._about_to_show_group),
            },
            {
                "Version": ("u", 3),
                "Status": ("s", "normal"),
                "TextDirection": ("s", "ltr"),
                "IconThemePath": ("as", []),
            },
            {
                "LayoutUpdated": "ui",
                "ItemsPropertiesUpdated": "a(ia{sv})a(ias)",
            },
        )

    @property
    def menu(self) -> Iterable[Item]:
        return self._menu

    @menu.setter
    def menu(self, menu: Iterable[Item]) -> None:
        self._menu = menu
        self._is_replaced = True
        self.update()

    @property
    def is_live(self) -> bool:
        """Return whether a panel may be showing the menu now."""
        return clock.boottime() < self._live_until

    def is_behind(self, menu: Iterable[Item] | None) -> bool:
        """Return whether panels may have to be notified of changes now, in this menu or because it replaces the
        current one."""
        return menu is not self._menu or self._is_replaced or self.is_live

    def update(self) -> None:
        """Notify the panels of changed texts and states if the menu may be open; of a new `menu` if it is closed."""
        if self.is_live:
            if self._is_replaced or _matches(self._root.children, self._menu):
                self._update_properties()  # of the rows on the screen
        elif self._is_replaced:
            self._refresh()

    def _refresh(self) -> bool:
        """Bring the rows known to the panels up to date. Return whether rows were added or removed."""
        self._is_replaced = False
        if _matches(self._root.children, self._menu):
            self._update_properties()
            return False
        self._root, self._nodes = self._build()
        self._revision += 1
        self._emit("LayoutUpdated", (self._revision, 0))
        return True

    def _update_properties(self) -> None:
        updated, removed = [], []
        for node in self._nodes.values():
            if node.item is None:
                continue
            old, new = node.properties, _properties(node.item)
            if new != old:
                node.properties = new
                changed = {name: variant for name, variant in new.items() if old.get(name) != variant}
                gone = [name for name in old if name not in new]
                if changed:
                    updated.append((node.id, changed))
                if gone:
                    removed.append((node.id, gone))
        if updated or removed:
            self._emit("ItemsPropertiesUpdated", (updated, removed))

    def _build(self) -> tuple[_Node, dict[int, _Node]]:
        root = _Node(0, None, {"children-display": ("s", "submenu")}, self._build_rows(self._menu))
        return root, {node.id: node for node in root.walk()}

    def _build_rows(self, menu: Iterable[Item]) -> list[_Node]:
        rows = []
        for item in menu:
            node_id, self._next_id = self._next_id, self._next_id + 1
            rows.append(_Node(node_id, item, _properties(item), self._build_rows(item.submenu or ())))
        return rows

    def _node(self, node_id: int) -> _Node:
        if node_id not in self._nodes:
            raise CallError("InvalidArgs", f"there is no menu item {node_id}")
        return self._nodes[node_id]

    def _get_layout(self, parent: int, depth: int, names: list[str]) -> tuple[Any, ...]:
        self._refresh()
        node = self._node(parent)
        if depth == 1:
            for child in node.children:
                if child.children:
                    self._emit("LayoutUpdated", (self._revision, child.id))
        return self._revision, _layout(node, depth, names)

    def _get_group_properties(self, ids: list[int], names: list[str]) -> tuple[Any, ...]:
        nodes = [self._nodes[node_id] for node_id in ids if node_id in self._nodes] if ids else self._nodes.values()
        return ([(node.id, _chosen(node, names)) for node in nodes],)

    def _get_property(self, node_id: int, name: str) -> tuple[Any, ...]:
        node = self._node(node_id)
        if name not in node.properties:
            raise CallError("InvalidArgs", f"menu item {node_id} has no property {name}")
        return (node.properties[name],)

    def _event(self, node_id: int, kind: str, _data: Variant, _timestamp: int) -> tuple[()]:
        node = self._node(node_id)
        if kind == "opened":
            self._live_until = clock.boottime() + _LIVE_SECONDS
        elif kind == "closed" and node is self._root:
            self._live_until = 0.0
        elif kind == "clicked" and node.item is not None and node.item.enabled:
            self._activate(node.item)
        return ()

    def _event_group(self, events: list[tuple[int, str, Variant, int]]) -> tuple[Any, ...]:
        for event in events:
            if event[0] in self._nodes:
                self._event(*event)
        return ([event[0] for event in events if event[0] not in self._nodes],)

    def _about_to_show(self, node_id: int) -> tuple[bool]:
        self._node(node_id)
        self._live_until = clock.boottime() + _LIVE_SECONDS
        return (self._refresh(),)

    def _about_to_show_group(self, ids: list[int]) -> tuple[Any, ...]:
        known = [node_id for node_id in ids if node_id in self._nodes]
        unknown = [node_id for node_id in ids if node_id not in self._nodes]
        return [node_id for node_id in known if self._about_to_show(node_id)[0]], unknown


def _matches(rows: list[_Node], menu: Iterable[Item]) -> bool:
    """Return whether `rows` were made from exactly these items: the same objects in the same order."""
    items = list(menu)
    return len(rows) == len(items) and all(
        row.item is item and _matches(row.children, item.submenu or ()) for row, item in zip(rows, items, strict=True)
    )


def _properties(item: Item) -> dict[str, Variant]:
    """Return the label of an item and its other properties that differ from the protocol's defaults. Underscores in the
    label are doubled, because a single one underlines the next letter."""
    if item is Menu.SEPARATOR:
        return {"type": ("s", "separator")}
    properties: dict[str, Variant] = {"label": ("s", printable(item.text).replace("_", "__"))}
    if not item.enabled:
        properties["enabled"] = ("b", False)
    checked = item.checked
    if checked is not None:
        properties["toggle-type"] = ("s", "radio" if item.radio else "checkmark")
        properties["toggle-state"] = ("i", int(checked))
    if item.submenu is not None:
        properties["children-display"] = ("s", "submenu")
    return properties


def _layout(node: _Node, depth: int, names: list[str]) -> tuple[Any, ...]:
    """Return a node as the protocol's struct `(ia{sv}av)`, with `depth` levels of rows below it; all levels if `depth`
    is negative. `names`: the properties to include."""
    children = [] if depth == 0 else [(_LAYOUT, _layout(child, depth - 1, names)) for child in node.children]
    return node.id, _chosen(node, names), children


def _chosen(node: _Node, names: list[str]) -> dict[str, Variant]:
    return {name: variant for name, variant in node.properties.items() if not names or name in names}
