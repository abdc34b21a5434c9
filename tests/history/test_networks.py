"""The network of usage, its name, and whether it is metered, with a fake NetworkManager on a private bus."""

from __future__ import annotations

import csv
import io
import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import date
from pathlib import Path

import needs
import pytest
from jeepney import HeaderFields, MessageType, new_error, new_method_return
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import DBusConnection, open_dbus_connection
from machine import Machine

from netwatch_tray import paths
from netwatch_tray.cli import main
from netwatch_tray.collect.linux import network_manager
from netwatch_tray.collect.linux.network_manager import Connection, connection_of, is_metered
from netwatch_tray.history import keeping
from netwatch_tray.history.batch import Batch, RecordedMinute
from netwatch_tray.history.codes import NETWORK_KINDS
from netwatch_tray.history.networks import OFFLINE, Network, current_network
from netwatch_tray.history.packing import Value
from netwatch_tray.history.reader import HistoryReader
from netwatch_tray.history.series import TOTAL, Series
from netwatch_tray.history.store import Store
from netwatch_tray.history.usage import midnight
from netwatch_tray.settings import DataPlan, History

_CONFIG = """
<busconfig><type>system</type><listen>unix:path={}</listen><auth>EXTERNAL</auth>
<policy context="default">
<allow user="*"/><allow own="*"/><allow send_destination="*" eavesdrop="true"/><allow receive_sender="*"/>
</policy></busconfig>
"""


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the address of a private system bus."""
    needs.programs("dbus-daemon")
    config, socket = tmp_path / "bus.conf", tmp_path / "bus"
    config.write_text(_CONFIG.format(socket))
    command = ["dbus-daemon", f"--config-file={config}", "--nofork", "--print-address=1"]
    daemon = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert daemon.stdout is not None
    try:
        address = daemon.stdout.readline().strip()
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
        yield address
    finally:
        daemon.terminate()
        daemon.wait(60)
        daemon.stdout.close()


def manager(address: str, answer: object) -> threading.Thread:
    """Respond to one request for the property, then disconnect."""
    connection: DBusConnection = open_dbus_connection(address)
    connection.send_and_get_reply(message_bus.RequestName("org.freedesktop.NetworkManager"), timeout=60)

    def serve() -> None:
        with connection:
            while True:
                question = connection.receive(timeout=60)
                if question.header.message_type is MessageType.method_call:
                    break
            assert question.header.fields[HeaderFields.member] == "Get"
            assert question.body == ("org.freedesktop.NetworkManager", "Metered")
            if answer is None:
                connection.send(new_error(question, "org.freedesktop.DBus.Error.AccessDenied"))
            else:
                connection.send(new_method_return(question, "v", (answer,)))

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


_NM = "org.freedesktop.NetworkManager"
_PATH = "/org/freedesktop/NetworkManager"
_ODD_NAME = 'Café\u202e <b>"x"</b>\n=1+1'


@contextmanager
def managing(address: str, profiles: Mapping[str, tuple[str, str] | None], delay: float = 0.0) -> Iterator[list[str]]:
    """Serve the active connection (name, UUID) of each interface; `None`: none is active. Yield what was requested.

    `delay`: seconds before each response."""
    connection: DBusConnection = open_dbus_connection(address)
    connection.send_and_get_reply(message_bus.RequestName(_NM), timeout=60)
    places = {name: f"{_PATH}/Devices/{number}" for number, name in enumerate(profiles)}
    values: dict[tuple[str, str], tuple[str, object]] = {(_PATH, "Metered"): ("u", 2)}
    for name, profile in profiles.items():
        active = places[name].replace("Devices", "ActiveConnection")
        values[places[name], "ActiveConnection"] = ("o", active if profile else "/")
        if profile:
            values[active, "Id"], values[active, "Uuid"] = ("s", profile[0]), ("s", profile[1])
    requests: list[str] = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                question = connection.receive(timeout=60)
                if question.header.message_type is not MessageType.method_call:
                    continue
                member = question.header.fields[HeaderFields.member]
                found: tuple[str, object] | None
                if member == "GetDeviceByIpIface":
                    place = places.get(question.body[0])
                    found = ("o", place) if place else None
                else:
                    member = question.body[1]
                    value = values.get((question.header.fields[HeaderFields.path], member))
                    found = ("v", value) if value else None
                requests.append(member)
                time.sleep(delay)
                if found:
                    connection.send(new_method_return(question, found[0], (found[1],)))
                else:
                    connection.send(new_error(question, f"{_NM}.UnknownDevice", "s", ("No device",)))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield requests
    finally:
        connection.sock.shutdown(socket.SHUT_RDWR)
        thread.join(60)
        connection.close()


def test_connection_of_an_interface_has_identity_and_name(bus: str) -> None:
    profiles = {
        "wlan0": ("Home", "1-2"),
        "eth0": ("Wired connection 1", "3-4"),
        "lo": None,
        "wlan1": ("", "5-6"),
        "br0": ("br0", "9"),
    }
    with managing(bus, {**profiles, "odd": (_ODD_NAME, "7"), "long": ("x" * 5000, "8")}):
        assert connection_of("wlan0") == Connection("1-2", "Home")
        assert connection_of("eth0") == Connection("3-4", "Wired connection 1")
        assert connection_of("odd") == Connection("7", _ODD_NAME)
        assert connection_of("long") == Connection("8", "x" * 255)
        for unnamed in ("lo", "wlan1", "br0", "tun0", "\udcff"):
            assert connection_of(unnamed) is None
    assert connection_of("wlan0") is None, "NetworkManager has ended"


def test_all_responses_of_a_slow_network_manager_share_one_deadline(bus: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The four responses for a name have one deadline, because the agent waits for the history when it exits."""
    monkeypatch.setattr(network_manager, "_PATIENCE", 1.0)
    with managing(bus, {"wlan0": ("Home", "1")}, delay=0.4) as requests:
        assert connection_of("wlan0") is None
        assert len(requests) < 4


