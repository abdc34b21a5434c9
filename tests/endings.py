"""Connections that end in every way TCP knows, each with a known payload.

    python tests/endings.py serve ADDRESS PORT
    python tests/endings.py call ADDRESS PORT [--seed 1] [--count 100] [--rate 50] [--ending NAME ...]

`serve` prints `ready`, and serves until its input is closed or it gets SIGTERM. `call` makes `--count` connections,
`--rate` a second, and ends; its endings and amounts depend on the seed alone. Each program prints one JSON object a
connection as it ends (see `Truth`) and at last one with the sums:

    {"connections": 100, "rx": [low, high], "tx": [low, high], "failed": 0}

The amounts are the payload that the program's own sockets exchanged, as far as the kernel counts it to the end. They
are exact (low = high) but where this end resets the connection, because the kernel then sets the counters of that
socket to 0, and for connections that are cut in the middle of a transfer. Bytes count as received when they arrived,
even if nobody read them. The traffic is bounded: 16 connections at a time, 300 kB each.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import random
import signal
import socket
import struct
import sys
import termios
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

_HEADER = struct.Struct("=BIII")
"""Ending, bytes up, bytes down, bytes more."""
_TIMEOUT = 30.0
"""Seconds that one end waits for the other."""
_AT_A_TIME = 16
_REUSED_PORT = 19_999


class Truth(NamedTuple):
    """The payload of a connection, as one end counted it."""

    ending: str
    port: int
    """The caller's."""
    rx: tuple[int, int]
    """At least and at most."""
    tx: tuple[int, int]


