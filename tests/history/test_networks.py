"""The network that usage belongs to, and whether it is metered, with a fake NetworkManager on a private bus."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import needs
import pytest
from jeepney import HeaderFields, MessageType, new_error, new_method_return
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import DBusConnection, open_dbus_connection
from machine import Machine

from netwatch_tray.collect.linux import network_manager
from netwatch_tray.collect.linux.network_manager import is_metered
from netwatch_tray.history.codes import NETWORK_KINDS
from netwatch_tray.history.networks import OFFLINE, Network, current_network
from netwatch_tray.history.store import Store

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
def test_metered_as_reported_by_network_manager(bus: str, answer: object, metered: bool | None) -> None:
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


def test_silent_bus_times_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
