"""Processor, memory, disks, processes and network health, compared with the system's numbers; fuzzed parsers."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given, strategies as st
from networks import FAR, inside, wire
from uploading import needs_root_file_system

from netwatch_tray.collect import disks, health, process_facts, system
from netwatch_tray.collect.linux.proc import (
    default_gateway,
    parse_mounts,
    parse_process_stat,
    parse_routes,
    parse_routes6,
)
from netwatch_tray.errors import CollectError, ParseError

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.mark.odd_rows
@given(st.binary(max_size=200) | st.text("cpu 0123456789-:\n\tMemTotal", max_size=200).map(str.encode))
@pytest.mark.parametrize(
    "parse",
    [
        system.parse_stat,
        system.parse_meminfo,
        system.parse_cpu_model,
        parse_mounts,
        parse_process_stat,
        parse_routes,
        parse_routes6,
        lambda content: disks.parse_diskstats(content, {"sda"}),
        health.parse_route_get,
        health.parse_resolv_conf,
    ],
)
def test_any_content_is_parsed_or_raises_parse_error(parse: Callable[[bytes], Any], content: bytes) -> None:
    with suppress(ParseError):
        parse(content)


def test_cpu_percentages_are_shares_of_elapsed_jiffies() -> None:
    before = system.parse_stat(b"cpu  100 0 50 800 50 0 0 0 30 0\ncpu0 100 0 50 800 50 0 0 0 30 0\nintr 1\n")
    now = system.parse_stat(b"cpu  150 0 75 850 75 0 0 0 60 0\ncpu0 150 0 75 850 75 0 0 0 60 0\nintr 1\n")
    assert system.usage(before, now) == (50.0, 50.0)  # 75 of 150; what guests used is in user already
    assert system.usage((), now) == ()
    assert system.usage(now, now) == ()


@linux
def test_memory_equals_psutil() -> None:
    found, expected = system.ProcReadings().memory(), psutil.virtual_memory()
    assert found.total == expected.total
    assert found.available == pytest.approx(expected.available, rel=0.05)
    assert found.swap_total == psutil.swap_memory().total


@linux
def test_a_busy_processor_raises_its_percentage() -> None:
    source = system.SystemSource()
    assert source.sample().cpu_pct is None
    end = time.process_time() + 0.3
    while time.process_time() < end:
        pass
    load = os.getloadavg()
    found = source.sample()
    assert found.load in {load, os.getloadavg()}  # the kernel computes it every 5 s
    assert found.cpu_pct is not None
    assert found.cpu_pct > 10
    assert found.cpu_per_core is not None
    assert len(found.cpu_per_core) == psutil.cpu_count()
    assert all(0 <= each <= 100 for each in found.cpu_per_core)


def test_memory_size_is_read_by_psutil_without_proc() -> None:
    source = system.SystemSource(system._PsutilReadings())
    source.sample()
    assert source.sample().memory.total == psutil.virtual_memory().total


def test_each_file_system_is_listed_once_and_the_root_always() -> None:
    mounts = parse_mounts(
        b"overlay / overlay rw 0 0\nproc /proc proc rw 0 0\n/dev/sda1 /data\\040disk ext4 rw 0 0\n"
        b"/dev/sda1 /bind ext4 rw 0 0\n/dev/loop3 /snap/x squashfs ro 0 0\n/dev/loop4 /image ext4 rw 0 0\n"
        b"/dev/mapper/vg-home /home btrfs rw 0 0\nserver:/x /net nfs rw 0 0\n"
    )
    assert [(each.device, each.point) for each in disks.real(mounts)] == [
        ("overlay", "/"),
        ("/dev/sda1", "/data disk"),
        ("/dev/mapper/vg-home", "/home"),
    ]


def test_only_whole_disks_are_counted() -> None:
    row = "   8   0 {} 10 0 {} 0 20 0 {} 0 0 0 0"
    content = "\n".join(
        row.format(name, read, written)
        for name, read, written in (("sda", 100, 10), ("sda1", 90, 9), ("dm-0", 80, 8), ("md0", 1, 1), ("loop0", 5, 5))
    )
    assert disks.parse_diskstats(content.encode(), {"sda", "dm-0", "md0", "loop0"}) == disks.Traffic(51200, 5120)
    assert disks.parse_diskstats(b"", {"sda"}) is None


@linux
@needs_root_file_system
def test_disk_usage_equals_df() -> None:
    (root,) = [each for each in disks.usages() if each.point == "/"]
    said = (
        subprocess.run(["df", "-B1", "--output=size,used,avail,pcent", "/"], capture_output=True, text=True, check=True)
        .stdout.splitlines()[1]
        .split()
    )
    assert root.total == int(said[0])
    assert root.used == pytest.approx(int(said[1]), rel=0.01)
    assert root.available == pytest.approx(int(said[2]), rel=0.01)
    assert root.percent == pytest.approx(int(said[3].rstrip("%")), abs=1.1)
    assert shutil.disk_usage("/").total == root.total


@linux
def test_process_facts_equal_psutil() -> None:
    found, expected = process_facts.read_facts(os.getpid()), psutil.Process()
    assert found is not None
    assert (found.parent, found.user, found.executable) == (expected.ppid(), expected.username(), expected.exe())
    assert found.started == pytest.approx(expected.create_time(), abs=1.5)
    assert found.virtual_bytes == pytest.approx(expected.memory_info().vms, rel=0.2)
    assert found.rss_bytes == pytest.approx(expected.memory_info().rss, rel=0.2)
    assert found.cpu_s == pytest.approx(sum(expected.cpu_times()[:2]), abs=1)
    assert process_facts.read_facts(2**22 + 1) is None
    other = process_facts._read_psutil(os.getpid())
    assert other is not None
    assert (other.name, other.parent) == (found.name, found.parent)


def test_a_process_name_may_contain_parentheses() -> None:
    content = b"7 (a) b) S 1 7 7 0 -1 0 0 0 0 0 300 100 0 0 20 0 1 0 500 8192 2 0"
    found = parse_process_stat(content)
    assert (found.name, found.parent, found.state, found.virtual_bytes) == ("a) b", 1, "S", 8192)
    assert (found.pid, found.cpu_ticks, found.start_ticks, found.resident_pages) == (7, 400, 500, 2)


def test_the_default_route_with_the_lowest_metric_is_the_gateway() -> None:
    head = b"Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n"
    gateway = f"{int.from_bytes(socket.inet_aton('192.0.2.1'), sys.byteorder):08X}".encode()
    other = f"{int.from_bytes(socket.inet_aton('192.0.2.9'), sys.byteorder):08X}".encode()
    rows = (
        b"ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n"
        b"wlan0\t00000000\t" + other + b"\t0003\t0\t0\t600\t00000000\t0\t0\t0\n"
        b"eth0\t00000000\t" + gateway + b"\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
    )
    best = default_gateway(parse_routes(head + rows))
    assert best is not None
    assert best.next_hop == "192.0.2.1"
    assert default_gateway(parse_routes(head)) is None
    zeros = b"0" * 32
    row6 = zeros + b" 00 " + zeros + b" 00 fe80000000000000000000000000000a 00000400 1 0 00000003 eth0\n"
    (best,) = parse_routes6(row6)
    assert best.next_hop == "fe80::a%eth0"
    assert health.parse_route_get(b"   route to: default\n    gateway: 192.0.2.1\n") == "192.0.2.1"
    assert health.parse_route_get(b"    gateway: link#7\n") is None


def test_nameservers_of_resolv_conf_are_parsed() -> None:
    content = b"# nameserver 9.9.9.9\nnameserver 192.0.2.53\nnameserver fe80::1%eth0\nnameserver nonsense\nsearch x\n"
    assert health.parse_resolv_conf(content) == ["192.0.2.53", "fe80::1%eth0"]


def test_internet_checksum_equals_the_example_of_rfc_1071() -> None:
    assert health.checksum(bytes.fromhex("0001f203f4f5f6f7")) == ~0xDDF2 & 0xFFFF  # the example of RFC 1071


@contextmanager
def dns_server(answers: bool) -> Iterator[tuple[int, list[bytes]]]:
    """Run a DNS server on the loopback. Yield its port and the queries that it received."""
    asked: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                question, sender = listener.recvfrom(512)
                if question == b"end":
                    return
                asked.append(question)
                if answers:
                    listener.sendto(b"noise", sender)
                    listener.sendto(question[:2] + b"\x81\x82" + question[4:], sender)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], asked
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ender:
            ender.sendto(b"end", listener.getsockname())
        thread.join()


def test_the_dns_probe_is_a_valid_query_without_private_data(monkeypatch: pytest.MonkeyPatch) -> None:
    with dns_server(answers=True) as (port, asked):
        found = health.HealthSource(lambda: None, lambda: "127.0.0.1", port).probe()
    assert found.gateway is None
    assert found.dns is not None
    assert found.dns.loss == 0.0
    assert found.dns.rtt_s is not None
    assert 0 < found.dns.rtt_s < 1
    assert len(asked) == 3
    for question in asked:
        assert struct.unpack("!HHHHH", question[2:12]) == (0x0100, 1, 0, 0, 0)
        assert question[12:] == b"\0\0\2\0\1"  # ". NS IN"
    monkeypatch.setattr(health, "_TIMEOUT", 0.05)
    with dns_server(answers=False) as (port, _):
        found = health.HealthSource(lambda: None, lambda: "127.0.0.1", port).probe()
    assert found.dns == health.Reachability("127.0.0.1", None, 1.0)


IN_NAMESPACE = """
import sys
from netwatch_tray.collect import health
health._TIMEOUT = 0.3
source = health.HealthSource(dns_server=lambda: None)
for line in sys.stdin:
    found = source.probe().gateway
    print(repr(found and tuple(found)), flush=True)
