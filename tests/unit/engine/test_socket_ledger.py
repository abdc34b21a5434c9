"""Whatever sockets, kernel and programs do in any order, no byte is counted twice or lost, and no amount
is negative."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sock_diag_messages import CGROUP, DONE, confirm, message, tcp_info

from netwatch_tray.collect.helper_readings import Losses, Reading, TcpEnd
from netwatch_tray.collect.linux.sock_diag import SocketTable
from netwatch_tray.collect.process import Process
from netwatch_tray.collect.sockets import Changes, Socket, SocketSample, add_row
from netwatch_tray.engine.app_hosts import AppHosts
from netwatch_tray.engine.apps import SEARCHING_KEY
from netwatch_tray.engine.connections import ConnectionTable
from netwatch_tray.engine.ledger import AppInterval, Reconciliation, reconcile
from netwatch_tray.engine.streams import Streams
from netwatch_tray.kinds import TcpState
from netwatch_tray.model import Traffic

ESTABLISHED, FIN_WAIT_2, TIME_WAIT, CLOSED, CLOSE_WAIT, LAST_ACK, LISTEN, CLOSING = 1, 5, 6, 7, 8, 9, 10, 11
SERVER_PORT = 443
OWNERS = [None, *(Process(pid=pid, name=f"p{pid}", executable=f"/opt/p{pid}/p{pid}") for pid in (50, 51))]


class LateFinder:
    """A finder that returns owners when the test permits it."""

    is_searching = False

    def __init__(self) -> None:
        self.asked: dict[str, None] = {}
        self.answers: dict[str, Process | None] = {}

    def look_for(self, sockets: Mapping[str, Socket]) -> None:
        self.asked.update(dict.fromkeys(sockets))

    def forget(self, keys: Mapping[str, Socket]) -> None:
        for key in keys:
            self.asked.pop(key, None)
            self.answers.pop(key, None)

    def search(self, _budget_s: float) -> Mapping[str, Process | None]:
        answers, self.answers = self.answers, {}
        return answers

    def ended(self, pids: Iterable[int]) -> set[int]:  # noqa: ARG002
        return set()

    def process(self, _pid: int) -> Process | None:
        return None

    def unit(self, _cgroup: int) -> str | None:
        return None

    def user(self, uid: int) -> str:
        return str(uid)


class KernelSocket:
    """A connection: what the kernel keeps of it, and its true payload."""

    def __init__(self, port: int, inode: int) -> None:
        self.port, self.inode = port, inode
        self.cookie: int | None = None
        self.state = ESTABLISHED
        self.received = self.sent = 0
        """The kernel's counters; `received` counts the peer's FIN."""
        self.has_fin = False
        self.is_listed = True
        """In dumps. A closed socket is not, and exists until its program lets go of it."""


class Connections(RuleBasedStateMachine):
    """A kernel that opens, closes, resets and lists sockets, and an agent that reads them."""

    def __init__(self) -> None:
        super().__init__()
        self.cookies = itertools.count(1)
        self.inodes = itertools.count(100)
        self.sockets: list[KernelSocket] = []
        self.remains: list[KernelSocket] = []
        """TIME_WAIT sockets, and FIN_WAIT_2 without a program."""
        self.waiting: list[bytes] = []
        """Messages about destroyed sockets that were not delivered yet."""
        self.rx = self.tx = 0
        """Payload since the first reading."""
        self.slack = 0
        """Sockets that ended: each may be a byte low."""
        self.forgotten_rx = self.forgotten_tx = 0
        """Payload of sockets whose counters the kernel set to 0."""
        self.boottime = 100.0
        self.netlink = SocketTable()
        self.finder = LateFinder()
        self.app_hosts = AppHosts(lambda: 1.7e9 + self.boottime)
        self.table = ConnectionTable(self.finder, now=lambda: 1.7e9, app_hosts=self.app_hosts)
        self.sums: Counter[str] = Counter()
        self.processes: Counter[int] = Counter()
        self.rows: dict[str, tuple[int, int]] = {}
        self.reconciled: Reconciliation | None = None

    @initialize(count=st.integers(0, 3), moved=st.integers(0, 5000))
    def begin(self, count: int, moved: int) -> None:
        for port in range(count):
            self.open(port)
            self.sockets[-1].received = self.sockets[-1].sent = moved
        self.read(skipped=0, delivered=0)

    @rule(port=st.integers(0, 3))
    def open(self, port: int) -> None:
        self.sockets.append(KernelSocket(5000 + port, next(self.inodes)))

    @precondition(lambda self: self.sockets)
    @rule(which=st.integers(0, 99), rx=st.integers(0, 10**6), tx=st.integers(0, 10**6))
    def transfer(self, which: int, rx: int, tx: int) -> None:
        found = self.pick(which)
        if found.state in {ESTABLISHED, FIN_WAIT_2}:
            found.received += rx
            self.rx += rx
        if found.state in {ESTABLISHED, CLOSE_WAIT}:
            found.sent += tx
            self.tx += tx

    @precondition(lambda self: self.sockets)
    @rule(which=st.integers(0, 99))
    def peer_closes(self, which: int) -> None:
        self.end_by_peer(self.pick(which))

    def end_by_peer(self, found: KernelSocket) -> None:
        if found.state == ESTABLISHED:
            found.state = CLOSE_WAIT
            self.count_fin(found)
        elif found.state == FIN_WAIT_2:  # the rest is left to a TIME_WAIT socket
            self.count_fin(found)
            self.leave_remains(found, TIME_WAIT)
            self.close(found)

    @precondition(lambda self: self.sockets)
    @rule(which=st.integers(0, 99))
    def program_shuts(self, which: int) -> None:
        found = self.pick(which)
        if found.state == ESTABLISHED:
            found.state = FIN_WAIT_2
        elif found.state == CLOSE_WAIT:
            found.state = LAST_ACK

    @precondition(lambda self: self.sockets)
    @rule(which=st.integers(0, 99))
    def both_close_at_once(self, which: int) -> None:
        found = self.pick(which)
        if found.state == ESTABLISHED:
            found.state = CLOSING
            self.count_fin(found)

    @precondition(lambda self: self.sockets)
    @rule(which=st.integers(0, 99), with_fin=st.booleans())
    def program_closes(self, which: int, with_fin: bool) -> None:
        """Close a socket. `with_fin`: the peer's FIN arrives with the acknowledgement of ours."""
        found = self.pick(which)
        if found.state in {ESTABLISHED, FIN_WAIT_2}:
            if with_fin:
                self.count_fin(found)
            self.leave_remains(found, TIME_WAIT if with_fin else FIN_WAIT_2)
        self.destroy(found)

    @precondition(lambda self: self.sockets)
    @rule(which=st.integers(0, 99))
    def peer_resets(self, which: int) -> None:
        """Reset a connection; its program does not notice yet."""
        self.close(self.pick(which))

    @precondition(lambda self: self.sockets)
    @rule(which=st.integers(0, 99))
    def program_aborts(self, which: int) -> None:
        found = self.pick(which)
        self.close(found, is_aborted=True)
        found.received = found.sent = 0
        self.destroy(found)

    @precondition(lambda self: self.remains)
    @rule(which=st.integers(0, 99))
    def remains_end(self, which: int) -> None:
        """End a TIME_WAIT or FIN_WAIT_2 socket: its time is over, or data after our FIN caused a reset."""
        self.remains.pop(which % len(self.remains))

    @rule(
        skipped=st.integers(0, 255),
        ending=st.integers(0, 255),
        delivered=st.integers(0, 99),
        after=st.sampled_from([0.1, 1.0, 10.0, 1000.0]),
    )
    def read(self, skipped: int, delivered: int, ending: int = 0, after: float = 1.0, *, is_last: bool = False) -> None:
        """`skipped`: bits of the sockets that the dump leaves out. `ending`: of those whose state the dump reads before
        the peer's FIN comes, and whose counters after that. `delivered`: messages that have arrived."""
        self.boottime += after
        rows = []
        for place, found in enumerate([*self.sockets, *self.remains]):
            if found.is_listed and not skipped >> place & 1:
                state = found.state
                if found in self.sockets and ending >> place & 1:
                    self.end_by_peer(found)
                rows.append(self.row(found, state))
        self.netlink.begin()
        self.netlink.take(memoryview(b"".join(rows) + DONE))
        listed = [each for each in [*self.sockets, *self.remains] if each.is_listed]
        confirm(self.netlink, {each.cookie: each.state for each in listed if each.cookie is not None})
        count = len(self.waiting) if is_last else min(delivered, len(self.waiting))
        for each in self.waiting[:count]:
            self.netlink.take_destroyed(memoryview(each))
        del self.waiting[:count]
        changed, removed = self.netlink.changes()
        sample = SocketSample(
            self.boottime,
            {f"{key:x}": each for key, each in changed.items()},
            {f"{key:x}": each for key, each in removed.items()},
            ended={f"{key:x}": self.boottime for key in self.netlink.take_ended()},
        )
        self.table.update(self.completed(sample, is_last=is_last), is_last=is_last)
        self.check_interval(self.table.interval)

    @rule(which=st.integers(0, 99), owner=st.sampled_from(OWNERS))
    def owner_is_found(self, which: int, owner: Process | None) -> None:
        asked = list(self.finder.asked)
        if asked:
            key = asked[which % len(asked)]
            del self.finder.asked[key]
            self.finder.answers[key] = owner
            self.table.search(0.01)

    @invariant()
    def nothing_is_counted_that_did_not_move(self) -> None:
        apps = self.table.apps()
        assert sum(app.rx_bytes for app in apps) <= self.rx
        assert sum(app.tx_bytes for app in apps) <= self.tx
        for app in apps:
            assert min(app.rx_bytes, app.tx_bytes, app.rx_rate or 0, app.tx_rate or 0, app.connections) >= 0

    def teardown(self) -> None:
        for found in [*self.sockets]:
            self.destroy(found)
        self.remains.clear()
        for _ in range(3):
            self.read(skipped=0, delivered=99)
        self.read(skipped=0, delivered=99, is_last=True)
        apps = self.table.apps()
        assert SEARCHING_KEY not in {app.key for app in apps}
        assert self.table.interval.held == Traffic()
        rx, tx = sum(app.rx_bytes for app in apps), sum(app.tx_bytes for app in apps)
        assert self.rx - self.slack - self.forgotten_rx <= rx <= self.rx
        assert self.tx - self.forgotten_tx <= tx <= self.tx
        assert {app.key: app.rx_bytes + app.tx_bytes for app in apps} == dict(self.sums)
        hosts = {app.key: self.app_hosts.of(app.key) for app in apps}
        assert {app: sum(each.rx_bytes + each.tx_bytes for each in found) for app, found in hosts.items()} == self.sums

    def pick(self, which: int) -> KernelSocket:
        return self.sockets[which % len(self.sockets)]

    def count_fin(self, found: KernelSocket) -> None:
        found.received += 1
        found.has_fin = True

    def completed(self, sample: SocketSample, *, is_last: bool) -> SocketSample:  # noqa: ARG002
        return sample

    def close(self, found: KernelSocket, *, is_aborted: bool = False) -> None:
        """The kernel closes a socket; its program may still hold it."""
        found.state, found.is_listed = CLOSED, False
        self.note_end(found, is_aborted=is_aborted)

    def note_end(self, found: KernelSocket, *, is_aborted: bool) -> None:
        self.may_miss(found.received, found.sent, is_aborted=is_aborted)

    def may_miss(self, received: int, sent: int, *, is_aborted: bool) -> None:
        self.slack += 1
        if is_aborted:
            self.forgotten_rx += received
            self.forgotten_tx += sent

    def leave_remains(self, found: KernelSocket, state: int) -> None:
        """Replace a connection by a small socket, with its cookie if it had one."""
        rest = KernelSocket(found.port, 0)
        rest.cookie, rest.state = found.cookie, state
        self.remains.append(rest)

    def destroy(self, found: KernelSocket) -> None:
        self.sockets.remove(found)
        if found.state != CLOSED:
            self.close(found)
        info = tcp_info(found.received, found.sent)
        ports = (found.port, SERVER_PORT)
        cookie = found.cookie or next(self.cookies)
        self.waiting.append(message(cookie, CLOSED, kind=20, info=info, ports=ports, inode=0, uid=0, before=()))

    def row(self, found: KernelSocket, state: int) -> bytes:
        found.cookie = found.cookie or next(self.cookies)
        ports = (found.port, SERVER_PORT)
        if not found.inode:
            return message(found.cookie, state, ports=ports, inode=0, uid=0, before=())
        info = tcp_info(found.received, found.sent)
        return message(found.cookie, state, info=info, ports=ports, inode=found.inode, before=(CGROUP,))

    def check_interval(self, interval: AppInterval) -> None:
        assert SEARCHING_KEY not in interval.amounts
        for key, (_, traffic) in interval.amounts.items():
            self.sums[key] += sum(traffic)
        for pid, traffic in interval.processes.items():
            self.processes[pid] += sum(traffic)
        apps = {app.key: app for app in self.table.apps()}
        booked = {key: app.rx_bytes + app.tx_bytes for key, app in apps.items() if key != SEARCHING_KEY}
        assert {key: count for key, count in booked.items() if count} == dict(self.sums)
        for owner in OWNERS[1:]:
            assert owner is not None
            assert self.processes[owner.pid] == booked.get(f"executable:{owner.executable}", 0)
        searching = apps.get(SEARCHING_KEY)
        assert interval.held == ((searching.rx_bytes, searching.tx_bytes) if searching else (0, 0))
        before, result = self.reconciled, reconcile(Traffic(10**9, 10**9), interval, self.reconciled)
        held, ahead = (before.held, before.ahead) if before else (Traffic(), Traffic())
        for way in range(2):
            booked_now = sum(traffic[way] for _, traffic in interval.amounts.values())
            explained = ahead[way] + booked_now + result.other[way] + result.held[way]
            assert 10**9 + result.ahead[way] + held[way] == explained
        self.reconciled = result
        for row in self.table.rows():
            if row.rx_bytes is not None and row.tx_bytes is not None:
                rx, tx = self.rows.get(row.key, (0, 0))
                assert row.rx_bytes >= rx
                assert row.tx_bytes >= tx
                self.rows[row.key] = row.rx_bytes, row.tx_bytes


