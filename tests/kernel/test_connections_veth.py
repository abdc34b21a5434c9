"""Known bytes over a wire between two network namespaces: each is counted, with its owner."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import nobody
import pytest
from desktop import wait_for
from networks import FAR, FAR6, Wire, entered, inside as enter, wire

from netwatch_tray.collect.linux.process_map import ProcessMap
from netwatch_tray.collect.linux.sock_diag import SockDiagSource
from netwatch_tray.engine.apps import UNSEEN_KEY
from netwatch_tray.engine.connections import ConnectionTable
from netwatch_tray.engine.ledger import reconcile
from netwatch_tray.model import App, Connection, Traffic

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")

_LARGE = 10**7 + 19
_SERVERS = {"4": FAR, "6": FAR6}


@pytest.fixture
def link() -> Iterator[Wire]:
    with wire() as made:
        yield made


class Observer:
    """A source and a table in one namespace."""

    def __init__(self, namespace: str) -> None:
        with entered(namespace):
            self.source = SockDiagSource()
        self.table = ConnectionTable(ProcessMap())
        self.update()

    def update(self) -> None:
        self.table.update(self.source.read())
        while self.table.search(1):
            pass

    def row(self, found: socket.socket) -> Connection:
        address, port = found.getsockname()[:2]
        return next(
            row
            for row in self.table.rows()
            if (row.local_address, row.local_port, row.state != "LISTEN") == (address, port, True)
        )

    def apps(self) -> dict[str, App]:
        self.table.update(self.source.read())  # names what was attributed since
        return {app.key: app for app in self.table.apps()}

    def totals(self) -> Traffic:
        """Return the bytes of the only app, closed connections included."""
        apps = self.apps().values()
        assert len(apps) <= 1
        return Traffic(sum(app.rx_bytes for app in apps), sum(app.tx_bytes for app in apps))


@pytest.fixture
def observers(link: Wire) -> Iterator[tuple[Observer, Observer]]:
    made = [Observer(link.near), Observer(link.far)]
    yield made[0], made[1]
    for each in made:
        each.source.close()


@contextmanager
def connection(link: Wire, family: str) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Yield both ends of a connection over the wire."""
    kind = socket.AF_INET if family == "4" else socket.AF_INET6
    with entered(link.far):
        server = socket.create_server((_SERVERS[family], 0), family=kind)
    with server, entered(link.near):
        client = socket.create_connection(server.getsockname()[:2])
        accepted = server.accept()[0]
    with client, accepted:
        yield client, accepted


def send(source: socket.socket, target: socket.socket, count: int) -> None:
    """Send `count` bytes, and wait until they are read."""
    sender = threading.Thread(target=source.sendall, args=(bytes(count),))
    sender.start()
    left = count
    while left:
        left -= len(target.recv(min(left, 1 << 20)))
    sender.join()


@pytest.mark.parametrize("family", ["4", "6"])
@pytest.mark.parametrize(("up", "down"), [(0, 0), (1, 0), (0, 1), (_LARGE, 1), (1, _LARGE)])
def test_bytes_of_a_connection_equal_the_payload_sent(
    link: Wire, observers: tuple[Observer, Observer], family: str, up: int, down: int
) -> None:
    here, there = observers
    with connection(link, family) as (client, accepted):
        here.update()
        there.update()
        send(client, accepted, up)
        send(accepted, client, down)
        here.update()
        there.update()
        near, far = here.row(client), there.row(accepted)
        assert (near.rx_bytes, near.tx_bytes) == (down, up)
        assert (far.rx_bytes, far.tx_bytes) == (up, down)
        elapsed = here.table.interval.elapsed_s
        assert elapsed is not None
        assert near.rx_rate == pytest.approx(down / elapsed)
        assert near.tx_rate == pytest.approx(up / elapsed)
        assert near.pid == os.getpid()
        assert near.process
    assert here.totals() == Traffic(down, up)
    assert there.totals() == Traffic(up, down)


def test_half_closed_connection_has_exact_bytes(link: Wire, observers: tuple[Observer, Observer]) -> None:
    here, there = observers
    with connection(link, "4") as (client, accepted):
        send(client, accepted, 1000)
        client.shutdown(socket.SHUT_WR)
        assert accepted.recv(1) == b""
        for each in observers:
            each.update()
        send(accepted, client, 500)
        for each in observers:
            each.update()
        assert there.row(accepted).state == "CLOSE_WAIT"
        assert there.row(accepted).rx_bytes == 1000
    assert here.totals() == Traffic(500, 1000)
    assert there.totals() == Traffic(1000, 500)


