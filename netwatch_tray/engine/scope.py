"""The scope of a remote address: on this machine, in the local network or on the Internet. Pure."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from netwatch_tray.model import Scope

_Network = tuple[int, int]
"""A network: its first address as a number without the host bits, and the number of host bits."""


def _network(text: str) -> _Network:
    """Parse an address with a prefix length, such as `10.0.0.0/8`. Raise OSError or ValueError if it is invalid."""
    address, _, length = text.partition("/")
    packed = _packed(address.partition("%")[0])
    free = 8 * len(packed) - int(length)
    if free < 0:
        raise ValueError(f"{text} has more bits than an address.")
    return int.from_bytes(packed, "big") >> free << free, free


def _packed(address: str) -> bytes:
    """Return the 4 or 16 bytes of an IP address. Raise OSError or ValueError if it is anything else, or has a zone
    (`fe80::1%eth0`)."""
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


_LOOPBACK = {4: (_network("127.0.0.0/8"),), 16: (_network("::1/128"),)}
_NEVER_ROUTED = {
    4: tuple(
        _network(each) for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "224.0.0.0/3")
    ),
    16: tuple(_network(each) for each in ("fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8")),
}
"""Networks that the Internet does not route, by length of the address in bytes: private and link-local networks (RFC
1918, 3927, 4193, 4291), multicast and broadcast."""
_SHARED = _network("100.64.0.0/10")
"""Addresses between a provider and its customers (RFC 6598), also used in some VPNs. They are local only if this
machine has such an address."""
_MOST_ADDRESSES = 4096
"""Most remote addresses whose scope is cached."""


class Networks:
    """The addresses and networks of this machine's interfaces. When one changes, another object is created."""

    def __init__(self, addresses: Iterable[str]) -> None:
        """`addresses`: those of the interfaces with prefix length, such as `192.0.2.1/24`; invalid ones are skipped."""
        self._own: set[bytes] = set()
        self._connected: dict[int, set[_Network]] = {4: set(), 16: set()}
        self._local: dict[int, set[_Network]] = {size: set(networks) for size, networks in _NEVER_ROUTED.items()}
        self._known: dict[str, Scope | None] = {}
        for each in addresses:
            try:
                packed = _packed(each.partition("/")[0].partition("%")[0])
                first, free = _network(each)
            except (OSError, ValueError):
                continue
            self._own.add(packed)
            # /32 and /128 are single addresses, and /0 would be the Internet.
            if 0 < free < 8 * len(packed):
                self._local[len(packed)].add((first, free))
                self._connected[len(packed)].add((first, free))
            if len(packed) == 4 and _is_in(packed, [_SHARED]):
                self._local[4].add(_SHARED)

    def connects(self, address: str) -> bool:
        """Return whether an address is in the network of an interface, and is not an address of this machine."""
        try:
            packed = _packed(address.partition("%")[0])
        except (OSError, ValueError):
            return False
        return packed not in self._own and _is_in(packed, self._connected[len(packed)])

    def scope(self, remote: str) -> Scope | None:
        """Return the scope of a remote address, or `None` if it is `*` or not an address.

        A private address is local even behind several routers, because the Internet does not route it.
        """
        if remote not in self._known:
            if len(self._known) >= _MOST_ADDRESSES:
                self._known.clear()
            self._known[remote] = self._scope(remote)
        return self._known[remote]

    def _scope(self, remote: str) -> Scope | None:
        try:
            packed = _packed(remote.partition("%")[0])
        except (OSError, ValueError):
            return None
        if packed in self._own or _is_in(packed, _LOOPBACK[len(packed)]):
            return "machine"
        return "local" if _is_in(packed, self._local[len(packed)]) else "internet"


def _is_in(packed: bytes, networks: Iterable[_Network]) -> bool:
    number = int.from_bytes(packed, "big")
    return any(number >> free << free == first for first, free in networks)
