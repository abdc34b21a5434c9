"""The names of kinds of interfaces, for all pages."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from netwatch_tray.kinds import InterfaceKind
from netwatch_tray.model import InterfaceTick

translate = QCoreApplication.translate


def kind_in_words(kind: str) -> str:
    """Return the name of an `InterfaceTick.kind`; an unknown kind is returned as it is."""
    names = {
        InterfaceKind.ETHERNET: translate("Interfaces", "Ethernet"),
        InterfaceKind.WIFI: translate("Interfaces", "Wi-Fi"),
        InterfaceKind.CELLULAR: translate("Interfaces", "Mobile network"),
        InterfaceKind.LOOPBACK: translate("Interfaces", "Loopback"),
        InterfaceKind.PPP: translate("Interfaces", "Dial-up (PPP)"),
        InterfaceKind.BRIDGE: translate("Interfaces", "Bridge"),
        InterfaceKind.BOND: translate("Interfaces", "Bond"),
        InterfaceKind.VLAN: translate("Interfaces", "VLAN"),
        InterfaceKind.VETH: translate("Interfaces", "Container end"),
        InterfaceKind.WIREGUARD: translate("Interfaces", "WireGuard tunnel"),
        InterfaceKind.TUN: translate("Interfaces", "Tunnel"),
        InterfaceKind.VXLAN: translate("Interfaces", "VXLAN tunnel"),
        InterfaceKind.DUMMY: translate("Interfaces", "Dummy"),
        InterfaceKind.OTHER: translate("Interfaces", "Other"),
        "offline": translate("Interfaces", "Offline"),
    }
    return names.get(kind, kind)


def describe(each: InterfaceTick) -> str:
    """Return the kind of an interface and what it runs over: `WireGuard tunnel over wlan0`."""
    kind = kind_in_words(each.kind)
    if not each.is_up:
        return translate("Interfaces", "{kind}, down").format(kind=kind)
    if each.over and not each.is_uplink:
        return translate("Interfaces", "{kind} over {names}").format(kind=kind, names=", ".join(each.over))
    if each.is_uplink:
        return translate("Interfaces", "{kind}, uplink").format(kind=kind)
    return kind