def test_thousand_short_connections_lose_no_byte(link: Wire, observers: tuple[Observer, Observer]) -> None:
    """The listener's bytes belong to its app, those of the callers to "Exited before seen", and a connection that stays
    open keeps its own."""
    here, there = observers
    up = down = 0
    with connection(link, "4") as (client, accepted), entered(link.far):
        server = socket.create_server((FAR6, 0), family=socket.AF_INET6, backlog=64)
        with server:
            here.update()
            there.update()
            for number in range(1000):
                with entered(link.near):
                    passing = socket.create_connection(server.getsockname()[:2])
                taken = server.accept()[0]
                send(passing, taken, number)
                send(taken, passing, 3 * number)
                up, down = up + number, down + 3 * number
                for each in (passing, taken) if number % 2 else (taken, passing):
                    each.close()
                if number % 100 == 99:  # as the agent does when the descriptor becomes readable
                    for observer in observers:
                        observer.source.catch_up()
            send(client, accepted, 12345)

            def all_reported() -> bool:
                """A queue of the kernel sends its messages about destroyed sockets later than it destroys them."""
                for observer in observers:
                    observer.update()
                received = [sum(app.rx_bytes for app in observer.apps().values()) for observer in observers]
                return received[0] >= down and received[1] >= up + 12345

            wait_for(all_reported, 10, "all sockets are reported")
            assert here.row(client).tx_bytes == 12345
            theirs, ours = there.apps(), here.apps()
    assert sum(app.rx_bytes for app in theirs.values()) == up + 12345
    assert sum(app.tx_bytes for app in theirs.values()) == down
    assert len(theirs) == 1  # this process listens there
    (own,) = (app for key, app in ours.items() if key != UNSEEN_KEY)
    assert (own.rx_bytes, own.tx_bytes) == (0, 12345)
    assert (ours[UNSEEN_KEY].rx_bytes, ours[UNSEEN_KEY].tx_bytes) == (down, up)


def test_apps_and_remainder_equal_the_interface_bytes(link: Wire, observers: tuple[Observer, Observer]) -> None:
    here, _ = observers

    def carried() -> Traffic:
        counters = link.counters()
        return Traffic(counters["rx_bytes"], counters["tx_bytes"])

    before = carried()
    with connection(link, "4") as (client, accepted), entered(link.near):
        send(client, accepted, 50_000)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            for _ in range(10):
                datagrams.sendto(bytes(1000), (FAR, 9))
        here.update()
        interval = here.table.interval
    uplink = carried().minus(before)
    result = reconcile(uplink, interval, None)
    assert result.tcp.tx == 50_000
    assert result.ahead == (0, 0)
    assert result.other.tx == uplink.tx - 50_000
    assert result.other.tx >= 10 * (1000 + 8 + 20 + 14)  # the datagrams with their headers


_AS_NOBODY = """
import json, os, socket, sys
from netwatch_tray.collect.linux.sock_diag import SockDiagSource
from netwatch_tray.engine.connections import ConnectionTable
source, table = SockDiagSource(), ConnectionTable()
table.update(source.read())
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname()); accepted = server.accept()[0]
client.sendall(b"x" * 1234)
assert accepted.recv(4096)
table.update(source.read())
while table.search(1): pass
table.update(source.read())
rows = [[r.local_port, r.state, r.pid, r.process, r.user, r.uid, r.rx_bytes, r.tx_bytes] for r in table.rows()]
print(json.dumps({"pid": os.getpid(), "port": server.getsockname()[1], "rows": rows}))
"""


def test_without_privileges_all_sockets_are_listed_and_the_users_have_a_process(link: Wire) -> None:
    with connection(link, "4") as (client, accepted):
        send(client, accepted, 77)
        command = [*enter(link.near), *nobody.python(_AS_NOBODY)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        seen = json.loads(done.stdout)
        by_port = {row[0]: row for row in seen["rows"] if row[1] == "ESTABLISHED"}
        other = by_port[client.getsockname()[1]]
        assert other[2:] == [None, None, "root", 0, 0, 77]
        own = [row for row in seen["rows"] if row[5] == nobody.UID]
        assert {row[2] for row in own} == {seen["pid"]}
        assert all(row[3] for row in own)
        assert by_port[seen["port"]][6:] == [1234, 0]


def test_more_closed_sockets_than_the_kernel_buffers_are_reported(
    link: Wire, observers: tuple[Observer, Observer]
) -> None:
    here, _ = observers
    here.source._events.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    for _ in range(50):  # the kernel reports closed sockets from a queue of its own, on a busy machine later
        for _ in range(100):
            with connection(link, "4"):
                pass
        if here.source.read().overrun:
            break
    else:
        pytest.fail("5000 closed sockets fit into the smallest buffer")
    assert any(not here.source.read().overrun for _ in range(50))
