"""Which clients may read what, what the helper is still permitted to do, and what remains when it ends."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import needs
import nobody
import pytest
from helper_service import (
    DIRECTORY,
    PATIENCE,
    Service,
    attached,
    cookie,
    make,
    need_ebpf,
    programs_of,
    python,
    reachable_copy,
    read,
    receive,
    service,
    sums,
)

from netwatch_tray.collect.helper_readings import Reading
from netwatch_tray.helper import protocol
from netwatch_tray.helper.service import _Client

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")

V4, DATAGRAM = socket.AF_INET, socket.SOCK_DGRAM
ROOT = str(Path(__file__).parents[2])
_AS_NOBODY = """
from netwatch_tray.collect.helper_client import HelperClient
client = HelperClient(sys.argv[1])
print(json.dumps({"first": client.read(20.0) is not None, "reason": client.reason and str(client.reason)}), flush=True)
for line in sys.stdin:
    query = bytes.fromhex("123401000001000000000000076578616d706c65036f72670000010001")
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.sendto(query, ("127.0.0.1", 53))
    found = client.read(20.0)
    print(json.dumps({
        "cookies": [flow.cookie for flow in found.amounts],
        "owners": list(found.owners),
        "packets": [(packet.flow.cookie, packet.uid) for packet in found.packets],
        "own": int.from_bytes(made.getsockopt(socket.SOL_SOCKET, 57, 8), sys.byteorder),
        "lost": found.losses.records,
    }), flush=True)
"""


class Other:
    """A client that runs as another user."""

    def __init__(self, helper: Service) -> None:
        environment = {**os.environ, "PYTHONPATH": ROOT}
        command = nobody.python(_AS_NOBODY, str(helper.path))
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment, cwd="/")
        self.first = self._answer()

    def read(self) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write("read\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        self._process.communicate(timeout=PATIENCE)


def memory(pid: int, what: str = "Rss") -> int:
    """Return a value of a process in /proc/PID/smaps_rollup, in bytes."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return 1024 * next(int(line.split()[1]) for line in text.splitlines() if line.startswith(f"{what}:"))


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def raw(helper: Service) -> socket.socket:
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connected.settimeout(PATIENCE)
    connected.connect(str(helper.path))
    return connected


def test_helper_gives_up_its_privileges() -> None:
    with service() as running:
        client = running.client()
        read(client)
        assert client.info is not None
        assert client.info.pid == running.process.pid
        assert client.info.is_whole_system
        lines = Path(f"/proc/{running.process.pid}/status").read_text().splitlines()
        status = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
        assert status["Uid"] == status["Gid"] == ["65534"] * 4
        assert status["Groups"] == []
        assert status["NoNewPrivs"] == ["1"]
        # Below Linux 5.19 reading needs CAP_BPF.
        kept = {"0000000000000000"} if os.uname().release >= "6" else {"0000000000000000", "0000008000000000"}
        assert {status[name][0] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} <= kept | {"0000000000000000"}
        assert Path(f"/proc/{running.process.pid}/mem").stat().st_uid == 0  # not dumpable: nobody else may trace it
        client.close()


@pytest.mark.parametrize(("capabilities", "works"), [("+bpf,+net_admin", True), ("+bpf", False), ("+net_admin", False)])
def test_two_capabilities_suffice_and_are_necessary(capabilities: str, works: bool) -> None:
    """All others are dropped, also CAP_PERFMON, without which the verifier is stricter, and the process
    is not root's."""
    need_ebpf()
    needs.programs("setpriv")
    with reachable_copy() as code:
        only = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]
        only += [f"--inh-caps={capabilities}", f"--ambient-caps={capabilities}", f"--bounding-set=-all,{capabilities}"]
        command = [*only, python(), "-I", "-S", "-B", str(code), "--check"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd="/")
    assert done.returncode == (0 if works else 1), done.stderr
    assert ("permits no eBPF programs" in done.stdout) is not works


