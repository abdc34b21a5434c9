"""Spellings that sources share, the order of sources, and the table of connections."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import pytest

from netwatch_tray.collect import connections
from netwatch_tray.collect.process import Process, UserNames
from netwatch_tray.collect.processes import NamedProcesses
from netwatch_tray.collect.sockets import (
    Changes,
    Socket,
    SocketSample,
    numeric_address,
    numeric_endpoint,
    tcp_state,
)
from netwatch_tray.engine.app_hosts import AppHosts
from netwatch_tray.engine.connections import ConnectionTable
from netwatch_tray.engine.routes import Routes
from netwatch_tray.engine.topology import decide
from netwatch_tray.errors import Message, ParseError, UnsupportedError
from netwatch_tray.model import App, Connection, Interface


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("ESTAB", "ESTABLISHED"),
        ("Established", "ESTABLISHED"),
        ("SYN-SENT", "SYN_SENT"),
        ("SynSent", "SYN_SENT"),
        ("SYN_RCVD", "SYN_RECV"),
        ("FIN_WAIT1", "FIN_WAIT_1"),
        ("FIN-WAIT-2", "FIN_WAIT_2"),
        ("TimeWait", "TIME_WAIT"),
        ("CLOSE_WAIT", "CLOSE_WAIT"),
        ("LAST-ACK", "LAST_ACK"),
        ("UNCONN", "CLOSED"),
        ("CLOSE", "CLOSED"),
        ("", None),
        ("NONE", None),
    ],
)
def test_tcp_states_of_all_sources_are_spelled_alike(word: str, state: str | None) -> None:
    assert tcp_state(word) == state


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("0.0.0.0", "*"),  # noqa: S104  text
        ("::", "*"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("fe80::1%en0", "fe80::1%en0"),
        ("fe80:1b::1", "fe80::1%27"),
    ],
)
def test_addresses_of_all_sources_are_spelled_alike(text: str, address: str) -> None:
    assert numeric_address(text) == address


@pytest.mark.parametrize("text", ["", "1.2.3.4", "1.2.3.4:70000", "1.2.3.4:http", "[::1:22", "host:1", "1.2.3.4\0:1"])
def test_malformed_endpoints_raise_parse_error(text: str) -> None:
    with pytest.raises(ParseError):
        numeric_endpoint(text)


class Source:
    def __init__(self) -> None:
        self.note: Message | None = Message("Misses things.")


def test_note_has_the_reasons_why_better_sources_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses() -> Source:
        raise UnsupportedError("The better one is missing.")

    monkeypatch.setattr(connections, "_openers", lambda: iter([refuses, Source]))
    assert str(connections.open_source().note) == "Misses things. The better one is missing."
    monkeypatch.setattr(connections, "_openers", lambda: iter([refuses, refuses]))
    with pytest.raises(UnsupportedError, match="The better one is missing"):
        connections.open_source()


@pytest.mark.skipif(sys.platform != "linux", reason="the best source of Linux")
def test_best_source_of_this_machine_is_opened() -> None:
    source = connections.open_source()
    try:
        assert (source.name, source.note, source.is_costly) == ("sock_diag", None, False)
    finally:
        source.close()


# The table.

ETH0 = Interface(index=2, name="eth0", kind="ethernet", is_up=True, addresses=("192.0.2.7/24",), default_metric=0)
INTERFACES = {
    1: Interface(
        index=1, name="lo", is_loopback=True, kind="loopback", is_up=True, addresses=("127.0.0.1/8", "::1/128")
    ),
    2: ETH0,
    3: Interface(index=3, name="docker0", kind="bridge", is_up=True, addresses=("172.17.0.1/16",)),
}
ROUTES = Routes(INTERFACES, decide(INTERFACES, {}))


class Finder:
    """Returns the owners that the test has set."""

    is_searching = False

    def __init__(self) -> None:
        self.known: dict[str, Process | None] = {}
        self.asked: set[str] = set()
        self.units: dict[int, str] = {}
        self.gone: set[int] = set()
        self.processes: dict[int, Process] = {}

    def look_for(self, sockets: Mapping[str, Socket]) -> None:
        self.asked |= sockets.keys()

    def forget(self, keys: Mapping[str, Socket]) -> None:
        self.asked -= keys.keys()

    def search(self, _budget_s: float) -> Mapping[str, Process | None]:
        answered = {key: self.known[key] for key in self.asked & self.known.keys()}
        self.asked -= answered.keys()
        return answered

    def ended(self, pids: Iterable[int]) -> set[int]:
        return self.gone & set(pids)

    def process(self, pid: int) -> Process | None:
        return self.processes.get(pid)

    def unit(self, cgroup: int) -> str | None:
        return self.units.get(cgroup)

    def user(self, uid: int) -> str:
        return UserNames()[uid]


CURL = Process(pid=50, name="curl", executable="/usr/bin/curl")


class World:
    """A source, a clock and a table."""

    def __init__(self, app_hosts: AppHosts | None = None) -> None:
        self.finder = Finder()
        self.table = ConnectionTable(self.finder, now=lambda: 1.7e9, app_hosts=app_hosts)
        self.changes = Changes()
        self.boottime = 100.0

    def update(self, *, after: float = 2.0, passing: Mapping[str, Socket] | None = None, **sockets: Socket) -> None:
        """Update the table. `passing`: sockets that opened and closed since the previous sample."""
        self.boottime += after
        sample = self.changes.since_last(self.boottime, sockets)
        sample = SocketSample(sample.boottime, sample.changed, {**sample.removed, **(passing or {})})
        self.last = self.table.update(sample, ROUTES)

    def row(self, key: str) -> Connection:
        return next(row for row in self.table.rows() if row.key == key)

    def app(self, name: str) -> App:
        return next(app for app in self.table.apps() if app.name == name)


def tcp(rx: int | None = 0, tx: int | None = 0, **more: object) -> Socket:
    values: dict[str, object] = {
        "protocol": "TCP",
        "local_address": "192.0.2.7",
        "local_port": 5000,
        "remote_address": "198.51.100.1",
        "remote_port": 443,
        "state": "ESTABLISHED",
        "rx_bytes": rx,
        "tx_bytes": tx,
        "uid": 0,
        "inode": 1,
    }
    return Socket(**{**values, **more})  # type: ignore[arg-type]  # a test's shorthand


def test_rates_are_unknown_then_measured_then_zero() -> None:
    world = World()
    world.update(a=tcp(1000, 10))
    assert (world.row("a").rx_rate, world.row("a").since) == (None, None)
    world.update(a=tcp(3000, 30))
    assert (world.row("a").rx_rate, world.row("a").tx_rate) == (1000.0, 10.0)
    world.update(a=tcp(3000, 30), after=1.0)
    assert (world.row("a").rx_rate, world.row("a").tx_rate) == (0.0, 0.0)
    world.update(a=tcp(3000, 30))
    assert world.last.changed == ()  # nothing moved, so nothing is sent


def test_a_new_connections_first_bytes_count() -> None:
    world = World()
    world.update()
    world.update(a=tcp(500, 4))
    assert (world.row("a").rx_rate, world.row("a").since) == (250.0, 1.7e9)


def test_update_returns_added_changed_and_removed_rows() -> None:
    world = World()
    world.update(a=tcp(), b=tcp())
    assert {row.key for row in world.last.added} == {"a", "b"}
    world.update(a=tcp(5), c=tcp())
    assert [row.key for row in world.last.added] == ["c"]
    assert [row.key for row in world.last.changed] == ["a"]
    assert world.last.removed == ("b",)
    assert {row.key for row in world.table.rows()} == {"a", "c"}


def test_after_a_long_pause_bytes_count_but_make_no_rate() -> None:
    world = World()
    world.finder.known["a"] = CURL
    world.update(a=tcp(0, 0))
    world.update(a=tcp(9000, 9), after=600.0)
    assert world.row("a").rx_rate is None
    assert (world.app("curl").rx_bytes, world.app("curl").rx_rate) == (9000, None)


def test_sockets_without_counters_have_no_rate() -> None:
    world = World()
    for _ in range(3):
        world.update(a=tcp(None, None, protocol="UDP", state=None))
        assert (world.row("a").rx_bytes, world.row("a").rx_rate) == (None, None)


def test_counters_that_are_missing_for_a_while_are_not_counted_twice() -> None:
    world = World()
    world.finder.known["a"] = CURL
    world.update()
    world.update(a=tcp(100, 10))
    world.update(a=tcp(None, None, state="TIME_WAIT"))
    assert world.row("a").rx_rate is None
    world.update(a=tcp(140, 10))
    assert world.row("a").rx_rate == 20.0
    assert (world.app("curl").rx_bytes, world.app("curl").tx_bytes) == (140, 10)


def test_sockets_in_time_wait_are_connections_of_no_app() -> None:
    world = World()
    world.finder.known["a"] = CURL
    world.update(a=tcp(10, 10), b=tcp(None, None, state="TIME_WAIT"))
    assert world.row("b").app_name is None
    assert [app.connections for app in world.table.apps()] == [1]
    world.update(a=tcp(20, 10, state="TIME_WAIT"), b=tcp(None, None, state="TIME_WAIT"))
    assert (world.app("curl").connections, world.app("curl").processes) == (0, 0)
    assert world.row("a").app_name == "curl"
    world.update(a=tcp(30, 10))
    assert (world.app("curl").connections, world.app("curl").processes) == (1, 1)
    world.update()
    assert (world.app("curl").connections, world.app("curl").processes) == (0, 0)


def test_hosts_of_an_app_add_up_to_its_amount_with_containers_left_out() -> None:
    app_hosts = AppHosts(lambda: 1.7e9)
    world = World(app_hosts)
    world.finder.known.update(a=CURL, b=CURL)
    world.update(a=tcp(), b=tcp(local_address="172.17.0.1", remote_address="172.17.0.2"))
    world.update(a=tcp(700, 30), b=tcp(5000, 5000, local_address="172.17.0.1", remote_address="172.17.0.2"))
    world.update()
    app = world.app("curl")
    hosts = app_hosts.of(app.key)
    assert [each.address for each in hosts] == ["198.51.100.1"]
    assert (sum(each.rx_bytes for each in hosts), sum(each.tx_bytes for each in hosts)) == (app.rx_bytes, app.tx_bytes)
    assert (app.rx_bytes, app.tx_bytes, app.local_rx_bytes) == (700, 30, 5000)


def test_last_bytes_of_a_closed_connection_count() -> None:
    world = World()
    world.finder.known["a"] = CURL
    world.update(a=tcp(100, 100))
    world.boottime += 2
    world.table.update(SocketSample(world.boottime, {}, {"a": tcp(1100, 104, state="CLOSED")}), ROUTES)
    app = world.app("curl")
    assert (app.rx_bytes, app.tx_bytes, app.rx_rate, app.connections, app.processes) == (1000, 4, 500.0, 0, 0)
    assert world.table.interval.processes == {50: (1000, 4)}


def test_bytes_wait_for_the_search_and_then_move_to_the_app() -> None:
    world = World()
    world.update()
    world.update(a=tcp(100, 10))
    assert world.app("Being looked for").rx_bytes == 100
    assert world.row("a").process is None
    world.finder.known["a"] = CURL
    assert world.table.search(0.001) is False
    world.update(a=tcp(150, 10))
    assert [app.name for app in world.table.apps()] == ["curl"]
    assert (world.app("curl").rx_bytes, world.app("curl").rx_rate) == (150, 25.0)
    assert (world.row("a").process, world.row("a").pid, world.row("a").app) == ("curl", 50, "executable:/usr/bin/curl")


def test_connections_between_two_samples_belong_to_the_listener_or_are_unseen() -> None:
    world = World()
    server = Process(pid=60, name="nginx", executable="/usr/sbin/nginx")
    world.finder.known["l"] = server
    listener = tcp(None, None, local_address="*", local_port=80, remote_address=None, remote_port=None, state="LISTEN")
    world.update(l=listener)
    closed: dict[str, object] = {"state": "CLOSED", "uid": None, "inode": None}
    world.update(
        l=listener, passing={"p": tcp(7, 70, local_port=80, **closed), "q": tcp(5, 50, local_port=40000, **closed)}
    )
    assert (world.app("nginx").rx_bytes, world.app("nginx").tx_bytes) == (7, 70)
    assert (world.app("Exited before seen").rx_bytes, world.app("Exited before seen").tx_bytes) == (5, 50)
    assert world.last.removed == ()


def test_socket_closed_during_the_search_is_booked_by_unit_user_or_as_unseen() -> None:
    world = World()
    world.finder.units[9] = "backup.service"
    world.update()
    gone: dict[str, object] = {"uid": None, "inode": None}
    world.update(a=tcp(1, 0, cgroup=9), b=tcp(2, 0, uid=0), c=tcp(4, 0, **gone))
    world.update()
    names = {app.name: app.rx_bytes for app in world.table.apps()}
    assert names == {"backup": 1, "user root": 2, "Exited before seen": 4}


def test_accepted_socket_is_searched_for_again() -> None:
    world = World()
    world.finder.known["a"] = None
    world.update(a=tcp(inode=None, uid=None))
    assert not world.finder.asked
    world.finder.known["a"] = CURL
    world.update(a=tcp(inode=77))
    assert world.row("a").process == "curl"


def test_socket_that_outlives_its_process_gets_the_new_owner() -> None:
    world = World()
    world.finder.known["a"] = Process(pid=70, name="ssh", executable="/usr/bin/ssh")
    world.update(a=tcp())
    world.update(a=tcp(5, 5))
    world.finder.gone = {70}
    world.finder.known["a"] = None
    world.update(a=tcp(5, 5), after=10.0)
    assert (world.row("a").process, world.row("a").pid) == ("ssh", 70)  # nobody has it: who had it is still told
    world.finder.gone = set()
    world.update(a=tcp(5, 5), after=10.0)
    world.finder.gone = {70}
    world.finder.known["a"] = Process(pid=71, name="ssh", executable="/usr/bin/ssh")
    world.update(a=tcp(5, 5), after=10.0)
    assert world.row("a").pid == 71
    assert (world.app("ssh").rx_bytes, world.app("ssh").processes) == (5, 1)


def test_other_users_sockets_have_user_and_unit() -> None:
    world = World()
    world.finder.known["a"] = None
    world.finder.units[9] = "nginx.service"
    world.update(a=tcp(cgroup=9))
    row = world.row("a")
    assert (row.pid, row.user, row.unit, row.app) == (None, "root", "nginx.service", "unit:nginx.service")


def test_bytes_of_loopback_and_containers_are_no_uplink_traffic() -> None:
    world = World()
    world.finder.known.update(a=CURL, b=CURL, c=CURL, d=CURL)
    world.update()
    world.update(
        a=tcp(1, 0),
        b=tcp(10, 0, local_address="127.0.0.1", remote_address="127.0.0.1"),
        c=tcp(100, 0, local_address="172.17.0.1", remote_address="172.17.0.2"),
        d=tcp(1000, 0, remote_address="192.0.2.7"),
    )
    app = world.app("curl")
    assert (app.rx_bytes, app.local_rx_bytes) == (1, 1110)
    assert world.table.interval.local == (1110, 0)
    assert [world.row(key).interface for key in "abcd"] == ["eth0", "lo", "docker0", "lo"]


def test_connections_follow_an_interface_that_becomes_an_uplink() -> None:
    world = World()
    world.finder.known["a"] = CURL
    world.update(a=tcp(0, 0, local_address="172.17.0.1"))
    chosen = Routes(INTERFACES, decide(INTERFACES, {"docker0": True}))
    world.boottime += 2
    world.table.update(SocketSample(world.boottime, {"a": tcp(5, 0, local_address="172.17.0.1")}, {}), chosen)
    assert (world.app("curl").rx_bytes, world.app("curl").local_rx_bytes) == (5, 0)


def test_rows_have_the_scope_of_their_peer() -> None:
    world = World()
    remotes = {"a": "198.51.100.1", "b": "127.0.0.1", "c": "192.0.2.9", "d": "10.1.2.3", "e": None}
    sockets: dict[str, Any] = {key: tcp(remote_address=remote) for key, remote in remotes.items()}
    world.update(**sockets)
    assert [world.row(key).scope for key in remotes] == ["internet", "machine", "local", "local", None]


def test_scope_follows_the_networks_of_the_interfaces() -> None:
    world = World()
    world.update(a=tcp(remote_address="203.0.113.9"))
    assert world.row("a").scope == "internet"
    moved = msgspec.structs.replace(ETH0, addresses=("192.0.2.7/24", "203.0.113.1/24"))
    interfaces = {**INTERFACES, 2: moved}
    world.boottime += 2
    world.table.update(SocketSample(world.boottime, {}, {}), Routes(interfaces, decide(interfaces, {})))
    assert world.row("a").scope == "local"


def test_sockets_are_counted_by_tcp_state() -> None:
    world = World()
    world.update(a=tcp(), b=tcp(), c=tcp(None, None, state="TIME_WAIT"), d=tcp(protocol="UDP", state=None))
    assert world.table.states() == {"ESTABLISHED": 2, "TIME_WAIT": 1}


def test_psutil_adds_facts_to_a_source_that_names_the_process() -> None:
    finder = NamedProcesses()
    own = tcp(pid=os.getpid(), process="short")
    finder.look_for({"own": own, "gone": tcp(pid=2**22 + 1, process="ended"), "nobody": tcp(), "closed": own})
    finder.forget({"closed": own})
    answers = finder.search(1)
    assert answers.keys() == {"own", "gone", "nobody"}
    assert answers["own"] is not None
    assert answers["own"].parent == os.getppid()
    assert answers["own"].executable
    assert answers["gone"] == Process(pid=2**22 + 1, name="ended")
    assert answers["nobody"] is None
    assert finder.search(1) == {}


def test_users_are_shown_by_name_or_else_by_number() -> None:
    names = UserNames()
    assert (names[0], names[0]) == ("root", "root")
    assert names[3_999_999_999] == "3999999999"
