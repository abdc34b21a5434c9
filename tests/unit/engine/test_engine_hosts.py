"""Which name belongs to which connection."""

from __future__ import annotations

import random
from pathlib import Path

import hellos
import pytest
from dns_messages import ASKED, message, record
from hypothesis import given, strategies as st
from test_connections import CURL
from test_datagrams import World, udp

from netwatch_tray.collect.helper_readings import UDP, Flow, Owner, Packet, PacketKind
from netwatch_tray.collect.hosts_file import HostsFile
from netwatch_tray.collect.names import dns
from netwatch_tray.engine.connections import ConnectionTable
from netwatch_tray.engine.hosts import Host, Hosts
from netwatch_tray.errors import ParseError

TCP = 6
ADDRESS = "192.0.2.9"
ECH = b"\xfe\x0d\x00\x1c\7\0\x20\0\4abcd\0\4\0\1\0\1\x00\x08provider\0\0"


def packet(kind: PacketKind, payload: bytes, cookie: int = 0xA, peer: str = ADDRESS, segment_size: int = 0) -> Packet:
    is_dns = kind in {PacketKind.DNS_ANSWER, PacketKind.DNS_QUERY}
    flow = Flow(cookie, TCP if kind is PacketKind.TLS_HELLO else UDP, peer, 53 if is_dns else 443, 40000)
    return Packet(flow, kind, 1000, payload, len(payload), segment_size)


def answer(name: str, *addresses: str, cookie: int = 0xD, public_name: bool = False) -> Packet:
    records = [record(ASKED, dns.A, bytes(map(int, each.split("."))), 300) for each in addresses]
    if public_name:
        value = len(ECH).to_bytes(2, "big") + ECH
        records.append(record(ASKED, dns.HTTPS, b"\0\1\0\0\5" + len(value).to_bytes(2, "big") + value))
    return packet(PacketKind.DNS_ANSWER, message(name, *records), cookie, "127.0.0.53")


def hello(name: bytes, cookie: int = 0xA, *, has_ech: bool = False) -> Packet:
    return packet(PacketKind.TLS_HELLO, hellos.records(hellos.client_hello(name, has_ech=has_ech)), cookie)


class Told:
    """Hosts with a clock that the test sets."""

    def __init__(self) -> None:
        self.at = 1.7e9
        self.hosts = Hosts(lambda: self.at)

    def take(self, *packets: Packet, creators: dict[int, int] | None = None) -> set[int]:
        owners = {cookie: Owner(pid, 1000, 0, UDP, None) for cookie, pid in (creators or {}).items()}
        return self.hosts.take(packets, owners, lambda _cookie: None)

    def of(self, cookie: int = 0xA, pid: int | None = 50, address: str = ADDRESS) -> Host | None:
        return self.hosts.of(cookie, address, 443, pid)


def test_client_hello_names_only_its_own_connection() -> None:
    told = Told()
    assert told.take(hello(b"a.example")) == {0xA}
    assert told.of() == Host("a.example", "TLS", 1.7e9)
    assert told.of(0xB) is None


def test_quic_hello_may_span_several_datagrams_of_one_packet() -> None:
    told = Told()
    frames = hellos.scattered(hellos.client_hello(b"q.example"), random.Random(3))
    sent = b"".join(hellos.datagrams(frames, b"original"))
    assert told.take(packet(PacketKind.QUIC_INITIAL, sent, segment_size=1200)) == {0xA}
    assert told.of() == Host("q.example", "QUIC", 1.7e9)


def test_initials_are_read_again_only_after_the_handshake() -> None:
    told = Told()

    def greet(name: bytes) -> set[int]:
        frames = [hellos.crypto(0, hellos.client_hello(name))]
        return told.take(*(packet(PacketKind.QUIC_INITIAL, each) for each in hellos.datagrams(frames, name)))

    assert greet(b"a.example") == {0xA}
    told.take(packet(PacketKind.QUIC_INITIAL, b"an acknowledgement"))
    assert not told.hosts.faults
    told.at += 60
    assert greet(b"b.example") == {0xA}
    assert told.of() == Host("b.example", "QUIC", told.at)