def test_root_that_cannot_become_another_user_does_not_start() -> None:
    need_ebpf()
    needs.programs("setpriv")
    command = ["setpriv", "--bounding-set=-all,+bpf,+net_admin", python(), "-I", "-S", "-B", str(DIRECTORY), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (
        1,
        "The helper cannot give up root's privileges here, so it does not start.\n",
    )


def test_helper_ends_with_its_last_client_and_detaches() -> None:
    with service() as running:
        one = running.client()
        read(one)
        programs = programs_of(running.process.pid)
        assert len(programs) == 4
        assert programs <= attached()
        two = running.client()
        read(two)
        one.close()
        read(two)
        two.close()
        assert running.process.wait(PATIENCE) == 0
    until(lambda: not programs & attached(), "nothing is left attached")


def test_the_service_ends_if_no_client_connects() -> None:
    with service() as running:
        assert running.process.wait(30) == 0


def test_helper_killed_during_a_transfer_counts_nothing_twice() -> None:
    """The readings also show the time without a helper."""
    with (
        service() as running,
        make(None, V4, DATAGRAM, "127.0.0.1") as near,
        make(None, V4, DATAGRAM, "127.0.0.1") as far,
    ):
        client = running.client()
        readings: list[Reading] = [read(client)]

        def send(count: int) -> None:
            for _ in range(count):
                near.sendto(bytes(1000), far.getsockname())
            receive(far, 1000 * count)

        send(50)
        readings.append(read(client))
        assert readings[-1].counted_since == readings[-2].boottime
        programs = programs_of(running.process.pid)
        assert programs <= attached()
        running.process.send_signal(signal.SIGKILL)
        running.process.wait()
        until(lambda: not programs & attached(), "nothing is left attached")
        assert client.read(0.1) is None
        assert client.reason
        send(30)  # counted by nobody
        running.restart_if_ended()
        client.connect_now()
        readings.append(read(client))
        assert readings[-1].counted_since > readings[-2].boottime
        send(20)
        readings.append(read(client))
        assert sum(sums(each.amounts, near)[1] for each in readings) == 70_000
        assert sum(sums(each.amounts, far)[0] for each in readings) == 70_000
        client.close()


def test_a_second_client_gets_only_bytes_since_it_connected() -> None:
    with (
        service() as running,
        make(None, V4, DATAGRAM, "127.0.0.1") as near,
        make(None, V4, DATAGRAM, "127.0.0.1") as far,
    ):
        first = running.client()
        read(first)
        near.sendto(bytes(1000), far.getsockname())
        second = running.client()
        assert read(second).amounts == {}
        near.sendto(bytes(500), far.getsockname())
        assert sums(read(second).amounts, near)[1] == 500
        assert sums(read(first).amounts, near)[1] == 1500
        first.close()
        second.close()


def test_another_user_reads_amounts_of_all_and_records_of_its_own_sockets() -> None:
    with service(nobody.UID) as running, make(None, V4, DATAGRAM, "127.0.0.1") as near:
        root = running.client()
        read(root)
        other = Other(running)
        assert other.first == {"first": True, "reason": None}
        near.sendto(bytes.fromhex("123401000001000000000000076578616d706c65036f72670000010001"), ("127.0.0.1", 53))
        found = other.read()
        own = found["own"]
        assert {cookie(near), own} <= set(found["cookies"])
        assert own in found["owners"]
        assert [own, nobody.UID] in found["packets"]
        assert cookie(near) not in {each for each, _uid in found["packets"]}
        assert {uid for _, uid in found["packets"]} == {nobody.UID}
        everything = read(root)
        assert {cookie(near), own} <= {packet.flow.cookie for packet in everything.packets}
        assert own in everything.owners
        other.close()
        root.close()


def test_user_who_is_not_allowed_gets_the_reason() -> None:
    with service(12345) as running:
        root = running.client()
        read(root)
        other = Other(running)
        assert other.first["first"] is False
        assert "may not read" in str(other.first["reason"])
        other.close()
        read(root)
        root.close()


def test_hostile_clients_neither_stop_the_helper_nor_grow_its_memory() -> None:
    with service() as running:
        client = running.client()
        read(client)
        before = memory(running.process.pid)
        hostile = []
        for garbage in (b"", b"\0", b"x" * 12, b"x" * 60_000, protocol.READ.pack(7, 0, 0), protocol.READ.pack(1, 0, 5)):
            each = raw(running)
            with contextlib.suppress(OSError):
                each.send(garbage)
            hostile.append(each)
        hostile += [raw(running) for _ in range(100)]
        for each in hostile:  # never reading what it requests
            each.setblocking(False)
            with contextlib.suppress(OSError):
                for _ in range(2000):
                    each.send(protocol.READ.pack(protocol.READ_KIND, 0, protocol.BEGIN))
        for _ in range(20):
            read(client)
        assert len(list(Path(f"/proc/{running.process.pid}/fd").iterdir())) < 40
        assert memory(running.process.pid) < before + (1 << 20)
        for each in hostile:
            each.close()
        read(client)
        client.close()
        assert running.process.wait(PATIENCE) == 0


def test_a_client_that_stops_reading_loses_records_but_no_amounts() -> None:
    query = bytes.fromhex("1234010000010000000000000765") + bytes(1400)
    with service() as running, make(None, V4, DATAGRAM, "127.0.0.1") as near:
        slow, quick = running.client(), running.client()
        read(slow)
        read(quick)
        for _ in range(10):
            for _ in range(300):
                near.sendto(query, ("127.0.0.1", 53))
            read(quick)
        reading = read(slow)
        assert sums(reading.amounts, near)[1] == 3000 * len(query)
        mine = [packet for packet in reading.packets if packet.flow.cookie == cookie(near)]
        assert 0 < len(mine) < 3000
        assert reading.losses.records >= 3000 - len(mine)
        slow.close()
        quick.close()


def test_longest_message_fits_where_the_system_gives_sockets_small_buffers() -> None:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with near, far:
        near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 14)
        with pytest.raises(OSError, match="too long"):
            near.send(bytes(protocol.LONGEST_MESSAGE), socket.MSG_DONTWAIT)
        assert _Client(near, 0).send(bytes(protocol.LONGEST_MESSAGE))
        assert len(far.recv(2 * protocol.LONGEST_MESSAGE)) == protocol.LONGEST_MESSAGE
