"""Which card carries a PPP interface: by the kernel's table of PPPoE sessions, or by the route to its peer."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from test_netlink import FakeSocket, address, attribute, done, link, message, number, stats

from netwatch_tray.collect.linux import pppoe, rtnetlink
from netwatch_tray.collect.linux.pppoe import card_of_pppoe, parse_pppoe
from netwatch_tray.engine.topology import decide
from netwatch_tray.model import Interface

HEADINGS = "Id       Address              Device\n"
ONE = HEADINGS + "00001234 02:00:00:00:00:01     eth0\n"
TWO = ONE + "00001235 02:00:00:00:00:01     eth1\n"
ON_ONE_CARD = ONE + "00001235 02:00:00:00:00:01     eth0\n"
ETH0, ETH1, PPP0, PPP1 = 2, 3, 7, 8


def interfaces(*indexes: int) -> dict[int, Interface]:
    kinds = {ETH0: ("eth0", "ethernet"), ETH1: ("eth1", "ethernet"), PPP0: ("ppp0", "ppp"), PPP1: ("ppp1", "ppp")}
    return {index: Interface(index=index, name=kinds[index][0], kind=kinds[index][1]) for index in indexes}


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "pppoe"
    monkeypatch.setattr(pppoe, "TABLE", file)
    return file


def test_card_below_pppoe_is_returned_only_if_certain(table: Path) -> None:
    one, two = interfaces(ETH0, ETH1, PPP0), interfaces(ETH0, ETH1, PPP0, PPP1)
    assert card_of_pppoe(one.values()) is None, "the kernel has no PPPoE"
    for content, found, expected in (
        (HEADINGS, one, None),
        (ONE, one, ETH0),
        (ONE, two, None),  # which of the two is the session, and which a modem?
        (TWO, two, None),  # which runs over which card?
        (ON_ONE_CARD, two, ETH0),
        (ONE, interfaces(ETH1, PPP0), None),  # a card of another namespace
    ):
        table.write_text(content)
        assert card_of_pppoe(found.values()) == expected, content


@given(st.binary(max_size=200))
def test_any_table_is_parsed_without_error(content: bytes) -> None:
    assert all(isinstance(each, str) for each in parse_pppoe(content))


def ppp(monkeypatch: pytest.MonkeyPatch, *answer: bytes) -> dict[str, Interface]:
    """Return the interfaces eth0 and ppp0 as rtnetlink reports them. `answer`: the kernel's response to a request for
    the route to ppp0's peer."""
    peer, own = bytes((203, 0, 113, 5)), bytes((203, 0, 113, 9))
    point_to_point = address(2, attribute(1, peer), attribute(2, own), prefix=32)
    near = message(20, point_to_point.tobytes().replace(b"\t\0\0\0", bytes((PPP0, 0, 0, 0)), 1))
    default = message(24, b"\2\0\0\0\xfe\3\0\1\0\0\0\0" + number(4, PPP0))
    links = [
        message(16, bytes(link(ETH0, attribute(3, b"eth0\0")))),
        message(16, bytes(link(PPP0, attribute(3, b"ppp0\0"), arphrd=512))),
    ]
    rows = stats(ETH0) + stats(PPP0) + done()
    fake = FakeSocket(rows, near + done(), default + done(), b"".join(links) + done(), *answer, rows)
    monkeypatch.setattr(rtnetlink, "NetlinkSocket", lambda *_: fake)
    found = rtnetlink.StatsSource()._interfaces
    return {each.name: each for each in found.values()}


def towards(index: int) -> bytes:
    return message(24, b"\2\x20\0\0\xfe\3\0\1\0\0\0\0" + number(4, index))


def counted(found: dict[str, Interface]) -> set[str]:
    return {
        found[name].name
        for name in found
        if decide({each.index: each for each in found.values()}, {})[found[name].index].is_uplink
    }


def test_ppp_runs_over_the_interface_by_which_the_kernel_reaches_its_peer(
    monkeypatch: pytest.MonkeyPatch, table: Path
) -> None:
    """With PPTP and L2TP the peer is the server."""
    assert not table.exists()
    found = ppp(monkeypatch, towards(ETH0))
    assert (found["ppp0"].parent, found["ppp0"].default_metric) == (ETH0, 0)
    assert counted(found) == {"eth0"}


def test_ppp_over_a_modem_has_no_underlay(monkeypatch: pytest.MonkeyPatch, table: Path) -> None:
    """The route to its peer leads through the interface itself, or there is none."""
    assert not table.exists()
    for answer in (towards(PPP0), message(2, b"\x9b\xff\xff\xff")):
        found = ppp(monkeypatch, answer)
        assert found["ppp0"].parent is None
        assert counted(found) == {"ppp0"}


def test_pppoe_runs_over_its_card(monkeypatch: pytest.MonkeyPatch, table: Path) -> None:
    table.write_text(ONE)
    found = ppp(monkeypatch, towards(PPP0))
    assert found["ppp0"].parent == ETH0
    assert counted(found) == {"eth0"}