Connections.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestConnections = Connections.TestCase


class ConnectionsWithHelper(Connections):
    """The same machine with a helper that reports the ends of connections while it runs and its ring has room."""

    def __init__(self) -> None:
        super().__init__()
        self.streams = Streams()
        self.runs = True
        self.ring: list[tuple[KernelSocket, TcpEnd, bool]] = []
        self.helper_read_at = self.boottime

    @initialize()
    def connect_helper(self) -> None:
        self.helper_is_read()
        self.helper_is_read()

    def open(self, port: int) -> None:
        super().open(port)
        if port % 2:  # the helper saw the program make the socket
            self.sockets[-1].cookie = next(self.cookies)

    def completed(self, sample: SocketSample, *, is_last: bool) -> SocketSample:
        if is_last or self.boottime - self.helper_read_at >= 10:  # the agent never waits longer
            self.helper_is_read()
        return self.streams.merge(sample, self.listed, lambda *_: False, is_last=is_last)

    def listed(self, key: str) -> Socket | None:
        entry = self.table.entry(key)
        return None if entry is None else entry.found

    def note_end(self, found: KernelSocket, *, is_aborted: bool) -> None:
        found.cookie = found.cookie or next(self.cookies)
        rx = found.received - found.has_fin
        end = TcpEnd("192.0.2.7", found.port, "198.51.100.1", SERVER_PORT, rx, found.sent, is_here=True)
        self.ring.append((found, end, is_aborted))
        if not self.runs:
            self.ring_is_full()

    @rule()
    def helper_is_read(self) -> None:
        self.helper_read_at = self.boottime
        if self.runs:
            ends = {found.cookie: end for found, end, _ in self.ring if found.cookie is not None}
            self.ring.clear()
            nothing = Losses(0, 0, 0, 0, 0)
            self.streams.count(Reading(self.boottime, self.boottime, {}, {}, (), nothing, (), ends))

    @rule()
    def ring_is_full(self) -> None:
        for _, end, is_aborted in self.ring:
            self.may_miss(end.rx_bytes, end.tx_bytes, is_aborted=is_aborted)
        self.ring.clear()

    @rule()
    def helper_is_killed(self) -> None:
        self.ring_is_full()
        self.runs = False
        self.streams.stop()

    @rule()
    def helper_is_restarted(self) -> None:
        """Restart the helper. The client reads as soon as it has received the greeting."""
        self.runs = True
        self.helper_is_read()


