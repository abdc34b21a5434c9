"""Decides which interfaces make the total, and why, so that each byte counts once.

All traffic of a computer with other hosts passes its uplinks: the lowest interfaces under its default routes. A bridge,
bond, VLAN, tunnel or container end (the interface that leads to a container) shows the same bytes as an uplink again,
so adding it would count them twice.

The underlay of an interface is the one that carries its packets. It is known from evidence: the kernel's link and
master, the card of a PPPoE session, the route to a tunnel's peer, or the fact that only one other interface leads out
of the machine ("the only way out"), unless the counters contradict that (`carriers`). An interface with a default route
and no evidence of an underlay is the lowest one known, so it is an uplink itself, whatever its kind.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Set as AbstractSet
from typing import NamedTuple

from netwatch_tray.kinds import InterfaceKind
from netwatch_tray.model import Interface, Role, Why, WhyCode

_BRIDGES = frozenset({InterfaceKind.BRIDGE, "openvswitch"})
_BONDS = frozenset({InterfaceKind.BOND, "team", "lag"})
_CONTAINER_ENDS = frozenset({InterfaceKind.VETH, InterfaceKind.NETKIT})
_VLANS = frozenset({InterfaceKind.VLAN, "macvlan", "macvtap", "ipvlan", "ipvtap", "macsec"})
_TUNNELS = frozenset(
    "tun wireguard ovpn ppp gre gretap erspan ip6gre ip6gretap ipip ip6tnl sit vti vti6 xfrm ipsec gif stf".split()
    + "vxlan geneve bareudp gtp amt".split()
)
_AMBIGUOUS = frozenset({InterfaceKind.PPP})
"""Kinds that may be a tunnel (PPTP, L2TP), DSL over a network card (PPPoE), or a modem with no interface below it."""
_NOBODY: frozenset[int] = frozenset()
_HARDWARE = frozenset({InterfaceKind.ETHERNET, InterfaceKind.WIFI, InterfaceKind.CELLULAR, InterfaceKind.INFINIBAND})
_NEVER_OUT = frozenset({"anpi", "ap", "awdl", "feth", "llw", "vmenet", "vmnet"})
"""Kinds of interfaces of macOS that never lead to the Internet: links to nearby devices, inside this machine, and to
its virtual machines."""
_CARRIERS = _HARDWARE | _BONDS | _VLANS | _CONTAINER_ENDS | _AMBIGUOUS
"""Kinds that are certain to lead out of the machine if they are the only ones that may."""
_LINK_LOCAL = ("169.254.", "fe80:")


class Membership(NamedTuple):
    """Whether an interface is part of the total, and why."""

    role: Role
    is_uplink: bool
    why: Why
    over: tuple[str, ...]
    """Names of the interfaces directly below this one, which its traffic passes next on the way out, if known."""
    faces_inside: bool = False
    """Whether what it connects to is inside this computer, such as a container or a virtual machine."""


def decide(
    interfaces: Mapping[int, Interface], chosen: Mapping[str, bool], alone: AbstractSet[int] = _NOBODY
) -> dict[int, Membership]:
    """Return whether each interface is part of the total, and why, by index.

    `chosen`: names of interfaces that the user always counts (True) or always leaves out (False). `alone`: indexes of
    tunnels that are not carried by the only other way out; see Carriers.
    """
    return _Topology(interfaces, alone).decide(chosen)


def eliminated(interfaces: Mapping[int, Interface], alone: AbstractSet[int] = _NOBODY) -> dict[int, int]:
    """Return the tunnels with a default route whose underlay was found by elimination, because it is the only other way
    out: index of the underlay by index of the tunnel. `alone`: see Carriers."""
    tunnels = [each for each in interfaces.values() if each.default_metric is not None and each.kind in _TUNNELS]
    return _Topology(interfaces, alone).eliminated(tunnels) if tunnels else {}


def counted_meanwhile(
    interfaces: Mapping[int, Interface],
    before: Collection[int],
    now: Collection[int],
    alone: AbstractSet[int] = _NOBODY,
) -> tuple[int, ...]:
    """Return the indexes of the interfaces to sum for an interval in which the uplinks changed.

    `before`, `now`: indexes of the uplinks at its beginning and end. All of `before` count. One that is only in `now`
    counts as well, unless it may have carried the same bytes as one of `before`: one of the two runs over the other, or
    one is a tunnel with an unknown underlay. `alone`: see Carriers.
    """
    return _Topology(interfaces, alone).counted_meanwhile(before, now)


class _Topology:
    def __init__(self, interfaces: Mapping[int, Interface], alone: AbstractSet[int]) -> None:
        self._interfaces = interfaces
        self._alone = alone
        self._ports: dict[int, list[Interface]] = {}
        self._stacked: dict[int, list[Interface]] = {}
        for interface in interfaces.values():
            if interface.master is not None and interface.master in interfaces:
                self._ports.setdefault(interface.master, []).append(interface)
            if interface.parent is not None and interface.kind not in _CONTAINER_ENDS:
                self._stacked.setdefault(interface.parent, []).append(interface)

    def decide(self, chosen: Mapping[str, bool]) -> dict[int, Membership]:
        routed = [
            each for each in self._interfaces.values() if each.default_metric is not None and not each.is_loopback
        ]
        uplinks: dict[int, Why] = {}
        for interface in routed:
            for underlay in self._underlays(interface):
                own = underlay.index == interface.index
                why = Why(WhyCode.DEFAULT_ROUTE) if own else Why(WhyCode.UNDERLAY, (interface.name,))
                if own or underlay.index not in uplinks:
                    uplinks[underlay.index] = why
        if not routed:
            uplinks = {each.index: Why(WhyCode.ALL_UP) for each in self._all_lowest()}
        return {index: self._membership(each, uplinks, chosen) for index, each in self._interfaces.items()}

    def counted_meanwhile(self, before: Collection[int], now: Collection[int]) -> tuple[int, ...]:
        old = [self._interfaces[index] for index in before if index in self._interfaces]
        joined = [self._interfaces[index] for index in now if index not in before]
        return (*before, *(each.index for each in joined if not any(self._may_share(each, other) for other in old)))

    def _may_share(self, one: Interface, other: Interface) -> bool:
        """Return whether the counters of both interfaces may contain the same byte."""
        below_one, below_other = self._all_below(one), self._all_below(other)
        return (
            one.index in below_other
            or other.index in below_one
            or (one.kind in _TUNNELS and not below_one)
            or (other.kind in _TUNNELS and not below_other)
        )

    def _all_below(self, interface: Interface) -> set[int]:
        found: set[int] = set()
        following = [interface]
        while following:
            lower = self._lower(following.pop())
            following += [each for each in lower if each.index not in found and each.index != interface.index]
            found.update(each.index for each in lower)
        return found - {interface.index}

    def _underlays(self, interface: Interface) -> list[Interface]:
        """Return the lowest interfaces that carry the traffic of this one, or this one if none below it is known."""
        below = [
            underlay for lower in self._lower(interface) for underlay in self._underlays_below(lower, {interface.index})
        ]
        return below or [interface]

    def _underlays_below(self, interface: Interface, seen: set[int]) -> list[Interface]:
        if interface.index in seen:  # a veth's two ends name each other
            return []
        seen.add(interface.index)
        below = [underlay for lower in self._lower(interface) for underlay in self._underlays_below(lower, seen)]
        return below or [interface]

    def _lower(self, interface: Interface) -> list[Interface]:
        """Return the interfaces directly below this one, which its traffic passes next on its way out; empty if there
        is no evidence of any."""
        if interface.kind in _CONTAINER_ENDS:
            return []
        if interface.index in self._ports:
            ports = self._ports[interface.index]
            outward = [port for port in ports if self._leads_out(port)]
            # Only the members of a bond that are up carry traffic, and only the ports of a bridge that lead out.
            return [port for port in outward if port.is_up] or outward
        parent = self._interfaces.get(interface.parent or 0)
        if parent or interface.kind not in _TUNNELS:
            return [parent] if parent else []
        return self._towards_peer(interface)

    def _towards_peer(self, tunnel: Interface) -> list[Interface]:
        """Return the underlay of a tunnel as the routes show it, because the kernel does not report its peer.

        VPN clients add a host route to their server by way of a gateway, so the interface of that route is the
        underlay. Without one, packets to the peer leave by a default route other than the tunnel's own, or else by the
        only other way out. For PPP only the host route is used: it may be a modem beside a network card, so a second
        uplink.
        """
        is_tunnel = tunnel.kind not in _AMBIGUOUS
        others = [
            each
            for each in self._interfaces.values()
            if each.is_up
            and not each.is_loopback
            and (each.kind not in _TUNNELS or (is_tunnel and each.kind in _AMBIGUOUS))
        ]
        pinned = [each for each in others if each.has_host_route]
        routed = [each for each in others if each.default_metric is not None]
        if pinned:
            return [each for each in pinned if each in routed] or pinned
        if not is_tunnel:
            return []
        return sorted(routed, key=_metric)[:1] or self._only_way_out(tunnel)

    def eliminated(self, tunnels: Iterable[Interface]) -> dict[int, int]:
        found = {}
        for tunnel in tunnels:
            lower, only = self._lower(tunnel), self._only_way_out(tunnel)
            if only and lower == only and not only[0].has_host_route and only[0].default_metric is None:
                found[tunnel.index] = only[0].index
        return found

    def _only_way_out(self, tunnel: Interface) -> list[Interface]:
        """Return the one interface through which the packets of a tunnel can leave, or [] if that is not certain: there
        are several, the counters contradict it, or it has no address to send from."""
        ways = [] if tunnel.index in self._alone else [each for each in self._interfaces.values() if self._is_way(each)]
        is_certain = len(ways) == 1 and ways[0].kind in _CARRIERS and self._is_addressed(ways[0], set())
        return ways if is_certain else []

    def _is_way(self, interface: Interface) -> bool:
        """Return whether packets of tunnels may leave by this interface and none below it is known. A bond counts as
        one interface, and its ports do not."""
        kind, master = interface.kind, self._interfaces.get(interface.master or 0)
        if not interface.is_up or interface.is_loopback or kind in _TUNNELS - _AMBIGUOUS or kind == InterfaceKind.DUMMY:
            return False
        if kind in _BONDS:
            return True
        is_port = master is not None and (master.kind in _BONDS or kind in _CONTAINER_ENDS)
        return not is_port and kind not in _BRIDGES | _NEVER_OUT and not self._lower(interface)

    def _is_addressed(self, interface: Interface, seen: set[int]) -> bool:
        """Return whether an interface, or one that runs over it, has an address that is not link-local. `seen`: indexes
        that were checked already, because interfaces may form a circle."""
        if interface.index in seen:
            return False
        seen.add(interface.index)
        if any(not each.startswith(_LINK_LOCAL) for each in interface.addresses):
            return True
        master = self._interfaces.get(interface.master or 0)
        upper = [*self._stacked.get(interface.index, ()), *([master] if master is not None else [])]
        return any(self._is_addressed(each, seen) for each in upper)

    def _leads_out(self, port: Interface) -> bool:
        """Return whether traffic through a port of a bridge or bond leaves the machine.

        The interface of a container does if it is the only port of a bridge with a default route, because only it can
        lead to the gateway: this machine is itself a container, or a router runs in one of its containers.
        """
        if port.kind in _CONTAINER_ENDS:
            bridge = self._interfaces.get(port.master or 0)
            return bridge is not None and bridge.default_metric is not None and len(self._ports[bridge.index]) == 1
        return port.kind not in _TUNNELS

    def _all_lowest(self) -> Iterable[Interface]:
        up = [each for each in self._interfaces.values() if each.is_up and not each.is_loopback]
        hardware = [each for each in up if each.kind in _HARDWARE]
        if hardware:
            return hardware
        others = [each for each in up if each.kind not in _BRIDGES | _TUNNELS - _AMBIGUOUS | _NEVER_OUT]
        return [each for each in others if not [lower for lower in self._lower(each) if lower.is_up]]

    def _membership(self, interface: Interface, uplinks: Mapping[int, Why], chosen: Mapping[str, bool]) -> Membership:
        role, over = self._role(interface, uplinks), self._over(interface, uplinks)
        inside = interface.index not in uplinks and self._faces_inside(interface, uplinks)
        if interface.name in chosen:
            return Membership(role, chosen[interface.name], Why(WhyCode.CHOSEN), over, inside)
        if interface.index in uplinks:
            return Membership(role, True, uplinks[interface.index], over)
        return Membership(role, False, self._why_not(interface, role, uplinks), over, inside)

    def _faces_inside(self, interface: Interface, uplinks: Mapping[int, Why]) -> bool:
        """Return whether there is evidence that an interface connects to something inside this computer: it is a bridge
        without a port that leads out, or a port of a bridge that belongs to a container or virtual machine.

        A container's interface outside a bridge is no evidence: it may be the inner end, if this program runs in the
        container. Nor is one in a bridge that is an uplink without another port that leads out.
        """
        is_bridge = interface.kind in _BRIDGES
        bridge = interface if is_bridge else self._interfaces.get(interface.master or 0)
        if bridge is None or bridge.kind not in _BRIDGES:
            return False
        leads_out = any(self._leads_out(port) for port in self._ports.get(bridge.index, ()))
        if is_bridge:
            return not leads_out
        return not self._leads_out(interface) and (leads_out or bridge.index not in uplinks)

    def _over(self, interface: Interface, uplinks: Mapping[int, Why]) -> tuple[str, ...]:
        master = self._interfaces.get(interface.master or 0)
        if interface.is_loopback or interface.index in uplinks:
            lower = []
        elif master and not (master.kind in _BRIDGES | _BONDS and self._leads_out(interface)):
            lower = [master]  # a container or a virtual machine sends through its bridge
        else:
            lower = self._lower(interface)
            if not lower and self._reaches_out(interface):
                lower = [self._interfaces[index] for index in uplinks]
        return tuple(each.name for each in lower)

    def _role(self, interface: Interface, uplinks: Mapping[int, Why]) -> Role:
        if interface.is_loopback:
            return Role.LOOPBACK
        if interface.index in uplinks:
            is_under_another = interface.default_metric is None and self._is_below(interface)
            return Role.UNDERLAY if is_under_another else Role.UPLINK
        master = self._interfaces.get(interface.master or 0)
        if master and master.kind in _BONDS:
            return Role.BOND_MEMBER
        if master and interface.kind not in _CONTAINER_ENDS:
            return Role.BRIDGE_PORT
        if interface.kind in _BRIDGES:
            return Role.BRIDGE
        if interface.kind in _BONDS:
            return Role.BOND
        if interface.kind in _CONTAINER_ENDS:
            return Role.CONTAINER_END
        if interface.kind in _VLANS:
            return Role.VLAN
        if interface.kind in _TUNNELS and (interface.kind not in _AMBIGUOUS or self._lower(interface)):
            return Role.TUNNEL
        return Role.VLAN_PARENT if interface.index in self._stacked else Role.OTHER

    def _reaches_out(self, interface: Interface) -> bool:
        """Return whether an interface is of a kind whose bytes an uplink counts again when they leave the machine."""
        kind = interface.kind
        return kind in _BRIDGES or kind in _CONTAINER_ENDS or (kind in _TUNNELS and kind not in _AMBIGUOUS)

    def _is_below(self, interface: Interface) -> bool:
        return interface.master in self._interfaces or interface.index in self._stacked

    def _why_not(self, interface: Interface, role: Role, uplinks: Mapping[int, Why]) -> Why:
        if role is Role.LOOPBACK:
            return Why(WhyCode.LOOPBACK)
        if not interface.is_up:
            return Why(WhyCode.DOWN)
        underlays = [each.name for each in self._underlays_below(interface, set()) if each.index in uplinks]
        underlays = underlays or [self._interfaces[index].name for index in uplinks]
        if role is Role.OTHER or not underlays:
            return Why(WhyCode.NO_DEFAULT_ROUTE)
        inside = role in (Role.BRIDGE, Role.BRIDGE_PORT, Role.CONTAINER_END)
        return Why(WhyCode.INTERNAL if inside else WhyCode.COUNTED_BELOW, tuple(underlays))


def _metric(interface: Interface) -> int:
    return interface.default_metric or 0
