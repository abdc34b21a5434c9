"""Groups the kinds of events: each group has one chip (button) on the Events page, a glyph and texts."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from PySide6.QtCore import QCoreApplication

from netwatch_tray.event import EventKind

translate = QCoreApplication.translate


class Group(StrEnum):
    """Groups of kinds of events, in the order of their chips. The value is the name of the group's glyph."""

    NEW_APP = "new-app"
    PORT = "port"
    UPLOAD = "upload"
    BEACON = "beacon"
    SCAN = "scan"
    DNS = "dns"
    PLAN = "plan"
    LINE = "offline"
    NETWATCH = "agent"

    @property
    def kinds(self) -> tuple[EventKind, ...]:
        return tuple(kind for kind in EventKind if group_of(kind) is self)


_GROUPS = {
    EventKind.NEW_APP: Group.NEW_APP,
    EventKind.LISTENER: Group.PORT,
    EventKind.UPLOAD: Group.UPLOAD,
    EventKind.BEACON: Group.BEACON,
    EventKind.SCAN: Group.SCAN,
    EventKind.DNS_TUNNEL: Group.DNS,
    EventKind.NXDOMAIN_STORM: Group.DNS,
    EventKind.PLAN: Group.PLAN,
    EventKind.LINE: Group.LINE,
    EventKind.INTERFACE: Group.LINE,
    EventKind.GATEWAY: Group.LINE,
    EventKind.DNS_SERVER: Group.LINE,
}


def group_of(kind: EventKind) -> Group:
    return _GROUPS.get(kind, Group.NETWATCH)


class GroupWords(NamedTuple):
    chip: str
    none: str
    """Text if there are no events of the group in the time range; `{span}` stands for the range."""
    hidden: str
    """Text of the line for hidden events of a muted group; `{count}` stands for their number."""
    muted: str
    """Note that the group is muted."""


def words_of(group: Group) -> GroupWords:
    """Return the texts about a group in the user's language."""
    return {
        Group.NEW_APP: GroupWords(
            translate("Events", "New app"),
            translate("Events", "No new app in {span}"),
            translate("Events", "New apps not shown: {count}. This kind is muted"),
            translate("Events", "New apps are muted: recorded, without notification."),
        ),
        Group.PORT: GroupWords(
            translate("Events", "New port"),
            translate("Events", "No new port in {span}"),
            translate("Events", "New ports not shown: {count}. This kind is muted"),
            translate("Events", "New ports are muted: recorded, without notification."),
        ),
        Group.UPLOAD: GroupWords(
            translate("Events", "Upload"),
            translate("Events", "No unusual upload in {span}"),
            translate("Events", "Unusual uploads not shown: {count}. This kind is muted"),
            translate("Events", "Unusual uploads are muted: recorded, without notification."),
        ),
        Group.BEACON: GroupWords(
            translate("Events", "Beacon"),
            translate("Events", "No steady beacon in {span}"),
            translate("Events", "Steady beacons not shown: {count}. This kind is muted"),
            translate("Events", "Steady beacons are muted: recorded, without notification."),
        ),
        Group.SCAN: GroupWords(
            translate("Events", "Scan"),
            translate("Events", "No port scan in {span}"),
            translate("Events", "Port scans not shown: {count}. This kind is muted"),
            translate("Events", "Port scans are muted: recorded, without notification."),
        ),
        Group.DNS: GroupWords(
            translate("Events", "DNS"),
            translate("Events", "Nothing unusual in DNS in {span}"),
            translate("Events", "DNS events not shown: {count}. This kind is muted"),
            translate("Events", "DNS events are muted: recorded, without notification."),
        ),
        Group.PLAN: GroupWords(
            translate("Events", "Plan"),
            translate("Events", "No notice of the data plan in {span}"),
            translate("Events", "Notices of the data plan not shown: {count}. This kind is muted"),
            translate("Events", "Notices of the data plan are muted: recorded, without notification."),
        ),
        Group.LINE: GroupWords(
            translate("Events", "Line"),
            translate("Events", "No change of the line in {span}"),
            translate("Events", "Changes of the line not shown: {count}. This kind is muted"),
            translate("Events", "Changes of the line are muted: recorded, without notification."),
        ),
        Group.NETWATCH: GroupWords(
            "NetWatch",
            translate("Events", "Nothing about NetWatch itself in {span}"),
            translate("Events", "Events of NetWatch itself not shown: {count}. This kind is muted"),
            translate("Events", "Events of NetWatch itself are muted: recorded, without notification."),
        ),
    }[group]
