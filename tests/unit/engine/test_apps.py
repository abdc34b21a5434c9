"""What a person calls a program, the accounts of the apps, and sums that come out to the byte."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from netwatch_tray.collect.processes import Process
from netwatch_tray.collect.sockets import Socket
from netwatch_tray.engine.apps import AppLedger, AppName, app_of, app_of_unit, reconcile
from netwatch_tray.engine.routes import Routes
from netwatch_tray.engine.topology import decide
from netwatch_tray.model import Interface, Traffic

SHELL = Process(pid=1, name="bash", executable="/usr/bin/bash")
FIREFOX = Process(pid=2, name="firefox", executable="/usr/lib/firefox/firefox", parent=1)
EPIPHANY = Process(pid=3, name="epiphany", executable="/usr/bin/epiphany", parent=1)
CHROME = Process(pid=4, name="chrome", executable="/opt/google/chrome/chrome", parent=1)
PROCESSES = {each.pid: each for each in (SHELL, FIREFOX, EPIPHANY, CHROME)}


def parent_of(process: Process) -> Process | None:
    return PROCESSES.get(process.parent or 0)


@pytest.mark.parametrize(
    ("process", "name"),
    [
        (Process(pid=9, name="curl", executable="/usr/bin/curl", parent=1), "curl"),
        (FIREFOX, "firefox"),
        (Process(pid=9, name="Web Content", executable="/usr/lib/firefox/plugin-container", parent=2), "firefox"),
        (Process(pid=9, name="Socket", executable="/usr/lib/firefox/firefox", parent=2), "firefox"),
        (
            Process(
                pid=9, name="x", executable="/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/WebKitNetworkProcess", parent=3
            ),
            "epiphany",
        ),
        (Process(pid=9, name="x", executable="/opt/google/chrome/chrome_crashpad_handler", parent=4), "chrome"),
        (Process(pid=9, name="python3", executable="/usr/bin/python3.11", script="manage.py", parent=1), "manage.py"),
        (Process(pid=9, name="kworker", executable=None, parent=2), "kworker"),
        (Process(pid=9, name="nginx", executable="/usr/sbin/nginx", unit="nginx.service"), "nginx"),
        (Process(pid=9, name="x", executable="/app/x", unit="docker 0123456789ab"), "docker 0123456789ab"),
        (Process(pid=9, name="x", executable="/app/lib/x", unit="app-flatpak-org.mozilla.firefox-77.scope"), "firefox"),
        (Process(pid=9, name="vim", executable="/usr/bin/vim", unit="app-gnome-org.gnome.Terminal-7.scope"), "vim"),
        (Process(pid=9, name="x", executable="/snap/spotify/77/usr/share/spotify/spotify"), "spotify"),
        (
            Process(
                pid=9,
                name="Google Chrome He",
                executable="/Applications/Google Chrome.app/Contents/Helpers/Google Chrome Helper.app/Contents/MacOS/x",
            ),
            "Google Chrome",
        ),
    ],
)
def test_what_an_app_is_called(process: Process, name: str) -> None:
    assert app_of(process, parent_of).name == name


def test_helpers_and_their_browser_are_one_app() -> None:
    helper = Process(pid=9, name="x", executable="/usr/lib/firefox/plugin-container", parent=2)
    assert app_of(helper, parent_of) == app_of(FIREFOX, parent_of)


def test_processes_that_are_each_others_parents_end() -> None:
    one = Process(pid=1, name="a", executable="/opt/a/a", parent=2)
    two = Process(pid=2, name="b", executable="/opt/a/b", parent=1)
    assert app_of(one, lambda process: two if process is one else one).name in {"a", "b"}


def test_a_tunnels_program_is_a_carrier() -> None:
    assert app_of(Process(pid=1, name="openvpn", executable="/usr/sbin/openvpn"), lambda _: None).is_carrier
    assert app_of_unit("openvpn@work.service").is_carrier
    assert not app_of_unit("nginx.service").is_carrier


CURL, VPN = AppName("executable:/usr/bin/curl", "curl"), AppName("unit:vpn", "vpn", is_carrier=True)


def test_accounts_stay_bounded_and_no_byte_is_lost() -> None:
    ledger = AppLedger()
    ledger.join(CURL, 1)
    ledger.credit(CURL, Traffic(7, 7), crosses_uplink=True)
    for number in range(2000):
        ledger.credit(AppName(f"unit:run-{number}", f"run-{number}"), Traffic(1, 2), crosses_uplink=True)
        ledger.close_interval()
    apps = ledger.apps({}, None)
    assert len(apps) <= 501
    assert sum(app.rx_bytes for app in apps) == 2007
    assert sum(app.tx_bytes for app in apps) == 4007
    assert {"curl", "Other apps", "run-1999"} <= {app.name for app in apps}


BYTES = st.builds(Traffic, st.integers(0, 10**12), st.integers(0, 10**12))


@given(st.lists(st.tuples(BYTES, BYTES, BYTES), min_size=1, max_size=8))
def test_every_interval_comes_out_to_the_byte(intervals: list[tuple[Traffic, Traffic, Traffic]]) -> None:
    ahead = Traffic()
    for uplink, by_curl, by_vpn in intervals:
        before = ahead
        result = reconcile(uplink, {CURL.key: (CURL, by_curl), VPN.key: (VPN, by_vpn)}, Traffic(3, 4), before)
        ahead = result.ahead
        assert result.apps == {CURL.key: by_curl}  # what a tunnel carries is counted, the tunnel itself is not
        assert result.local == (3, 4)
        for way in range(2):
            assert uplink[way] + ahead[way] == by_curl[way] + result.other[way] + before[way]
            assert result.other[way] >= 0
            assert ahead[way] >= 0


def test_a_remainder_is_named_and_what_came_early_is_taken_off_later() -> None:
    first = reconcile(Traffic(100, 0), {CURL.key: (CURL, Traffic(130, 0))}, Traffic(), Traffic())
    assert (first.other, first.ahead) == (Traffic(0, 0), Traffic(30, 0))
    second = reconcile(Traffic(100, 5), {}, Traffic(), first.ahead)
    assert (second.other, second.ahead) == (Traffic(70, 5), Traffic(0, 0))


def interface(index: int, name: str, kind: str, address: str, **more: int | None) -> Interface:
    return Interface(index=index, name=name, kind=kind, is_up=True, addresses=(address,), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("local", "remote", "name", "crosses"),
    [
        ("192.0.2.7", "198.51.100.1", "eth0", True),
        ("fe80::1%2", "fe80::2%2", "eth0", True),
        ("10.8.0.2", "10.8.0.1", "tun0", True),  # through a tunnel, the uplink carries it
        ("172.17.0.1", "172.17.0.2", "docker0", False),
        ("10.1.0.2", "10.1.0.9", "br0", True),  # a bridge over an uplink
        ("127.0.0.1", "127.0.0.1", "lo", False),
        ("192.0.2.7", "192.0.2.7", "lo", False),
        ("10.8.0.2", "192.0.2.7", "lo", False),
        ("203.0.113.5", "198.51.100.1", None, True),
    ],
)
def test_which_way_bytes_take(local: str, remote: str, name: str | None, crosses: bool) -> None:
    interfaces = {
        1: Interface(index=1, name="lo", is_loopback=True, kind="loopback", is_up=True, addresses=("127.0.0.1/8",)),
        2: Interface(
            index=2,
            name="eth0",
            kind="ethernet",
            is_up=True,
            addresses=("192.0.2.7/24", "fe80::1/64"),
            default_metric=0,
        ),
        3: interface(3, "tun0", "tun", "10.8.0.2/24"),
        4: interface(4, "docker0", "bridge", "172.17.0.1/16"),
        5: interface(5, "br0", "bridge", "10.1.0.2/24", default_metric=10),
        6: Interface(index=6, name="eth1", kind="ethernet", is_up=True, master=5),
    }
    routes = Routes(interfaces, decide(interfaces, {}))
    found = Socket(protocol="TCP", local_address=local, local_port=1, remote_address=remote, remote_port=2)
    assert routes.of(found) == (name, crosses)