class _End:
    """One end of a connection. It counts the bytes that pass."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.socket.settimeout(_TIMEOUT)
        self.rx = self.tx = 0
        self.unread = 0
        """Bytes that arrived and were not read."""
        self.is_forgotten = False

    def send(self, count: int) -> None:
        if count:
            self.socket.sendall(bytes(count))
        self.tx += count

    def receive(self, count: int) -> bytes:
        parts = []
        while count:
            part = self.socket.recv(min(count, 1 << 16))
            if not part:
                raise EOFError("The other end closed too early.")
            parts.append(part)
            self.rx += len(part)
            count -= len(part)
        return b"".join(parts)

    def await_end(self) -> None:
        """Read until the peer's FIN."""
        while part := self.socket.recv(1 << 16):
            self.rx += len(part)

    def await_unread(self, count: int) -> None:
        """Wait until so many bytes have arrived, without reading them."""
        self._await(termios.FIONREAD, lambda arrived: arrived >= count)
        self.unread = count

    def await_acknowledged(self) -> None:
        """Wait until the peer's kernel has received everything that was sent, because a reset discards the rest."""
        self._await(termios.TIOCOUTQ, lambda waiting: not waiting)

    def _await(self, request: int, is_enough: Callable[[int], bool]) -> None:
        deadline = time.monotonic() + _TIMEOUT
        while not is_enough(int.from_bytes(fcntl.ioctl(self.socket, request, bytes(4)), sys.byteorder)):
            if time.monotonic() > deadline:
                raise TimeoutError
            time.sleep(0.001)

    def await_reset(self) -> None:
        with contextlib.suppress(ConnectionError):
            self.await_end()

    def shut(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Close with a RST instead of a FIN. The kernel sets the counters of such a socket to 0 (tcp_disconnect)."""
        self.is_forgotten = True
        self.await_acknowledged()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def truth(self, ending: str, port: int) -> Truth:
        rx = self.rx + self.unread
        return Truth(ending, port, (0 if self.is_forgotten else rx, rx), (0 if self.is_forgotten else self.tx, self.tx))


def _together() -> None:
    """Wait until the next moment that both ends derive from the clock they share, so that both continue at once."""
    time.sleep(0.02 - time.monotonic() % 0.02)


# Each ending, once `down` bytes have arrived: what the caller does, what the server does. `more`: further bytes.


def _caller_closes(caller: _End, _more: int) -> None:
    caller.socket.close()


def _server_waits_and_closes(server: _End, _more: int) -> None:
    server.await_end()


def _caller_waits_and_closes(caller: _End, _more: int) -> None:
    caller.await_end()


def _server_closes(server: _End, _more: int) -> None:
    server.socket.close()


def _close_at_once(end: _End, _more: int) -> None:
    _together()
    end.socket.close()


def _reset(end: _End, _more: int) -> None:
    end.reset()


def _await_reset(end: _End, _more: int) -> None:
    end.await_reset()


def _shut_and_await_reset(end: _End, _more: int) -> None:
    end.shut()
    end.await_reset()


def _reset_after_fin(end: _End, _more: int) -> None:
    end.await_end()
    end.reset()


def _shut_and_reset(end: _End, _more: int) -> None:
    end.shut()
    time.sleep(0.01)
    end.reset()


def _await_fin_and_reset(end: _End, _more: int) -> None:
    end.await_reset()
    time.sleep(0.03)  # the reset comes while this end has not closed


def _answer_after_fin(end: _End, more: int) -> None:
    """Send data after the FIN, as TLS does with close_notify. A caller that has closed responds with a RST.

    The bytes fit into one segment, so that all of them are sent before the RST arrives.
    """
    end.await_end()
    time.sleep(0.01)
    end.send(more)
    time.sleep(0.005)


def _shut_and_read_on(end: _End, more: int) -> None:
    end.shut()
    end.receive(more)
    end.await_end()


def _close_with_unread(end: _End, more: int) -> None:
    end.await_unread(more)
    end.await_acknowledged()
    end.socket.close()


def _send_and_await_reset(end: _End, more: int) -> None:
    end.send(more)
    end.await_reset()


def _hold_after_reset(end: _End, _more: int) -> None:
    """Keep the socket, which the kernel has closed, for longer than a reading of the sockets takes."""
    end.await_reset()
    time.sleep(2.5)


ENDINGS: dict[str, tuple[Callable[[_End, int], None], Callable[[_End, int], None]]] = {
    "the caller closes first": (_caller_closes, _server_waits_and_closes),
    "the server closes first": (_caller_waits_and_closes, _server_closes),
    "both close at once": (_close_at_once, _close_at_once),
    "the caller resets": (_reset, _await_reset),
    "the server resets": (_await_reset, _reset),
    "the server resets after the caller's FIN": (_shut_and_await_reset, _reset_after_fin),
    "the caller resets after its FIN": (_shut_and_reset, _await_fin_and_reset),
    "data after the caller's close": (_caller_closes, _answer_after_fin),
    "data after the caller's FIN": (_shut_and_read_on, _answer_after_fin),
    "the caller closes with unread data": (_close_with_unread, _send_and_await_reset),
    "the server closes with unread data": (_send_and_await_reset, _close_with_unread),
    "the caller holds a reset socket": (_hold_after_reset, _reset),
}
CUT, EARLY, REUSED = "cut while the caller sends", "closed before it is accepted", "the same ports again"
_NUMBERS = (*ENDINGS, CUT, EARLY, REUSED)
"""The header names an ending by its place in here."""


def call_once(address: str, port: int, ending: str, up: int, down: int, more: int) -> Truth:
    """Make a connection and end it in the way that `ending` names."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as connection:
        if ending == REUSED:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            connection.bind(("", _REUSED_PORT))
        connection.settimeout(_TIMEOUT)
        connection.connect((address, port))
        own = connection.getsockname()[1]
        caller = _End(connection)
        connection.sendall(_HEADER.pack(_NUMBERS.index(ending), up, down, more))
        caller.tx += _HEADER.size
        if ending == CUT:
            return _cut(caller, own, up)
        caller.send(up)
        if ending != EARLY:
            caller.receive(down)
            _behaviour(ending)[0](caller, more)
        return caller.truth(ending, own)


def _cut(caller: _End, own: int, up: int) -> Truth:
    with contextlib.suppress(OSError):
        while caller.tx < up + _HEADER.size:
            caller.tx += caller.socket.send(bytes(8192))
        caller.await_end()
    return Truth(CUT, own, (0, 0), (_HEADER.size + up // 2, caller.tx))


def answer_once(connection: socket.socket, own: int) -> Truth:
    """Serve a connection as its header requests."""
    with connection:
        server = _End(connection)
        number, up, down, more = _HEADER.unpack(server.receive(_HEADER.size))
        ending = _NUMBERS[number]
        if ending == CUT:
            server.receive(up // 2)
            most = up + 8192 + _HEADER.size
            server.reset()  # while more is coming
            return Truth(CUT, own, (0, most), (0, 0))
        server.receive(up)
        if ending == EARLY:
            server.await_end()
        else:
            server.send(down)
            _behaviour(ending)[1](server, more)
        return server.truth(ending, own)


def _behaviour(ending: str) -> tuple[Callable[[_End, int], None], Callable[[_End, int], None]]:
    return ENDINGS["the server closes first" if ending == REUSED else ending]


class _Account:
    """Prints what each connection carried, and sums it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connections = self._failed = 0
        self._sums = [0, 0, 0, 0]

    def add(self, work: Callable[[], Truth]) -> None:
        try:
            truth = work()
        except (OSError, EOFError) as error:
            with self._lock:
                self._failed += 1
                print(
                    json.dumps(
                        {"failed": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()[-700:]}
                    ),
                    flush=True,
                )
            return
        with self._lock:
            self._connections += 1
            self._sums = [sum(each) for each in zip(self._sums, (*truth.rx, *truth.tx), strict=True)]
            print(json.dumps(truth._asdict()), flush=True)

    def close(self) -> None:
        low_rx, high_rx, low_tx, high_tx = self._sums
        sums = {"rx": [low_rx, high_rx], "tx": [low_tx, high_tx], "failed": self._failed}
        print(json.dumps({"connections": self._connections, **sums}), flush=True)


def serve(address: str, port: int) -> None:
    account = _Account()
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with (
        socket.create_server((address, port), family=family, backlog=256) as listener,
        ThreadPoolExecutor(2 * _AT_A_TIME) as pool,
    ):

        def accept() -> None:
            while True:
                try:
                    connection, (_, own, *_) = listener.accept()
                except OSError:
                    return
                pool.submit(account.add, lambda connection=connection, own=own: answer_once(connection, own))

        thread = threading.Thread(target=accept)
        thread.start()
        ended = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: ended.set())
        threading.Thread(target=_await_no_input, args=(ended,), daemon=True).start()
        print("ready", flush=True)
        ended.wait()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    account.close()


def _await_no_input(ended: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 1 << 16):
        pass
    ended.set()


def call(address: str, port: int, *, seed: int, count: int, rate: float, endings: list[str]) -> None:
    account, dice = _Account(), random.Random(seed)
    reused = threading.Lock()

    def one(ending: str, up: int, down: int, more: int) -> Truth:
        with reused if ending == REUSED else contextlib.nullcontext():
            return call_once(address, port, ending, up, down, more)

    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        start = time.monotonic()
        for number in range(count):
            ending = dice.choice(endings)
            up, down, more = (dice.choice((0, 1, 31, 1000, dice.randrange(100_000))) for _ in range(3))
            if ending == CUT:
                up = 200_000
            if ending.startswith("data after"):
                more = more % 1000
            work = (ending, up, max(1, down), max(1, more))
            time.sleep(max(0.0, start + number / rate - time.monotonic()))
            pool.submit(account.add, lambda work=work: one(*work))
    account.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("role", choices=["serve", "call"])
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--rate", type=float, default=50.0, help="connections per second")
    parser.add_argument("--ending", action="append", choices=_NUMBERS, help="only these")
    chosen = parser.parse_args()
    if chosen.role == "serve":
        serve(chosen.address, chosen.port)
    else:
        endings = chosen.ending or list(_NUMBERS)
        call(chosen.address, chosen.port, seed=chosen.seed, count=chosen.count, rate=chosen.rate, endings=endings)


if __name__ == "__main__":
    main()
