"""The names of kinds of interfaces, as several pages show them."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from netwatch_tray.model import InterfaceTick

translate = QCoreApplication.translate


def kind_in_words(kind: str) -> str:
    """Return the name of an `InterfaceTick.kind`; an unknown kind is returned as it is."""
    names = {
        "ethernet": translate("Interfaces", "Ethernet"),
        "wifi": translate("Interfaces", "Wi-Fi"),
        "cellular": translate("Interfaces", "Mobile network"),
        "loopback": translate("Interfaces", "Loopback"),
        "ppp": translate("Interfaces", "Dial-up (PPP)"),
        "bridge": translate("Interfaces", "Bridge"),
        "bond": translate("Interfaces", "Bond"),
        "vlan": translate("Interfaces", "VLAN"),
        "veth": translate("Interfaces", "Container end"),
        "wireguard": translate("Interfaces", "WireGuard tunnel"),
        "tun": translate("Interfaces", "Tunnel"),
        "vxlan": translate("Interfaces", "VXLAN tunnel"),
        "dummy": translate("Interfaces", "Dummy"),
        "other": translate("Interfaces", "Other"),
        "offline": translate("Interfaces", "Offline"),
    }
    return names.get(kind, kind)


def describe(each: InterfaceTick) -> str:
    """Return its kind and its part in the total: `WireGuard tunnel over wlan0`."""
    kind = kind_in_words(each.kind)
    if not each.is_up:
        return translate("Interfaces", "{kind}, down").format(kind=kind)
    if each.over and not each.is_uplink:
        return translate("Interfaces", "{kind} over {names}").format(kind=kind, names=", ".join(each.over))
    if each.is_uplink:
        return translate("Interfaces", "{kind}, uplink").format(kind=kind)
    return kind
