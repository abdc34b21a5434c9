"""The program's own connections are known by their keys."""

from __future__ import annotations

import socket
import struct
import sys

import pytest

from netwatch_tray.collect import own_sockets


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has cookies of sockets")
def test_newest_own_sockets_are_recognised() -> None:
    keys = []
    for _ in range(100):
        with socket.socket() as made:
            own_sockets.note(made)
            keys.append(f"{struct.unpack('=Q', made.getsockopt(socket.SOL_SOCKET, 57, 8))[0]:x}")
    assert own_sockets.is_own(keys[-1])
    assert own_sockets.is_own(keys[-64])
    assert not own_sockets.is_own(keys[0])
    assert not own_sockets.is_own("unknown")


def test_noting_a_closed_socket_raises_nothing() -> None:
    made = socket.socket()
    made.close()
    own_sockets.note(made)