ConnectionsWithHelper.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestConnectionsWithHelper = ConnectionsWithHelper.TestCase


def test_connection_missing_in_every_other_reading_is_counted_once() -> None:
    """The connection is in TIME_WAIT and held for the helper. It is removed without having been listed again."""
    state = ConnectionsWithHelper()
    state.begin(count=2, moved=1)
    state.connect_helper()
    state.program_shuts(which=0)
    state.peer_closes(which=0)
    for skipped in (0, 4, 0, 4):
        state.read(skipped=skipped, delivered=0, after=0.1)
    state.teardown()


AMOUNTS = st.none() | st.tuples(st.integers(0, 2**40), st.integers(0, 2**40))


@given(
    st.lists(st.tuples(AMOUNTS, AMOUNTS), min_size=2, max_size=12),
    st.sampled_from([TcpState.ESTABLISHED, TcpState.CLOSED, None]),
)
def test_non_monotonic_source_never_decreases_amounts(
    readings: list[tuple[tuple[int, int] | None, ...]], state: TcpState | None
) -> None:
    """The bytes of a socket are its highest counters, whatever was read in between and however often it was missing."""
    table, changes = ConnectionTable(LateFinder(), now=lambda: 1.7e9), Changes()
    for place, reading in enumerate(readings):
        sockets = {
            str(key): Socket(
                protocol="TCP",
                local_address="192.0.2.7",
                local_port=key,
                state=state,
                rx_bytes=each[0],
                tx_bytes=each[1],
            )
            for key, each in enumerate(reading)
            if each is not None
        }
        table.update(changes.since_last(100.0 + place, sockets), is_monotonic=False)
        assert all(app.rx_rate is None or app.rx_rate >= 0 for app in table.apps())
    for way, total in enumerate((sum(a.rx_bytes for a in table.apps()), sum(a.tx_bytes for a in table.apps()))):
        expected = 0
        for key in range(2):
            values = [reading[key][way] for reading in readings if reading[key] is not None]  # type: ignore[index]
            start = readings[0][key][way] if readings[0][key] is not None else 0  # type: ignore[index]
            expected += max([start, *values]) - start
        assert total == expected


