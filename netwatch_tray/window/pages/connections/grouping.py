"""Connections grouped by app or by host."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from enum import StrEnum

from PySide6.QtCore import QCoreApplication

from netwatch_tray.window.pages.connections.rows import ConnectionRow, Group, Line
from netwatch_tray.wording import owner

translate = QCoreApplication.translate


class Grouping(StrEnum):
    """How the table is grouped. The window stores the value for its next start; an unknown value becomes NONE."""

    NONE = "none"
    APP = "app"
    REMOTE = "remote"

    @classmethod
    def _missing_(cls, _value: object) -> Grouping:
        return cls.NONE


def table_lines(
    rows: Iterable[ConnectionRow], grouping: Grouping, app_names: Mapping[str, str], folded: Collection[str]
) -> Iterator[Line]:
    """Yield the lines of the table: the rows and, if they are grouped, the heading of each group before its rows.

    `app_names`: names to show for apps, by key. `folded`: keys of the groups whose rows are hidden.
    """
    if grouping is Grouping.NONE:
        yield from rows
        return
    by_app = grouping is Grouping.APP
    groups: dict[str, list[ConnectionRow]] = {}
    for row in rows:
        connection = row.connection
        name = (connection.app or owner(connection)) if by_app else connection.host or connection.remote_address
        groups.setdefault(name or "", []).append(row)
    for group_key, members in groups.items():
        if by_app:
            first = members[0].connection
            title = app_names.get(group_key) or owner(first) or translate("Connections", "Program unknown")
        else:
            title = group_key or translate("Connections", "No remote address")
        group = _heading(group_key, title, members, folded=group_key in folded)
        yield group
        if not group.folded:
            yield from (ConnectionRow(row.connection, row.closed, group) for row in members)


def _heading(group_key: str, title: str, members: Iterable[ConnectionRow], *, folded: bool) -> Group:
    """Return the heading of a group, with the number and the rates of its connections that have not closed."""
    present = [row.connection for row in members if not row.closed]
    received = [each.rx_rate for each in present if each.rx_rate is not None]
    sent = [each.tx_rate for each in present if each.tx_rate is not None]
    return Group(
        key=group_key,
        name=title,
        connections=len(present),
        rx_rate=sum(received) if received else None,
        tx_rate=sum(sent) if sent else None,
        folded=folded,
    )