def test_name_of_the_network_is_only_requested_if_wanted(bus: str, tmp_path: Path) -> None:
    interfaces = Machine().tick().interfaces
    uplink = next(each.name for each in interfaces if each.is_uplink)
    with managing(bus, {uplink: ("Home", "1")}) as requests:
        without = current_network(interfaces, tmp_path)
        assert requests == ["Metered"]
        named = current_network(interfaces, tmp_path, with_name=True)
    assert without.name is None
    assert named == Network(named.key, without.kind, is_metered=False, name="Home")
    assert named.key != without.key
    with managing(bus, {uplink: ("Guests", "2")}):
        assert current_network(interfaces, tmp_path, with_name=True).key != named.key, "at the same gateway"
    with managing(bus, {uplink: ("Home, renamed", "1")}):
        assert current_network(interfaces, tmp_path, with_name=True).key == named.key
    assert current_network(interfaces, tmp_path, with_name=True).key == without.key, "no NetworkManager"


def test_changed_setting_for_names_applies_to_the_next_minute(bus: str, tmp_path: Path) -> None:
    file = tmp_path / "history.sqlite3"
    machine = Machine()
    writer = machine.writer(file)

    def minute() -> None:
        for _ in range(12):
            machine.carry(2, 1000, 10)
            machine.wait(5)
            writer.record([machine.tick()], commit=False)
        writer.record([])

    writer.record([machine.tick()])
    with managing(bus, {"eth0": ("Home", "1")}) as requests:
        minute()
        assert "Id" not in requests
        writer.apply(History(network_names=True), DataPlan())
        minute()
        writer.apply(History(), DataPlan())
        minute()
    writer.close()
    assert requests.count("Id") == 1
    with closing(HistoryReader(file)) as reader:
        named = [use.name for use in reader.by_network(date.min, date.max, with_names=True)]
        assert sorted(named, key=str) == ["Home", None]
        assert {use.name for use in reader.by_network(date.min, date.max)} == {None}, "hidden while it is off"