def test_a_gigabyte_is_not_counted_again_when_its_socket_is_left_out_of_one_reading() -> None:
    table, changes = ConnectionTable(LateFinder(), now=lambda: 1.7e9), Changes()
    old = Socket(protocol="TCP", local_address="192.0.2.7", local_port=1, rx_bytes=10**9, tx_bytes=0)
    for place, sockets in enumerate([{"a": old}, {}, {"a": old}]):
        table.update(changes.since_last(100.0 + 2 * place, sockets), is_monotonic=False)
    assert sum(app.rx_bytes for app in table.apps()) == 0
    assert [row.rx_rate for row in table.rows()] == [0.0]


def test_rows_with_one_key_are_one_socket() -> None:
    sockets: dict[str, Socket] = {}
    for rx, tx in ((100, None), (800, None), (None, 5)):
        found = Socket(protocol="UDP", local_address="*", local_port=5353, rx_bytes=rx, tx_bytes=tx)
        add_row(sockets, "mdns", found)
    (found,) = sockets.values()
    assert (found.rx_bytes, found.tx_bytes) == (900, 5)


@pytest.mark.parametrize("amounts", [(-1, 0), (0, -1)])
def test_negative_traffic_raises_value_error(amounts: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="negative"):
        Traffic(*amounts)
    with pytest.raises(ValueError, match="negative"):
        Traffic(0, 0).minus(Traffic(1, 0))
    assert Traffic(3, 4) == (3, 4)
