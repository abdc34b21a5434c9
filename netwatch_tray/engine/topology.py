"""Which interfaces make the total, and why: each byte once.

What a computer exchanges with the world passes its uplinks: the lowest interfaces under its default routes. A bridge,
bond, VLAN, tunnel or container end only shows again what an uplink carries, so adding it would count bytes twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Literal, NamedTuple

from netwatch_tray.model import Interface

Role = Literal[
    "uplink",
    "carrier",
    "bridge",
    "bond",
    "bridge port",
    "bond member",
    "VLAN",
    "VLAN parent",
    "container end",
    "tunnel",
    "loopback",
    "other",
]

_BRIDGES = frozenset({"bridge", "openvswitch"})
_BONDS = frozenset({"bond", "team", "lag"})
_CONTAINER_ENDS = frozenset({"veth", "netkit"})
_VLANS = frozenset({"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap", "macsec"})
_TUNNELS = frozenset(
    "tun wireguard ovpn ppp gre gretap erspan ip6gre ip6gretap ipip ip6tnl sit vti vti6 xfrm ipsec gif stf".split()
    + "vxlan geneve bareudp gtp amt".split()
)
_HARDWARE = frozenset({"ethernet", "wifi", "cellular", "infiniband"})


class Membership(NamedTuple):
    """An interface's part in the total."""

    role: Role
    is_uplink: bool
    why: str
    """In words for the person."""
    over: tuple[str, ...]
    """Names of the interfaces that its traffic passes next on its way out, as far as known."""


def decide(interfaces: Mapping[int, Interface], chosen: Mapping[str, bool]) -> dict[int, Membership]:
    """The part of each interface, by index. `chosen`: names the person put in (True) or left out (False)."""
    return _Topology(interfaces).decide(chosen)


