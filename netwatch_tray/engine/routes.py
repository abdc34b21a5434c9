"""Whether the bytes of a connection pass an uplink (an interface of the total), and how far away the peer is. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from netwatch_tray.collect.sockets import Socket
from netwatch_tray.engine.scope import Networks
from netwatch_tray.engine.topology import Membership
from netwatch_tray.kinds import InterfaceKind
from netwatch_tray.model import Interface, Role, Scope


class Route(msgspec.Struct, frozen=True, gc=False):
    interface: str | None
    """Name of the interface that has the connection's local address; `None` if unknown."""
    crosses_uplink: bool
    """Whether the connection's bytes are part of the total, directly or through a tunnel or bridge."""
    leads_to_network: bool = False
    """Whether the interface is connected to a local network: every kind but tunnels, PPP and cellular."""


_TO_A_PROVIDER = frozenset({InterfaceKind.PPP, InterfaceKind.CELLULAR})
_UNKNOWN = Route(None, crosses_uplink=True)
_WITHIN = Route(None, crosses_uplink=False)


class Routes:
    """Finds the route of a connection by the addresses of this machine's interfaces. Immutable: when an interface
    changes, another object is created."""

    def __init__(self, interfaces: Mapping[int, Interface], memberships: Mapping[int, Membership]) -> None:
        """`interfaces`: all interfaces by index. `memberships`: whether each is part of the total, by index."""
        self._interfaces = interfaces
        self._memberships = memberships
        self._ports: dict[int, list[int]] = {}
        for index, interface in interfaces.items():
            if interface.master is not None:
                self._ports.setdefault(interface.master, []).append(index)
        self._loopback = Route(
            next((each.name for each in interfaces.values() if each.is_loopback), None), crosses_uplink=False
        )
        self._routes: dict[str, Route] = {}
        for index, interface in interfaces.items():
            route = self._loopback if interface.is_loopback else self._route(index, interface)
            for address in interface.addresses:
                self._routes[address.partition("/")[0]] = route
        self._inside: Networks | None = None
        """Networks of the interfaces that lead to no uplink, such as a bridge of containers; None until needed."""
        self._networks = Networks(address for each in interfaces.values() for address in each.addresses)

    def of(self, found: Socket) -> Route:
        """Return the route of a socket, found by its local and remote address."""
        local = found.local_address.partition("%")[0]
        remote = (found.remote_address or "").partition("%")[0]
        # Packets to an address of this machine never leave it.
        if is_loopback(local) or is_loopback(remote) or remote in self._routes:
            return self._loopback
        route = self._routes.get(local)
        if route is None:
            # Of another network namespace: one behind the same interface is reached over that alone.
            route = _WITHIN if remote and self.is_inside(remote) else _UNKNOWN
        return route

    def is_inside(self, address: str) -> bool:
        """Return whether an address is in the network of an interface that leads to no uplink, such as a bridge of
        containers. Then it belongs to a container or virtual machine whose packets this machine forwards."""
        if self._inside is None:
            self._inside = Networks(
                address
                for index, each in self._interfaces.items()
                if not each.is_loopback and not self._route(index, each).crosses_uplink
                for address in each.addresses
            )
        return self._inside.connects(address)

    def is_own(self, address: str) -> bool:
        """Return whether an interface of this machine has the address."""
        return address.partition("%")[0] in self._routes

    def scope(self, found: Socket) -> Scope | None:
        """Return how far away the peer of a socket is, or `None` if it has no peer."""
        return None if found.remote_address is None else self.scope_of(found.remote_address)

    def scope_of(self, remote: str) -> Scope | None:
        """Return how far away a remote address is (this machine, local network, Internet); `None` if the text is not an
        address."""
        return self._networks.scope(remote)

    def stays_local(self, found: Socket, route: Route) -> bool:
        """Return whether it is known that the socket's bytes do not leave the local network."""
        return route.leads_to_network and self.scope(found) == "local"

    def _route(self, index: int, interface: Interface) -> Route:
        member = self._memberships.get(index)
        is_tunnel = member is not None and member.role is Role.TUNNEL
        return Route(
            interface.name,
            crosses_uplink=is_tunnel or self._crosses(index, set()),
            leads_to_network=not is_tunnel and interface.kind not in _TO_A_PROVIDER,
        )

    def _crosses(self, index: int, seen: set[int]) -> bool:
        """Return whether the interface is an uplink or runs over one, as a VLAN over its parent or a bridge over a
        port. `seen`: indexes that were checked already, because interfaces may form a circle."""
        if index in seen or index not in self._interfaces:
            return False
        seen.add(index)
        member, parent = self._memberships.get(index), self._interfaces[index].parent
        return (
            (member is not None and member.is_uplink)
            or (parent is not None and self._crosses(parent, seen))
            or any(self._crosses(port, seen) for port in self._ports.get(index, ()))
        )


def is_loopback(address: str) -> bool:
    return address.startswith("127.") or address == "::1"
