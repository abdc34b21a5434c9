"""The agent's link to the helper, with a socket in its place."""

from __future__ import annotations

import socket
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from netwatch_tray.agent.helper_link import HelperLink, describe
from netwatch_tray.collect.helper_client import HelperClient
from netwatch_tray.collect.sources import HELPER_SOCKET
from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.helper import protocol

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")


def test_agent_and_helper_agree_on_the_path_of_the_socket() -> None:
    assert HELPER_SOCKET == protocol.SOCKET


@pytest.mark.parametrize(
    ("flags", "limit"),
    [
        (0, "container only. This kernel does not let it report the last bytes of TCP connections."),
        (protocol.WHOLE_SYSTEM | protocol.REPORTS_ENDS, "TCP of containers is counted on Linux 5.15 and newer."),
        (protocol.WHOLE_SYSTEM | protocol.REPORTS_ENDS | protocol.REPORTS_ELSEWHERE, "names of hosts."),
    ],
)
def test_status_names_the_missing_kernel_feature(flags: int, limit: str) -> None:
    with (
        tempfile.TemporaryDirectory() as directory,
        socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener,
    ):
        path = Path(directory) / "socket"
        listener.bind(str(path))
        listener.listen()
        client = HelperClient(str(path))
        with closing(client), listener.accept()[0] as accepted:
            accepted.send(protocol.HELLO_HEAD.pack(protocol.HELLO, flags, protocol.VERSION, 7, 0.0))
            assert client.take() is None
            assert str(describe(client)).endswith(limit)


def test_helper_counts_as_set_up_until_it_is_removed() -> None:
    with (
        tempfile.TemporaryDirectory() as directory,
        socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener,
        closing(Scheduler()) as scheduler,
    ):
        path = Path(directory) / "socket"
        listener.bind(str(path))
        listener.listen()
        link = HelperLink(scheduler, lambda: HelperClient(str(path)), lambda _reading: None, lambda: None)
        with closing(link):
            assert link.is_set_up
            path.unlink()
            assert not link.is_set_up
