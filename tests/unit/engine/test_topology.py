"""Each byte once: by example for the setups people have, and for generated ones against a model of where packets go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from netwatch_tray.engine.topology import Membership, counted_meanwhile, decide, eliminated
from netwatch_tray.model import Interface, Role, Why, WhyCode

_index = {"lo": 1}


def interface(name: str, kind: str, **facts: Any) -> Interface:
    index = _index.setdefault(name, len(_index) + 1)
    for key in ("master", "parent"):
        if isinstance(facts.get(key), str):
            facts[key] = _index.setdefault(facts[key], len(_index) + 1)
    if facts.pop("route", False):
        facts.setdefault("default_metric", 100)
    return Interface(index=index, name=name, kind=kind, is_up=facts.pop("up", True), is_loopback=name == "lo", **facts)


def decided(*interfaces: Interface, chosen: dict[str, bool] | None = None) -> dict[str, Membership]:
    found = decide({each.index: each for each in interfaces}, chosen or {})
    return {each.name: found[each.index] for each in interfaces}


def counted(*interfaces: Interface, chosen: dict[str, bool] | None = None) -> set[str]:
    return {name for name, membership in decided(*interfaces, chosen=chosen).items() if membership.is_uplink}


LO = interface("lo", "loopback")
ETH0 = interface("eth0", "ethernet", route=True)
VPN = interface("tun0", "tun", route=True)


def test_single_card_with_default_route_is_the_uplink() -> None:
    found = decided(LO, ETH0)
    assert found["eth0"][:3] == ("uplink", True, Why(WhyCode.DEFAULT_ROUTE))
    assert found["lo"][:3] == ("loopback", False, Why(WhyCode.LOOPBACK))


def test_vpn_with_the_better_default_route_is_counted_on_its_card() -> None:
    found = decided(LO, ETH0, interface("wg0", "wireguard", route=True, default_metric=0))
    assert found["wg0"][:3] == ("tunnel", False, Why(WhyCode.COUNTED_BELOW, ("eth0",)))
    assert found["eth0"].is_uplink


def test_a_vpn_that_took_the_only_default_route_runs_over_the_card_with_the_route_to_its_server() -> None:
    eth0 = interface("eth0", "ethernet", addresses=("192.0.2.2/24",), has_host_route=True)
    found = decided(LO, eth0, interface("eth1", "ethernet", addresses=("198.51.100.2/24",)), VPN)
    assert found["eth0"][:3] == ("uplink", True, Why(WhyCode.UNDERLAY, ("tun0",)))
    assert found["tun0"].why == Why(WhyCode.COUNTED_BELOW, ("eth0",))
    assert not found["eth1"].is_uplink


def test_vpn_over_a_bridged_card_or_in_a_container_is_counted_below() -> None:
    br0 = interface("br0", "bridge", addresses=("192.0.2.2/24",), has_host_route=True)
    docker0 = interface("docker0", "bridge", addresses=("198.51.100.1/24",))
    assert counted(LO, VPN, docker0, br0, interface("enp1s0", "ethernet", master="br0")) == {"enp1s0"}
    eth9 = interface("eth9", "veth", addresses=("192.0.2.3/24",), has_host_route=True)
    assert counted(LO, VPN, docker0, eth9) == {"eth9"}


LAN0 = interface("lan0", "ethernet", addresses=("192.0.2.2/24",))
LAN1 = interface("lan1", "wifi", addresses=("198.51.100.2/24",))


def test_interface_with_the_default_route_counts_if_its_underlay_is_unknown() -> None:
    for others in ((interface("up0", "ppp", route=True), LAN0), (interface("up0", "tun", route=True), LAN0, LAN1)):
        found = decided(LO, *others)
        assert found["up0"][:3] == ("uplink", True, Why(WhyCode.DEFAULT_ROUTE))
        assert found["lan0"][:3] == ("other", False, Why(WhyCode.NO_DEFAULT_ROUTE))


def test_a_vpn_is_counted_on_the_only_other_interface_that_leads_out() -> None:
    for kind in ("tun", "wireguard", "ovpn"):
        found = decided(LO, LAN0, interface("up0", kind, route=True), interface("lan1", "wifi", up=False))
        assert found["up0"][:4] == ("tunnel", False, Why(WhyCode.COUNTED_BELOW, ("lan0",)), ("lan0",))
        assert found["lan0"][:3] == ("uplink", True, Why(WhyCode.UNDERLAY, ("up0",)))


_ADDRESS = {"addresses": ("192.0.2.2/24",)}


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        # One way out, whatever is stacked on it or faces inside.
        ((LAN0, interface("docker0", "bridge"), interface("veth1", "veth", master="docker0")), {"lan0"}),
        ((interface("br0", "bridge", **_ADDRESS), interface("lan2", "ethernet", master="br0")), {"lan2"}),
        ((interface("lan2", "ethernet"), interface("lan2.5", "vlan", parent="lan2", **_ADDRESS)), {"lan2"}),
        (
            (
                interface("bond0", "bond", **_ADDRESS),
                interface("lan2", "ethernet", master="bond0"),
                interface("lan3", "ethernet", master="bond0"),
            ),
            {"lan2", "lan3"},
        ),
        ((LAN0, interface("wg9", "wireguard", addresses=("10.9.0.1/24",))), {"lan0"}),
        ((interface("eth9", "veth", **_ADDRESS),), {"eth9"}),
        ((interface("lan6", "wifi", addresses=("fe80::2/64", "2001:db8::2/64")),), {"lan6"}),
        ((interface("ppp9", "ppp", **_ADDRESS),), {"ppp9"}),
        ((LAN0, interface("dummy0", "dummy", **_ADDRESS)), {"lan0"}),
        # Several, or none.
        ((LAN0, interface("ppp9", "ppp", **_ADDRESS)), {"tun0"}),
        ((LAN0, interface("cali0", "veth")), {"tun0"}),
        ((LAN0, interface("usb0", "other")), {"tun0"}),
        ((interface("lan6", "wifi", addresses=("fe80::2/64",)),), {"tun0"}),
        ((interface("lan6", "wifi"),), {"tun0"}),
        ((interface("lan0", "ethernet", up=False, **_ADDRESS),), {"tun0"}),
        ((interface("docker0", "bridge", **_ADDRESS), interface("veth1", "veth", master="docker0")), {"tun0"}),
        ((interface("br0", "bridge", **_ADDRESS), interface("tap0", "tun", master="br0")), {"tun0"}),
        ((interface("usb0", "other", **_ADDRESS),), {"tun0"}),
        ((interface("awdl0", "awdl", **_ADDRESS),), {"tun0"}),
        ((), {"tun0"}),
    ],
)
def test_vpn_underlay_is_presumed_only_if_one_other_interface_leads_out(
    others: tuple[Interface, ...], expected: set[str]
) -> None:
    assert counted(LO, VPN, *others) == expected


def test_a_tunnel_counts_itself_if_the_only_other_interface_does_not_carry_it() -> None:
    interfaces = {each.index: each for each in (LO, VPN, LAN0)}
    assert eliminated(interfaces) == {VPN.index: LAN0.index}
    assert eliminated(interfaces, {VPN.index}) == {}
    found = decide(interfaces, {}, {VPN.index})
    assert [index for index, each in found.items() if each.is_uplink] == [VPN.index]
    assert counted_meanwhile(interfaces, [LAN0.index], [VPN.index], {VPN.index}) == (LAN0.index,)


def test_interface_below_a_vpn_is_not_guessed_if_routes_show_it() -> None:
    for lan in ({"has_host_route": True}, {"route": True}):
        known = interface("lan0", "ethernet", **_ADDRESS, **lan)
        assert eliminated({each.index: each for each in (LO, VPN, known)}) == {}


def test_ppp_over_a_card_counts_on_the_card_where_the_kernel_reports_it() -> None:
    card = interface("eth0", "ethernet")
    vlan = interface("eth0.7", "vlan", parent="eth0")
    found = decided(LO, card, vlan, interface("ppp0", "ppp", parent="eth0.7", route=True))
    assert found["eth0"][:3] == (Role.UNDERLAY, True, Why(WhyCode.UNDERLAY, ("ppp0",)))
    assert found["ppp0"][:3] == ("tunnel", False, Why(WhyCode.COUNTED_BELOW, ("eth0",)))


def test_a_modem_beside_a_card_is_a_second_uplink_and_a_vpn_over_ppp_is_none() -> None:
    modem = interface("ppp0", "ppp", route=True, default_metric=700)
    assert counted(LO, ETH0, modem) == {"eth0", "ppp0"}
    pinned = interface("eth0", "ethernet", route=True, has_host_route=True)
    assert counted(LO, pinned, interface("ppp0", "ppp", route=True, default_metric=50)) == {"eth0"}


def test_a_vpn_over_a_modem_is_counted_on_the_modem() -> None:
    modem = interface("ppp0", "ppp", route=True)
    assert counted(LO, modem, interface("wg0", "wireguard", route=True, default_metric=0)) == {"ppp0"}


def test_host_route_over_another_card_does_not_make_it_the_underlay() -> None:
    eth0 = interface("eth0", "ethernet", route=True, has_host_route=True)
    eth1 = interface("eth1", "ethernet", has_host_route=True)
    assert counted(LO, eth0, eth1, interface("wg0", "wireguard", route=True, default_metric=0)) == {"eth0"}


def test_a_modem_without_a_default_route_is_no_part_of_the_total_and_carries_nothing_of_it() -> None:
    found = decided(LO, ETH0, interface("ppp0", "ppp"))
    assert found["ppp0"][:4] == ("other", False, Why(WhyCode.NO_DEFAULT_ROUTE), ())


def test_docker_bridge_and_veths_are_not_counted() -> None:
    found = decided(
        LO,
        ETH0,
        interface("docker0", "bridge"),
        interface("veth1", "veth", master="docker0"),
        interface("br-1", "bridge", up=False),
    )
    assert {name for name, each in found.items() if each.is_uplink} == {"eth0"}
    assert found["docker0"][:3] == ("bridge", False, Why(WhyCode.INTERNAL, ("eth0",)))
    assert found["veth1"].role is Role.CONTAINER_END
    assert found["br-1"].why == Why(WhyCode.DOWN)


def test_card_below_a_bridge_of_virtual_machines_is_the_uplink() -> None:
    found = decided(
        LO,
        interface("br0", "bridge", route=True),
        interface("enp1s0", "ethernet", master="br0"),
        interface("tap0", "tun", master="br0"),
    )
    assert found["enp1s0"][:3] == (Role.UNDERLAY, True, Why(WhyCode.UNDERLAY, ("br0",)))
    assert not found["br0"].is_uplink
    assert not found["tap0"].is_uplink


def test_cards_below_a_vlan_on_a_bond_are_the_uplinks() -> None:
    found = decided(
        LO,
        interface("bond0.5", "vlan", parent="bond0", route=True),
        interface("bond0", "bond"),
        interface("eth1", "ethernet", master="bond0"),
        interface("eth2", "ethernet", master="bond0"),
    )
    assert {name for name, each in found.items() if each.is_uplink} == {"eth1", "eth2"}
    assert found["bond0"][:3] == ("bond", False, Why(WhyCode.COUNTED_BELOW, ("eth1", "eth2")))
    assert found["bond0.5"].role is Role.VLAN


def test_macvlan_and_vxlan_are_counted_on_the_card_below() -> None:
    assert counted(
        ETH0, interface("mac0", "macvlan", parent="eth0"), interface("vx0", "vxlan", parent="eth0", route=True)
    ) == {"eth0"}


def test_inside_a_container_its_only_interface_is_the_uplink() -> None:
    assert counted(LO, interface("eth9", "veth", route=True)) == {"eth9"}


def test_only_the_end_of_a_veth_pair_with_the_route_counts() -> None:
    assert counted(LO, interface("v1", "veth", parent="v2", route=True), interface("v2", "veth", parent="v1")) == {"v1"}


def test_two_default_routes_count_both_cards() -> None:
    assert counted(LO, ETH0, interface("wlan0", "wifi", route=True, default_metric=600)) == {"eth0", "wlan0"}


def test_without_any_default_route_all_cards_that_are_up_count() -> None:
    found = decided(
        LO, interface("eth1", "ethernet"), interface("eth2", "ethernet", up=False), interface("docker0", "bridge")
    )
    assert found["eth1"][:3] == ("uplink", True, Why(WhyCode.ALL_UP))
    assert {name for name, each in found.items() if each.is_uplink} == {"eth1"}


def test_a_second_card_without_a_route_is_not_counted_with_the_reason() -> None:
    assert decided(ETH0, interface("eth5", "ethernet"))["eth5"].why == Why(WhyCode.NO_DEFAULT_ROUTE)


def test_tree_places_each_interface_below_its_underlay() -> None:
    found = decided(
        LO,
        ETH0,
        interface("docker0", "bridge"),
        interface("veth1", "veth", master="docker0"),
        interface("wg0", "wireguard", route=True, default_metric=0),
        interface("br0", "bridge"),
        interface("eth7", "ethernet", master="br0"),
        interface("tap0", "tun", master="br0"),
        interface("eth0.5", "vlan", parent="eth0"),
    )
    assert {name: each.over for name, each in found.items()} == {
        "lo": (),
        "eth0": (),
        "docker0": ("eth0",),
        "veth1": ("docker0",),
        "wg0": ("eth0",),
        "br0": ("eth7",),
        "eth7": (),
        "tap0": ("br0",),
        "eth0.5": ("eth0",),
    }


def test_containers_and_machines_in_a_bridge_face_inside() -> None:
    found = decided(
        LO,
        ETH0,
        interface("docker0", "bridge"),
        interface("veth1", "veth", master="docker0"),
        interface("br0", "bridge"),
        interface("eth7", "ethernet", master="br0"),
        interface("tap0", "tun", master="br0"),
        interface("cali0", "veth"),
    )
    assert {name for name, each in found.items() if each.faces_inside} == {"docker0", "veth1", "tap0"}


def test_the_only_port_of_a_bridge_with_a_default_route_leads_out() -> None:
    """This holds for a container end as well, because nothing else leads to the gateway."""
    br1, eth8 = interface("br1", "bridge", route=True), interface("eth8", "veth", master="br1")
    found = decided(LO, br1, eth8)
    assert found["eth8"] == Membership(Role.UNDERLAY, True, Why(WhyCode.UNDERLAY, ("br1",)), ())
    assert (found["br1"].is_uplink, found["br1"].over, found["br1"].faces_inside) == (False, ("eth8",), False)


def test_with_two_container_ends_the_bridge_itself_leads_out() -> None:
    """It is unknown which of the two ends leads to the gateway."""
    ports = interface("eth8", "veth", master="br1"), interface("veth1", "veth", master="br1")
    found = decided(LO, interface("br1", "bridge", route=True), *ports)
    assert found["br1"].is_uplink
    assert not found["eth8"].is_uplink
    assert {name for name, each in found.items() if each.faces_inside} == set()
    # Without a default route it is a bridge of containers.
    found = decided(LO, interface("eth0", "ethernet", route=True), interface("br1", "bridge"), ports[0])
    assert {name for name, each in found.items() if each.is_uplink} == {"eth0"}


def test_users_choice_overrides_the_decision() -> None:
    found = decided(LO, ETH0, interface("eth5", "ethernet"), chosen={"eth0": False, "eth5": True})
    assert found["eth0"][:3] == ("uplink", False, Why(WhyCode.CHOSEN))
    assert found["eth5"][:3] == ("other", True, Why(WhyCode.CHOSEN))


def test_interfaces_that_run_over_each_other_end_the_search() -> None:
    assert counted(interface("a", "vlan", parent="b", route=True), interface("b", "vlan", parent="a")) <= {"a", "b"}


def meanwhile(before: set[str], now: set[str], *interfaces: Interface) -> set[str]:
    names = {each.index: each.name for each in interfaces}
    indexes = [{index for index, name in names.items() if name in chosen} for chosen in (before, now)]
    return {names[index] for index in counted_meanwhile({each.index: each for each in interfaces}, *indexes)}


def test_both_uplinks_count_in_the_interval_of_a_switch() -> None:
    up1, up2 = interface("up1", "ethernet"), interface("up2", "wifi", route=True)
    assert meanwhile({"up1"}, {"up2"}, up1, up2) == {"up1", "up2"}


def test_stacked_interface_is_not_counted_beside_its_underlay_during_a_switch() -> None:
    eth0, br0 = interface("eth0", "ethernet", master="br0"), interface("br0", "bridge", route=True)
    assert meanwhile({"br0"}, {"eth0"}, eth0, br0) == {"br0"}
    assert meanwhile({"eth0"}, {"br0"}, eth0, br0) == {"eth0"}
    vlan = interface("eth0.5", "vlan", parent="eth0", route=True)
    assert meanwhile({"eth0.5"}, {"eth0"}, interface("eth0", "ethernet"), vlan) == {"eth0.5"}


def test_vpn_with_unknown_underlay_counts_during_a_switch_only_if_it_counted_before() -> None:
    eth0, tun0 = interface("eth0", "ethernet"), interface("tun0", "tun", route=True)
    assert meanwhile({"eth0"}, {"tun0"}, eth0, tun0) == {"eth0"}
    assert meanwhile({"tun0"}, {"eth0"}, eth0, tun0) == {"tun0"}


_ADDRESSES = st.sampled_from([(), ("fe80::1/64",), ("192.0.2.1/24",), ("192.0.2.1/24", "fe80::1/64")])


@st.composite
def machines(draw: st.DrawFn) -> tuple[dict[int, Interface], dict[int, list[int]]]:
    """Draw a machine: its interfaces, and for each the indexes of those that its packets pass next."""
    below: dict[int, list[int]] = {}
    facts: dict[int, dict[str, Any]] = {}
    cards = list(range(1, draw(st.sampled_from([1, 1, 2, 3, 4])) + 1))
    for index in cards:
        below[index] = []
        facts[index] = {"kind": draw(st.sampled_from(["ethernet", "wifi"])), "addresses": draw(_ADDRESSES)}
    free = list(cards)
    top = list(cards)
    """What an interface can still be stacked on: not a port of something."""
    for index in range(10, 10 + draw(st.integers(0, 6))):
        kind = draw(
            st.sampled_from(["bond", "bridge", "vlan", "macvlan", "wireguard", "veth", "docker", "pppoe", "ppp"])
        )
        facts[index], below[index] = {"kind": kind, "addresses": draw(_ADDRESSES)}, []
        # A card with a VLAN of its own is a port of bridges, but not of bonds.
        possible = [each for each in free if kind == "bridge" or all(each not in lower for lower in below.values())]
        if kind in ("bond", "bridge") and possible:
            members = draw(st.lists(st.sampled_from(possible), min_size=1, max_size=2, unique=True))
            for member in members:
                facts[member]["master"] = index
                facts[member].pop("addresses", None)
                free.remove(member)
                top.remove(member)
            below[index] = members
            top.append(index)
        elif kind in ("vlan", "macvlan", "pppoe") and top:
            facts[index]["kind"] = "ppp" if kind == "pppoe" else kind
            facts[index]["parent"] = draw(st.sampled_from(top))
            below[index] = [facts[index]["parent"]]
        elif kind == "docker":
            facts[index]["kind"] = "bridge"
            port = index + 100
            facts[port], below[port] = {"kind": "veth", "master": index}, []
        elif kind not in ("wireguard", "ppp"):
            facts[index]["kind"] = "veth"
    routable = [index for index in facts if "master" not in facts[index] and facts[index]["kind"] != "veth"]
    routable = [index for index in routable if facts[index]["kind"] != "bridge" or below[index]]
    tunnels = [index for index in routable if facts[index]["kind"] == "wireguard"]
    has_tunnels_alone, least = draw(st.booleans()), draw(st.sampled_from([0, 1]))
    choices = st.sampled_from(tunnels if tunnels and has_tunnels_alone else routable)
    for index in draw(st.lists(choices, min_size=least, max_size=3, unique=True)):
        facts[index]["default_metric"] = draw(st.integers(0, 3)) * 100
    interfaces = {index: Interface(index=index, name=f"if{index}", is_up=True, **each) for index, each in facts.items()}
    return interfaces, below


_HEADER = 60
"""Bytes that a tunnel adds."""


def _send(
    interfaces: Mapping[int, Interface],
    below: Mapping[int, list[int]],
    carried: dict[int, int],
    index: int,
    amount: int,
    data: st.DataObject,
) -> int:
    """Let a packet leave by the default route of an interface, and count it wherever it passes. Return its bytes on the
    lowest interface that is known."""
    carried[index] += amount
    if interfaces[index].kind == "wireguard":
        # To the VPN's server it leaves by the best other default route; without one, from an address of the only
        # interface that leads out, or by something that nothing shows.
        plain = [each for each in interfaces.values() if each.default_metric is not None and each.kind != "wireguard"]
        if plain:
            index = min(plain, key=lambda each: each.default_metric or 0).index
        else:
            senders = _senders(interfaces, below)
            if not senders:
                return amount
            index = data.draw(st.sampled_from(senders))
        amount += _HEADER
        carried[index] += amount
    while below[index]:
        index = data.draw(st.sampled_from(below[index]))
        carried[index] += amount
    return amount


def _senders(interfaces: Mapping[int, Interface], below: Mapping[int, list[int]]) -> list[int]:
    """Return the interfaces with a routable address over the only way out, or nothing if there are several ways."""

    bond_of = {port: index for index, each in interfaces.items() if each.kind == "bond" for port in below[index]}

    def ways(index: int) -> set[int]:
        if not below[index] or interfaces[index].kind == "bond":
            return {bond_of.get(index, index)}
        return set[int]().union(*map(ways, below[index]))

    inside = {index for index, each in interfaces.items() if each.kind == "wireguard" or index > 100}
    inside |= {index for index, each in interfaces.items() if each.kind == "bridge" and not below[index]}
    reached = {index: ways(index) for index in interfaces.keys() - inside}
    if len(set[int]().union(*reached.values())) != 1:
        return []
    has_address = {index for index, each in interfaces.items() if "192.0.2.1/24" in each.addresses}
    return sorted(reached.keys() & has_address)


@settings(max_examples=300, deadline=None)
@given(machines(), st.data())
def test_a_byte_that_leaves_the_machine_is_counted_once(
    machine: tuple[dict[int, Interface], dict[int, list[int]]], data: st.DataObject
) -> None:
    interfaces, below = machine
    routed = [each.index for each in interfaces.values() if each.default_metric is not None]
    if not routed:
        return
    carried = dict.fromkeys(interfaces, 0)
    sent = 0
    for amount in data.draw(st.lists(st.integers(1, 10**9), min_size=1, max_size=8)):
        index = data.draw(st.sampled_from(routed))
        sent += _send(interfaces, below, carried, index, amount, data)
    memberships = decide(interfaces, {})
    assert sum(carried[index] for index, each in memberships.items() if each.is_uplink) == sent
    assert all(each.why for each in memberships.values())


@settings(max_examples=300, deadline=None)
@given(machines(), st.data())
def test_no_byte_is_counted_twice_or_lost_while_the_routes_change(
    machine: tuple[dict[int, Interface], dict[int, list[int]]], data: st.DataObject
) -> None:
    """Between two readings some bytes take the old default routes and some the new ones."""
    earlier, below = machine
    moves = data.draw(
        st.lists(st.tuples(st.sampled_from(sorted(earlier)), st.sampled_from(sorted(earlier))), max_size=3)
    )
    metrics = {index: each.default_metric for index, each in earlier.items()}
    for one, other in moves:
        if earlier[one].master is None and earlier[other].master is None:
            metrics[one], metrics[other] = metrics[other], metrics[one]
    later = {index: msgspec.structs.replace(each, default_metric=metrics[index]) for index, each in earlier.items()}
    carried = dict.fromkeys(earlier, 0)
    sent = [0, 0]
    for phase, interfaces in enumerate((earlier, later)):
        routed = [index for index, each in interfaces.items() if each.default_metric is not None]
        for _ in range(data.draw(st.integers(0, 4)) if routed else 0):
            index = data.draw(st.sampled_from(routed))
            sent[phase] += _send(interfaces, below, carried, index, 1000, data)
    before, now = ([index for index, each in decide(which, {}).items() if each.is_uplink] for which in (earlier, later))
    counted = counted_meanwhile(later, before, now)
    assert set(before) <= set(counted) <= {*before, *now}
    total = sum(carried[index] for index in counted)
    assert total >= sent[0], "what left before the switch"
    assert total <= sum(sent), "each byte once"
