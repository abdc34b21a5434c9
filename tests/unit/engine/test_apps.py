"""Processes are grouped by what the user calls a program."""

from __future__ import annotations

import pytest

from netwatch_tray.collect.process import Process
from netwatch_tray.engine.apps import app_of, app_of_unit

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
def test_app_is_named_by_container_unit_bundle_or_executable(process: Process, name: str) -> None:
    assert app_of(process, parent_of).name == name


def test_helpers_and_their_browser_are_one_app() -> None:
    helper = Process(pid=9, name="x", executable="/usr/lib/firefox/plugin-container", parent=2)
    assert app_of(helper, parent_of) == app_of(FIREFOX, parent_of)


def test_processes_that_are_each_others_parent_end_the_search() -> None:
    one = Process(pid=1, name="a", executable="/opt/a/a", parent=2)
    two = Process(pid=2, name="b", executable="/opt/a/b", parent=1)
    assert app_of(one, lambda process: two if process is one else one).name in {"a", "b"}


def test_a_vpn_client_is_a_tunnel_process() -> None:
    assert app_of(Process(pid=1, name="openvpn", executable="/usr/sbin/openvpn"), lambda _: None).is_tunnel_process
    assert app_of_unit("openvpn@work.service").is_tunnel_process
    assert not app_of_unit("nginx.service").is_tunnel_process