class _Topology:
    def __init__(self, interfaces: Mapping[int, Interface]) -> None:
        self._interfaces = interfaces
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
        uplinks: dict[int, str] = {}
        for interface in routed:
            for carrier in self._carriers(interface, routed):
                own = carrier.index == interface.index
                why = "carries the default route" if own else f"carries {interface.name}, which has the default route"
                if own or carrier.index not in uplinks:
                    uplinks[carrier.index] = why
        if not routed:
            uplinks = {each.index: "no default route, so all that are up count" for each in self._all_lowest()}
        return {index: self._membership(each, uplinks, chosen) for index, each in self._interfaces.items()}

    def _carriers(self, interface: Interface, routed: Collection[Interface]) -> list[Interface]:
        """The lowest interfaces that carry what this one does; itself when nothing below it is known."""
        below = [
            carrier for lower in self._lower(interface) for carrier in self._carriers_below(lower, {interface.index})
        ]
        if not below and interface.kind in _TUNNELS:
            # Nothing says which way a tunnel's packets go: by the best other route, else by whatever leads out.
            others = [each for each in routed if each.kind not in _TUNNELS]
            below = self._carriers_below(min(others, key=_metric), {interface.index}) if others else self._ways_out()
        return below or [interface]

    def _ways_out(self) -> list[Interface]:
        """What may carry a tunnel that has taken every default route: what lies below the addresses of this machine."""
        addressed = [
            each for each in self._interfaces.values() if each.is_up and each.addresses and not each.is_loopback
        ]
        outer = [each for each in addressed if each.kind not in _TUNNELS]
        carriers = [carrier for each in outer for carrier in self._carriers_below(each, set())]
        return [each for each in carriers if each.kind in _HARDWARE] or [
            each for each in carriers if each.kind not in _BRIDGES
        ]

    def _carriers_below(self, interface: Interface, seen: set[int]) -> list[Interface]:
        if interface.index in seen:  # a veth's two ends name each other
            return []
        seen.add(interface.index)
        below = [carrier for lower in self._lower(interface) for carrier in self._carriers_below(lower, seen)]
        return below or [interface]

    def _lower(self, interface: Interface) -> list[Interface]:
        """What this interface's traffic passes next on its way out, as far as the kernel's link table tells."""
        if interface.kind in _CONTAINER_ENDS:
            return []
        if interface.index in self._ports:
            ports = self._ports[interface.index]
            outward = [port for port in ports if self._leads_out(port)]
            # Of a bond's members only those that are up carry; of a bridge's ports only those that lead out.
            return [port for port in outward if port.is_up] or outward
        parent = self._interfaces.get(interface.parent or 0)
        return [parent] if parent else []

    def _leads_out(self, port: Interface) -> bool:
        return port.kind not in _CONTAINER_ENDS and port.kind not in _TUNNELS

    def _all_lowest(self) -> Iterable[Interface]:
        up = [each for each in self._interfaces.values() if each.is_up and not each.is_loopback]
        hardware = [each for each in up if each.kind in _HARDWARE]
        if hardware:
            return hardware
        return [each for each in up if not [lower for lower in self._lower(each) if lower.is_up]]

    def _membership(self, interface: Interface, uplinks: Mapping[int, str], chosen: Mapping[str, bool]) -> Membership:
        role, over = self._role(interface, uplinks), self._over(interface, uplinks)
        if interface.name in chosen:
            counted = chosen[interface.name]
            why = f"{'counted' if counted else 'not counted'}: chosen in the settings"
            return Membership(role, counted, why, over)
        if interface.index in uplinks:
            return Membership(role, True, f"counted: {uplinks[interface.index]}", over)
        return Membership(role, False, f"not counted: {self._why_not(interface, role, uplinks)}", over)

    def _over(self, interface: Interface, uplinks: Mapping[int, str]) -> tuple[str, ...]:
        master = self._interfaces.get(interface.master or 0)
        if interface.is_loopback or interface.index in uplinks:
            lower = []
        elif master and not (master.kind in _BRIDGES | _BONDS and self._leads_out(interface)):
            lower = [master]  # a container or a virtual machine sends through its bridge
        else:
            lower = self._lower(interface)
            if not lower and (
                interface.kind in _TUNNELS or interface.kind in _BRIDGES or interface.kind in _CONTAINER_ENDS
            ):
                lower = [self._interfaces[index] for index in uplinks]
        return tuple(each.name for each in lower)

    def _role(self, interface: Interface, uplinks: Mapping[int, str]) -> Role:
        if interface.is_loopback:
            return "loopback"
        if interface.index in uplinks:
            return "uplink" if interface.default_metric is not None or not self._is_below(interface) else "carrier"
        master = self._interfaces.get(interface.master or 0)
        if master and master.kind in _BONDS:
            return "bond member"
        if master and interface.kind not in _CONTAINER_ENDS:
            return "bridge port"
        if interface.kind in _BRIDGES:
            return "bridge"
        if interface.kind in _BONDS:
            return "bond"
        if interface.kind in _CONTAINER_ENDS:
            return "container end"
        if interface.kind in _VLANS:
            return "VLAN"
        if interface.kind in _TUNNELS:
            return "tunnel"
        return "VLAN parent" if interface.index in self._stacked else "other"

    def _is_below(self, interface: Interface) -> bool:
        return interface.master in self._interfaces or interface.index in self._stacked

    def _why_not(self, interface: Interface, role: Role, uplinks: Mapping[int, str]) -> str:
        if role == "loopback":
            return "traffic of this computer with itself"
        if not interface.is_up:
            return "down"
        carriers = [each.name for each in self._carriers_below(interface, set()) if each.index in uplinks]
        carriers = carriers or [self._interfaces[index].name for index in uplinks]
        if role == "other" or not carriers:
            return "no default route goes through it"
        if role in ("bridge", "bridge port", "container end"):
            return f"reaches the outside over {' and '.join(carriers)}"
        return f"traffic of {interface.name} already passes {' and '.join(carriers)}"


def _metric(interface: Interface) -> int:
    return interface.default_metric or 0
