"""The menu as panels get it; no bus is needed for that."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, strategies as st

from netwatch_tray import clock
from netwatch_tray.tray.backends.bus_objects import CallError, Object
from netwatch_tray.tray.backends.dbus_menu import NAME, DBusMenu
from netwatch_tray.tray.backends.pystray_api import Menu, MenuItem


class Host:
    """A menu, with the signals that it has sent and the rows that were clicked."""

    def __init__(self, items: Iterable[MenuItem]) -> None:
        self.sent: list[tuple[str, tuple[Any, ...]]] = []
        self.clicked: list[str] = []
        self.menu = DBusMenu(
            Menu(*items), lambda name, body: self.sent.append((name, body)), lambda item: self.clicked.append(item.text)
        )

    def call(self, member: str, *arguments: Any) -> Any:
        return self.menu.interface.methods[member].run(*arguments)

    def layout(self) -> tuple[int, list[tuple[int, dict[str, Any]]]]:
        """Return revision of the layout, and ID and properties of each row."""
        revision, (_, _, children) = self.call("GetLayout", 0, -1, [])
        return revision, [(child[0], child[1]) for _, child in children]

    def labels(self) -> list[str]:
        return [properties["label"][1] for _, properties in self.layout()[1] if "label" in properties]

    def take(self) -> list[tuple[str, tuple[Any, ...]]]:
        sent, self.sent[:] = list(self.sent), []
        return sent


class Texts:
    """Live rows whose number changes."""

    def __init__(self, *rows: str) -> None:
        self.rows = list(rows)

    def items(self, most: int = 4) -> list[MenuItem]:
        return [
            MenuItem(
                lambda _, i=index: self.rows[i],
                None,
                enabled=False,
                visible=lambda _, i=index: i < len(self.rows),
            )
            for index in range(most)
        ]


def test_layout_has_rows_separators_check_marks_and_submenus() -> None:
    host = Host(
        [
            MenuItem("Rate 1", None, enabled=False),
            Menu.SEPARATOR,
            MenuItem("snake_case", lambda: None, checked=lambda _: True),
            MenuItem("one of", lambda: None, checked=lambda _: False, radio=True),
            MenuItem("more", Menu(MenuItem("inner", lambda: None))),
        ]
    )
    _, (root, properties, children) = host.call("GetLayout", 0, -1, [])
    assert (root, properties) == (0, {"children-display": ("s", "submenu")})
    assert [child[1] for _, child in children] == [
        {"label": ("s", "Rate 1"), "enabled": ("b", False)},
        {"type": ("s", "separator")},
        {"label": ("s", "snake__case"), "toggle-type": ("s", "checkmark"), "toggle-state": ("i", 1)},
        {"label": ("s", "one of"), "toggle-type": ("s", "radio"), "toggle-state": ("i", 0)},
        {"label": ("s", "more"), "children-display": ("s", "submenu")},
    ]
    assert [inner[1]["label"][1] for _, inner in children[4][1][2]] == ["inner"]
    ids = [child[0] for _, child in children]
    assert len({0, *ids, children[4][1][2][0][1][0]}) == 7


def test_layout_respects_requested_depth_and_names() -> None:
    host = Host([MenuItem("more", Menu(MenuItem("inner", lambda: None)), enabled=False)])
    _, (_, _, rows) = host.call("GetLayout", 0, 1, ["label"])
    assert rows[0][1][1:] == ({"label": ("s", "more")}, [])
    revision, submenu = host.menu._revision, rows[0][1][0]
    assert host.take() == [("LayoutUpdated", (revision, submenu))], "Plasma then reads the submenu before it opens it"
    _, (_, _, inner) = host.call("GetLayout", submenu, 1, ["label"])
    assert [row[1][1:] for row in inner] == [({"label": ("s", "inner")}, [])]
    assert host.call("GetLayout", 0, 0, [])[1][2] == []
    assert host.take() == []
    node_id = rows[0][1][0]
    assert host.call("GetGroupProperties", [node_id, 99], ["enabled"]) == ([(node_id, {"enabled": ("b", False)})],)
    assert len(host.call("GetGroupProperties", [], [])[0]) == 3
    assert host.call("GetProperty", node_id, "label") == (("s", "more"),)


def test_texts_change_in_place_while_menu_may_be_open(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = Texts("one", "two")
    host = Host(texts.items())
    revision, before = host.layout()
    texts.rows[1] = "changed"
    host.menu.update()
    assert host.take() == [], "nobody looks, nothing is sent"

    assert host.call("AboutToShow", 0) == (False,)
    changed = before[1][0], {"label": ("s", "changed")}
    assert host.take() == [("ItemsPropertiesUpdated", ([changed], []))]
    host.menu.update()
    assert host.take() == [], "nothing changed, nothing is sent"
    texts.rows[0] = "first"
    host.menu.update()
    assert host.take() == [("ItemsPropertiesUpdated", ([(before[0][0], {"label": ("s", "first")})], []))]
    assert host.layout() == (
        revision,
        [
            (before[0][0], {**before[0][1], "label": ("s", "first")}),
            (before[1][0], {**before[1][1], "label": ("s", "changed")}),
        ],
    )

    later = clock.boottime() + 121
    monkeypatch.setattr(clock, "boottime", lambda: later)
    texts.rows[0] = "later"
    host.menu.update()
    assert host.take() == []


def test_rows_are_added_only_when_menu_is_about_to_be_shown() -> None:
    texts = Texts("one")
    quitter = MenuItem("Quit", lambda: None)
    host = Host([*texts.items(), quitter])
    revision, before = host.layout()
    host.call("AboutToShowGroup", [0])
    texts.rows = ["one", "two"]
    host.menu.update()
    assert host.take() == [], "an open menu keeps its rows"

    assert host.call("AboutToShowGroup", [0, 77]) == ([0], [77])
    assert host.take() == [("LayoutUpdated", (revision + 1, 0))]
    assert host.labels() == ["one", "two", "Quit"]
    after = host.layout()
    assert after[0] == revision + 1
    assert not {row[0] for row in before} & {row[0] for row in after[1]}, "a late click must not hit another row"
    with pytest.raises(CallError):
        host.call("Event", before[1][0], "clicked", ("s", ""), 0)
    assert host.clicked == []


def test_removed_check_mark_is_reported_as_removed() -> None:
    checked: list[bool | None] = [True]
    host = Host([MenuItem("box", lambda: None, checked=lambda _: checked[0])])
    node_id = host.layout()[1][0][0]
    checked[0] = None
    host.call("AboutToShow", 0)
    assert host.take() == [("ItemsPropertiesUpdated", ([], [(node_id, ["toggle-type", "toggle-state"])]))]


def test_click_activates_its_enabled_row_only() -> None:
    host = Host([MenuItem("live", None, enabled=False), MenuItem("Open", lambda: None)])
    live, opener = (row[0] for row in host.layout()[1])
    host.call("Event", opener, "clicked", ("s", ""), 0)
    host.call("Event", live, "clicked", ("s", ""), 0)
    host.call("Event", opener, "hovered", ("s", ""), 0)
    assert host.call("EventGroup", [(opener, "clicked", ("i", 0), 0), (99, "clicked", ("i", 0), 0)]) == ([99],)
    assert host.clicked == ["Open", "Open"]


def test_menu_counts_as_open_until_the_host_reports_it_closed() -> None:
    texts = Texts("one")
    host = Host(texts.items())
    host.call("Event", 0, "opened", ("s", ""), 0)
    assert host.menu.is_live
    host.call("Event", 0, "closed", ("s", ""), 0)
    assert not host.menu.is_live


def test_replaced_menu_waits_until_menu_is_closed() -> None:
    host = Host([MenuItem("old", lambda: None)])
    host.menu.menu = Menu(MenuItem("new", lambda: None))
    assert [name for name, _ in host.take()] == ["LayoutUpdated"]
    assert host.labels() == ["new"]

    host.call("AboutToShow", 0)
    host.menu.menu = Menu(MenuItem("newer", lambda: None))
    host.menu.update()
    assert host.take() == []
    assert [row.item.text for row in host.menu._root.children if row.item] == ["new"]
    host.call("Event", 0, "closed", ("s", ""), 0)
    host.menu.update()
    assert [name for name, _ in host.take()] == ["LayoutUpdated"]
    host.menu.update()
    assert host.take() == []
    assert host.labels() == ["newer"]


ints = st.integers(-(2**31), 2**31 - 1) | st.integers(0, 6)
calls = st.one_of(
    st.tuples(
        st.just("GetLayout"), st.tuples(ints, st.integers(-2, 4), st.lists(st.sampled_from(["label", "enabled", "x"])))
    ),
    st.tuples(st.just("GetGroupProperties"), st.tuples(st.lists(ints), st.lists(st.text()))),
    st.tuples(st.just("GetProperty"), st.tuples(ints, st.sampled_from(["label", "type", "x"]))),
    st.tuples(
        st.just("Event"),
        st.tuples(ints, st.sampled_from(["clicked", "opened", "closed", "x"]), st.just(("s", "")), ints),
    ),
    st.tuples(st.just("AboutToShow"), st.tuples(ints)),
    st.tuples(st.just("AboutToShowGroup"), st.tuples(st.lists(ints))),
)


@given(st.lists(st.tuples(calls, st.lists(st.text(), max_size=4))))
def test_any_call_gets_response_of_its_signature_or_error(
    script: list[tuple[tuple[str, tuple[Any, ...]], list[str]]],
) -> None:
    texts = Texts("one")
    host = Host([*texts.items(), Menu.SEPARATOR, MenuItem("Quit", lambda: None)])
    served = Object(host.menu.interface)
    for (member, arguments), rows in script:
        texts.rows = [row.encode(errors="replace").decode() for row in rows]
        host.menu.update()
        try:
            served.call(NAME, member, host.menu.interface.methods[member].takes, arguments)
        except CallError as error:
            assert error.name.startswith("org.freedesktop.DBus.Error.")  # noqa: PT017  either outcome is right