def test_dns_response_names_the_address_for_the_querying_process() -> None:
    told = Told()
    told.take(answer("d.example", ADDRESS), creators={0xD: 50})
    assert told.of(pid=50) == Host("d.example", "DNS", 1.7e9, ttl_s=300)
    assert told.of(pid=51) is None
    assert told.of(pid=None) is None


def test_process_of_a_socket_that_is_not_found_yet_is_its_creator() -> None:
    told = Told()
    told.take(answer("d.example", ADDRESS), creators={0xD: 50, 0xA: 50})
    assert told.of(pid=None) is not None


def test_client_hello_takes_precedence_over_a_dns_response() -> None:
    told = Told()
    told.take(answer("d.example", ADDRESS), hello(b"a.example"), creators={0xD: 50})
    host = told.of()
    assert host is not None
    assert (host.name, host.origin) == ("a.example", "TLS")


def test_name_in_a_dns_answer_replaces_the_name_of_a_provider() -> None:
    told = Told()
    told.take(answer("secret.example", ADDRESS, public_name=True), hello(b"provider", has_ech=True), creators={0xD: 50})
    assert told.of() == Host("secret.example", "DNS", 1.7e9, ttl_s=300)
    assert told.of(pid=51) == Host("provider", "TLS", 1.7e9, is_providers=True)


def test_encrypted_part_of_unknown_contents_is_marked() -> None:
    told = Told()
    told.take(answer("d.example", ADDRESS), hello(b"a.example", has_ech=True), creators={0xD: 50})
    assert told.of() == Host("a.example", "TLS", 1.7e9, is_providers=None)


def test_names_are_forgotten_after_a_day() -> None:
    told = Told()
    told.take(answer("d.example", ADDRESS), hello(b"a.example", 0xB), creators={0xD: 50})
    told.at += 24 * 3600 + 1
    told.take()
    assert (told.of(), told.of(0xB)) == (None, None)


def test_memory_is_bounded() -> None:
    told = Told()
    for number in range(10_000):
        told.take(
            answer(f"{number}.example", f"198.51.{number >> 8}.{number & 255}", cookie=number + 100),
            hello(b"a.example", number),
            creators={number + 100: 50},
        )
        assert told.of(pid=50, address=f"198.51.{number >> 8}.{number & 255}") is not None
    kept = (told.hosts._greeted, told.hosts._resolved, told.hosts._sought, told.hosts._creators, told.hosts._providers)
    assert [len(each) for each in kept] == [4096, 4096, 4096, 8192, 0]
    assert told.hosts._responses.all().keys() == {
        (50, f"198.51.{number >> 8}.{number & 255}") for number in range(10_000 - 1024, 10_000)
    }


def test_memory_of_responses_is_bounded_over_all_processes() -> None:
    told = Told()
    for pid in range(1, 10_000):
        told.take(answer(f"{pid}.example", ADDRESS, cookie=pid), creators={pid: pid})
    kept = told.hosts._responses.all()
    assert 1000 < len(kept) < 6000
    assert told.hosts._responses._size <= 1 << 20
    assert kept.keys() == {(pid, ADDRESS) for pid in range(10_000 - len(kept), 10_000)}
    told.at += 24 * 3600 + 1
    told.take()
    assert (told.hosts._responses.all(), told.hosts._responses._size) == ({}, 0)


_PIDS = st.sampled_from([50, 51])
_ADDRESSES = st.sampled_from([f"192.0.2.{each}" for each in range(1, 6)])


@given(
    steps=st.lists(
        st.tuples(_PIDS, st.sampled_from(["a.example", "b.example"]), st.lists(_ADDRESSES, max_size=3))
        | st.tuples(_PIDS, st.just(None), _ADDRESSES.map(lambda each: [each])),
        max_size=30,
    )
)
def test_address_has_the_name_of_the_latest_response(
    steps: list[tuple[int, str | None, list[str]]],
) -> None:
    told, expected = Told(), dict[tuple[int, str], tuple[str, float]]()
    for pid, name, addresses in steps:
        told.at += 1
        if name is not None:
            told.take(answer(name, *addresses, cookie=pid), creators={pid: pid})
            expected |= {(pid, each): (name, told.at) for each in addresses}
        else:
            host = told.of(pid=pid, address=addresses[0])
            assert (host and (host.name, host.at)) == expected.get((pid, addresses[0]))
    later = Told()
    later.at = told.at
    later.hosts.restore(told.hosts.packed())
    for each in (told, later):
        found = {
            (pid, f"192.0.2.{last}"): each.of(0xF, pid, f"192.0.2.{last}") for pid in (50, 51) for last in range(6)
        }
        assert {key: (host.name, host.at) for key, host in found.items() if host} == expected