DAYS = (date(2026, 11, 26), date(2026, 11, 27))
APP = Series("app", "firefox", "firefox")


def record(store: Store, day: date, network: Network, rx: int) -> None:
    values: dict[Series, Value] = {TOTAL: (600, rx, 0, 0, 0), APP: (600, rx // 2, 0, 0, 0)}
    store.write(Batch(minutes=[RecordedMinute(int(midnight(day)) + 3600, [], [], values, {})]), network)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A history of three networks, two of them with one name, on two days."""
    file = tmp_path / "history.sqlite3"
    store = Store(file)
    record(store, DAYS[0], Network("a", "wifi", None, "Home"), 1000)
    record(store, DAYS[0], Network("b", "ethernet"), 200)
    record(store, DAYS[1], Network("c", "wifi", is_metered=True, name=_ODD_NAME), 30)
    record(store, DAYS[1], Network("d", "ethernet", None, "Home"), 4)
    store.close()
    return file


def test_usage_by_network_merges_networks_with_the_same_name(file: Path) -> None:
    with closing(HistoryReader(file)) as reader:
        named = reader.by_network(*DAYS, with_names=True)
        assert [(use.name, use.kind, use.used.rx) for use in named] == [
            ("Home", "wifi", 1004),
            (None, "ethernet", 200),
            (_ODD_NAME, "wifi", 30),
        ]
        assert [(use.key, use.number, use.used.rx) for use in reader.by_network(*DAYS)] == [
            ("a", 1, 1000),
            ("b", 1, 200),
            ("c", 2, 30),
            ("d", 2, 4),
        ]
        assert [use.name for use in reader.networks(with_names=True)] == ["Home", None, _ODD_NAME]
        total = sum(used.both for used in reader.days("total", None, *DAYS).values())
        assert total == sum(use.used.both for use in named)


def test_usage_of_one_network_has_its_days_and_apps(file: Path) -> None:
    with closing(HistoryReader(file)) as reader:

        def days(network: str) -> list[int]:
            return [used.rx for used in reader.days("total", None, *DAYS, network=network, with_names=True).values()]

        assert days("a") == [1000, 4]
        assert days("b") == [200, 0], "a day without it is a day with nothing, not an unknown one"
        assert days("c") == [0, 30]
        assert days("nowhere") == [0, 0]
        assert reader.by_name("app", *DAYS, network="c", with_names=True)["firefox"].rx == 15
        assert reader.by_name("app", *DAYS)["firefox"].rx == 617


def test_renamed_network_has_its_new_name_on_all_days(file: Path) -> None:
    store = Store(file)
    for name in ("Cellar", None, "Attic"):
        record(store, DAYS[1], Network("a", "wifi", None, name), 500)
    store.close()
    with closing(HistoryReader(file)) as reader:
        found = {use.key: (use.name, use.used.rx) for use in reader.by_network(*DAYS, with_names=True)}
    assert found["a"] == ("Attic", 2500)
    assert found["d"] == ("Home", 4)


def test_names_of_networks_can_be_deleted_without_their_amounts(file: Path) -> None:
    assert keeping.delete_network_names(file) == 3
    with closing(HistoryReader(file)) as reader:
        assert {use.name for use in reader.by_network(*DAYS, with_names=True)} == {None}
        assert sum(use.used.rx for use in reader.by_network(*DAYS)) == 1234
    for part in file.parent.iterdir():
        assert b"Home" not in part.read_bytes()


def test_names_are_deleted_with_the_days_of_their_networks(file: Path, tmp_path: Path) -> None:
    keeping.back_up(file, backup := tmp_path / "backup.sqlite3")
    keeping.delete_days(file, DAYS[0], DAYS[0])
    with closing(HistoryReader(file)) as reader:
        assert [use.name for use in reader.networks(with_names=True)] == [_ODD_NAME, "Home"]
    keeping.restore(file, backup)
    with closing(HistoryReader(file)) as reader:
        assert [use.name for use in reader.networks(with_names=True)] == ["Home", None, _ODD_NAME]


def test_a_deleted_name_returns_only_while_names_are_kept(file: Path) -> None:
    store = Store(file)
    home = Network("a", "wifi", None, "Home")
    record(store, DAYS[1], home, 1)
    before = store.data_version
    keeping.delete_network_names(file)
    record(store, DAYS[1], home._replace(name=None), 1)
    assert store.data_version != before
    with closing(HistoryReader(file)) as reader:
        assert {use.name for use in reader.networks(with_names=True)} == {None}
    record(store, DAYS[1], home, 1)
    store.close()
    with closing(HistoryReader(file)) as reader:
        assert next(use.name for use in reader.networks(with_names=True)) == "Home"


@pytest.fixture
def terminal(file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state and configuration of a user who has that history, and wants to see names. Return the settings file."""
    monkeypatch.setenv("XDG_STATE_HOME", str(file.parent / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(file.parent / "config"))
    paths.history_file().parent.mkdir(parents=True)
    file.rename(paths.history_file())
    paths.settings_file().parent.mkdir(parents=True, exist_ok=True)
    paths.settings_file().write_text("[history]\nnetwork_names = true\n")
    return paths.settings_file()


SPAN = ("--from", "2026-11-26", "--to", "2026-11-27")


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 0
    return capsys.readouterr().out


def test_terminal_prints_usage_by_network(terminal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = printed(capsys, "usage", "--networks", *SPAN)
    assert [line.split()[0] for line in table.splitlines()[2:]] == ["Home", "ethernet", "Café\ufffd", "total"]
    rows = json.loads(printed(capsys, "usage", "--networks", "--json", *SPAN))
    assert [(row["name"], row["rx"]) for row in rows] == [
        ("Home", 1004),
        ("ethernet", 200),
        (f"{_ODD_NAME}, metered", 30),
    ]
    terminal.unlink()
    assert printed(capsys, "usage", "--networks", *SPAN).count("wifi") == 2, "names are hidden while they are off"


def test_terminal_prints_usage_of_one_network(terminal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = printed(capsys, "usage", "--network", "Home", *SPAN)
    assert table.startswith("Usage per day in Home, 2026-11-26 to 2026-11-27")
    rows = json.loads(printed(capsys, "usage", "--network", _ODD_NAME, "--apps", "--json", *SPAN))
    assert [(row["name"], row["rx"]) for row in rows] == [("firefox", 15)]
    for wrong, told in (("Hom", "Did you mean Home?"), ("nowhere at all", "`usage --networks` lists them")):
        assert main(["usage", "--network", wrong]) == 1
        assert told in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["usage", "--network", "Home", "--networks"])
    terminal.unlink()
    for network, rx in (("wifi", 1000), ("wifi 2", 30), ("ethernet 2", 4)):
        rows = json.loads(printed(capsys, "usage", "--network", network, "--json", *SPAN))
        assert sum(row["rx"] for row in rows) == rx, "as --networks lists them while names are off"
        rows = json.loads(printed(capsys, "usage", "--network", network, "--apps", "--json", *SPAN))
        assert sum(row["rx"] for row in rows) == rx // 2


def test_networks_are_exported_by_day(terminal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = list(csv.DictReader(io.StringIO(printed(capsys, "export", "--networks", "--step", "day", *SPAN))))
    assert sum(int(row["rx_bytes"]) for row in rows) == 1234
    assert [row["start"] for row in rows if row["name"] == "Home"] == ["2026-11-26", "2026-11-27"]
    (row,) = csv.DictReader(
        io.StringIO(printed(capsys, "export", "--networks", "--step", "day", "--name", "ethernet", *SPAN))
    )
    assert row["rx_bytes"] == "200"
    with pytest.raises(SystemExit):
        main(["export", "--networks"])
    terminal.unlink()
    rows = list(csv.DictReader(io.StringIO(printed(capsys, "export", "--networks", "--step", "day", *SPAN))))
    assert {(row["name"], row["rx_bytes"]) for row in rows} == {
        ("wifi", "1000"),
        ("ethernet", "200"),
        ("wifi 2", "30"),
        ("ethernet 2", "4"),
    }


def test_terminal_deletes_names_of_networks(terminal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["history", "delete", "--network-names", "--all"])
    assert printed(capsys, "history", "delete", "--network-names", "--yes") == "Names deleted: 3\n"
    assert main(["usage", "--networks", *SPAN]) == 0
    assert "No name is known yet" in capsys.readouterr().err
    assert terminal.exists()


@pytest.mark.parametrize(
    ("answer", "metered"),
    [
        (("u", 0), None),
        (("u", 1), True),
        (("u", 2), False),
        (("u", 3), True),
        (("u", 4), False),
        (("u", 77), None),
        (("s", "yes"), None),
        (None, None),
    ],
)
def test_metered_state_comes_from_network_manager(bus: str, answer: object, metered: bool | None) -> None:
    thread = manager(bus, answer)
    assert is_metered() is metered
    thread.join(60)


def test_metered_is_unknown_without_network_manager(bus: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bus
    assert is_metered() is None
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere")
    assert is_metered() is None
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "pigeon:post=1")
    assert is_metered() is None


def test_d_bus_that_does_not_respond_times_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_manager, "_PATIENCE", 0.05)
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/mute")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{tmp_path}/mute")
        listener.listen()
        assert is_metered() is None

        def let_in() -> None:
            client, _address = listener.accept()  # the one from before
            client.close()
            client, _address = listener.accept()
            with client:
                while not client.recv(1024).endswith(b"\r\n"):
                    pass
                client.sendall(b"OK 0123456789abcdef0123456789abcdef\r\n")
                while client.recv(1024):
                    pass

        thread = threading.Thread(target=let_in)
        thread.start()
        assert is_metered() is None
        thread.join(60)


def test_network_is_identified_by_a_hash_of_its_gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path}/none")
    interfaces = Machine().tick().interfaces
    route = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
    arp = "IP address  HW type  Flags  HW address  Mask  Device\n"

    def at(gateway: str, hardware: str) -> Network:
        (tmp_path / "route").write_text(f"{route}eth0\t00000000\t{gateway}\t0003\t0\t0\t100\t00000000\t0\t0\t0\n")
        (tmp_path / "arp").write_text(f"{arp}192.168.1.1  0x1  0x2  {hardware}  *  eth0\n")
        return current_network(interfaces, tmp_path)

    home = at("0101A8C0", "02:00:00:00:00:01")
    assert home.kind == "ethernet"
    assert home == at("0101A8C0", "02:00:00:00:00:01")
    assert home != at("0101A8C0", "02:00:00:00:00:02"), "another router with the same address"
    assert at("0201A8C0", "02:00:00:00:00:01") != home
    assert len(home.key) == 12
    (tmp_path / "route").write_bytes(b"\xff\xfe nonsense\n1 2 3\n")
    assert current_network(interfaces, tmp_path).kind == "ethernet"
    assert current_network((), tmp_path) == OFFLINE


def test_newest_known_metered_state_is_kept(tmp_path: Path) -> None:
    store = Store(tmp_path / "history.sqlite3")
    for metered in (None, True, None, False, True, None):
        with store._transaction():
            store._network(Network("a" * 12, "wifi", metered))
    rows = store._connection.execute("SELECT key, kind, metered FROM network").fetchall()
    store.close()
    assert rows == [("a" * 12, NETWORK_KINDS["wifi"], 1)]
