"""Sorts interfaces for lists, as a tree: each interface is followed by those that run over it."""

from __future__ import annotations

from collections.abc import Iterable

from netwatch_tray.model import InterfaceTick


def as_tree(interfaces: Iterable[InterfaceTick]) -> list[tuple[int, InterfaceTick]]:
    """Return the interfaces with their depth in the tree. Those that run over no other have depth 0, and each is
    followed by those that run over it.

    An interface that is down carries no traffic, so it runs over none. Interfaces whose names were not UTF-8 may have
    the same name; what runs over one of them follows the first.
    """
    ticks = tuple(interfaces)
    indexes: dict[str, int] = {}
    for each in ticks:
        indexes.setdefault(each.name, each.index)
    above: dict[int | None, list[InterfaceTick]] = {}
    for each in ticks:
        over = each.over if each.is_up else ()
        lowest = next((indexes[name] for name in over if name in indexes and name != each.name), None)
        above.setdefault(lowest, []).append(each)

    found: list[tuple[int, InterfaceTick]] = []

    def add(index: int | None, depth: int) -> None:
        for each in above.pop(index, ()):
            found.append((depth, each))
            add(each.index, depth + 1)

    add(None, 0)
    for index in list(above):  # a cycle of interfaces, so no way out is known
        add(index, 0)
    return found
