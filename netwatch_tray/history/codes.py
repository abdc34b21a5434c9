"""The numbers that the history file stores for kinds of series and networks. They never change; new ones may be added.

Reasons of gaps are stored as the numbers of model.GapReason.
"""

from __future__ import annotations

from netwatch_tray.model import GapReason

LOST = 0
"""Kind of series whose name was lost in a damaged file. Their bytes are kept, but no query returns them."""
SERIES_KINDS = {"total": 1, "interface": 2, "app": 3, "carrier": 4, "lan": 5}
"""Codes by series.SeriesKind."""

OTHER = 0
NETWORK_KINDS = {
    "other": OTHER, "offline": 1, "ethernet": 2, "wifi": 3, "cellular": 4, "ppp": 5, "loopback": 6, "bridge": 7,
    "bond": 8, "team": 9, "vlan": 10, "macvlan": 11, "macvtap": 12, "ipvlan": 13, "ipvtap": 14, "veth": 15,
    "netkit": 16, "vxlan": 17, "geneve": 18, "gre": 19, "gretap": 20, "ip6gre": 21, "ip6gretap": 22, "erspan": 23,
    "ip6erspan": 24, "ipip": 25, "sit": 26, "ip6tnl": 27, "vti": 28, "vti6": 29, "xfrm": 30, "wireguard": 31,
    "tun": 32, "dummy": 33, "ifb": 34, "vrf": 35, "hsr": 36, "ipoib": 37, "batadv": 38, "amt": 39, "bareudp": 40,
    "gtp": 41, "l2tp": 42, "macsec": 43, "openvpn": 44, "ovpn": 45, "rmnet": 46, "nlmon": 47, "vcan": 48,
}  # fmt: skip
"""Codes by kind of the network's uplink: `model.Interface.kind`, named as in ip-link(8). Any other kind is OTHER."""

_NETWORK_KINDS_BY_CODE = {code: kind for kind, code in NETWORK_KINDS.items()}

LEGACY_REASONS = {
    "paused": GapReason.PAUSED,
    "paused until now": GapReason.RESUMED,
    "the counters could not be read": GapReason.UNREADABLE,
    "not running": GapReason.NOT_RUNNING,
    "counters reset": GapReason.RESET,
    "counters jumped by more than the link carries": GapReason.JUMPED,
    "asleep": GapReason.ASLEEP,
    "another source of counters": GapReason.SOURCE_CHANGED,
    "interface gone": GapReason.REMOVED,
    "could not be written": GapReason.NOT_WRITTEN,
    "the clock was set back": GapReason.CLOCK_SET_BACK,
    "the clock was set forward": GapReason.CLOCK_SET_FORWARD,
}
"""Reasons of gaps by the texts that versions 1 and 2 of the file format stored."""
INTERRUPTED = "nothing measured for "
"""Versions 1 and 2 stored GapReason.INTERRUPTED as this text, followed by a number of seconds."""


def network_kind(code: int) -> str:
    return _NETWORK_KINDS_BY_CODE.get(code, "other")


def reason_of(stored: int | str) -> GapReason:
    """Return the reason of a gap from what a file of any format version stores: a number, or a text in versions 1 and
    2. UNKNOWN if this program does not have the number."""
    if isinstance(stored, int):
        return GapReason(stored)
    return GapReason.INTERRUPTED if stored.startswith(INTERRUPTED) else LEGACY_REASONS.get(stored, GapReason.UNKNOWN)


def series_kind_of(stored: int | str) -> int:
    """Return the code of a kind of series from what a file of any format version stores: the code, or earlier a
    text."""
    return stored if isinstance(stored, int) else SERIES_KINDS.get(stored, LOST)


def network_kind_of(stored: int | str) -> int:
    """Return the code of a kind of network from what a file of any format version stores: the code, or earlier a
    text."""
    return stored if isinstance(stored, int) else NETWORK_KINDS.get(stored, OTHER)