@pytest.mark.parametrize("kind", PacketKind)
def test_only_the_malformed_packet_is_skipped(kind: PacketKind) -> None:
    told = Told()
    assert told.take(packet(kind, b"\x16\3\1\0\5garbage"), hello(b"a.example", 0xB)) == {0xB}


def test_rows_have_the_names_of_their_peers() -> None:
    world = World()
    world.finder.known["a"] = CURL
    world.table.hosts = told = Hosts(lambda: 1.7e9)
    world.count()
    world.update(a=udp((ADDRESS, 443)), b=udp(None))
    assert world.rows()["a"].host is None
    flow = Flow(0xA, UDP, ADDRESS, 443, 5000)
    sealed = hellos.seal(hellos.crypto(0, hellos.client_hello(b"q.example", key_share=32)) + bytes(800), b"original")
    world.table.name_peers(
        told.take([Packet(flow, PacketKind.QUIC_INITIAL, 0, sealed, 1200, 0)], {}, lambda _cookie: None)
    )
    world.update(a=udp((ADDRESS, 443)), b=udp(None))
    row = world.rows()["a"]
    assert (row.host, row.host_origin, row.host_at, row.host_is_providers) == ("q.example", "QUIC", 1.7e9, False)
    world.update(a=udp(("192.0.2.10", 443)), b=udp(None))
    assert world.rows()["a"].host is None


def test_later_response_does_not_rename_a_connection() -> None:
    world = World()
    world.finder.known["a"] = CURL
    world.table.hosts = told = Hosts(lambda: 1.7e9)
    owners = {0xD: Owner(CURL.pid, 0, 0, UDP, None)}
    told.take([answer("first.example", ADDRESS)], owners, lambda _cookie: None)
    world.update(a=udp((ADDRESS, 443)))
    told.take([answer("second.example", ADDRESS)], {}, lambda _cookie: None)
    world.update(a=udp((ADDRESS, 443), inode=8), b=udp((ADDRESS, 443)))
    assert world.rows()["a"].host == "first.example"


def test_name_from_the_hosts_file_is_the_last_choice(tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    file.write_text(f"{ADDRESS} nas.home\n192.0.2.7 this.home\n")
    world = World()
    world.table = ConnectionTable(world.finder, hosts_file=HostsFile(str(file)))
    world.finder.known["a"] = CURL
    world.update(a=udp((ADDRESS, 443)), b=udp(("192.0.2.7", 443)))
    assert (world.rows()["a"].host, world.rows()["a"].host_origin) == ("nas.home", "hosts")
    assert world.rows()["b"].host is None, "an address of this computer"
    world.table.hosts = told = Hosts(lambda: 1.7e9)
    told.take([answer("d.example", ADDRESS)], {0xD: Owner(CURL.pid, 0, 0, UDP, None)}, lambda _cookie: None)
    world.update(a=udp((ADDRESS, 443), inode=8))
    assert (world.rows()["a"].host, world.rows()["a"].host_origin) == ("d.example", "DNS")


def test_names_outlive_a_restart_of_the_agent_but_not_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Told()
    told.take(hello(b"a.example"), answer("d.example", "192.0.2.8"), creators={0xD: 50})
    kept = told.hosts.packed()
    later = Told()
    later.hosts.restore(kept)
    assert later.of() == told.of()
    assert later.of(0xB, address="192.0.2.8") == Host("d.example", "DNS", 1.7e9, 300)
    later.at += 25 * 3600
    later.hosts.restore(kept)
    assert later.of() is None
    monkeypatch.setattr("netwatch_tray.engine.hosts._boot", lambda: "another")
    rebooted = Told()
    rebooted.hosts.restore(kept)
    assert rebooted.of() is None


@pytest.mark.parametrize("kept", [b"", b"\xc0", b"\x93\xa1a\x91\x92\x92\1\2\3\x90"])
def test_damaged_stored_names_raise_parse_error(kept: bytes) -> None:
    with pytest.raises(ParseError):
        Told().hosts.restore(kept)