"""


@linux
def test_the_gateway_is_pinged_and_one_that_never_responds_has_no_loss() -> None:
    """Uses network namespaces; needs root."""
    with wire() as network:
        network.run(network.near, "sysctl", "-qw", "net.ipv4.ping_group_range=0 2147483647")
        quiet = "net.ipv4.icmp_echo_ignore_all"
        network.run(network.far, "sysctl", "-qw", f"{quiet}=1")
        process = network.python(network.near, IN_NAMESPACE)
        assert process.stdin is not None
        assert process.stdout is not None

        def probe() -> tuple[str, float | None, float | None] | None:
            print(file=process.stdin, flush=True)
            found: tuple[str, float | None, float | None] | None = eval(process.stdout.readline())  # type: ignore[union-attr]  # noqa: S307  its own repr
            return found

        silent = probe()
        assert silent is not None
        assert silent[0] == FAR
        assert silent[1] is not None, "the refused TCP connection is an answer"
        assert silent[2] is None, "it never answered a ping: that is no loss"
        network.run(network.far, "sysctl", "-qw", f"{quiet}=0")
        answering = probe()
        assert answering is not None
        assert answering[2] == 0.0
        assert answering[1] is not None
        network.run(network.far, "sysctl", "-qw", f"{quiet}=1")
        assert probe() == (FAR, None, 1.0)
        network.run(network.near, "ip", "route", "delete", "default")
        network.run(network.near, "ip", "-6", "route", "delete", "default")
        assert probe() is None
        process.stdin.close()
        assert process.wait(60) == 0
        process.stdout.close()
        assert inside(network.near)


def test_a_missing_proc_raises_collect_error(tmp_path: Path) -> None:
    with pytest.raises(CollectError, match="cannot be read"):
        system.ProcReadings(str(tmp_path)).memory()
