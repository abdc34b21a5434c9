"""TCP with the helper in any order of samples, readings and failures: nothing too high, and exact where nothing was
lost."""

from __future__ import annotations

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from test_connections import tcp
from test_tcp_streams import FLOW, World, amount, end

from netwatch_tray.collect.helper_readings import TCP, Amount, Flow, Owner, TcpEnd
from netwatch_tray.collect.sockets import Socket
from netwatch_tray.engine import streams
from netwatch_tray.kinds import TcpState
from netwatch_tray.model import Traffic

_MOST = 4


class Here:
    """A connection of this network namespace."""

    def __init__(self) -> None:
        self.rx = self.tx = 0
        self.is_listed = False

    def socket(self) -> Socket:
        return tcp(rx=self.rx, tx=self.tx)


class Streams(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(streams, "_MOST_WAITING", _MOST)
        self.world = World()
        self.number = 0x100
        self.here: dict[str, Here] = {}
        self.removed: dict[str, Socket] = {}
        """Connections that closed since the last sample and that the source had listed."""
        self.ends: dict[int, TcpEnd] = {}
        self.boxes: dict[int, Flow] = {}
        self.new: dict[Flow, Amount] = {}
        self.closed: set[int] = set()
        self.owners: dict[int, Owner] = {}
        self.moved = Traffic()
        self.is_lossless = True

    def teardown(self) -> None:
        self.patch.undo()

    @rule()
    def open_here(self) -> None:
        self.number += 1
        self.here[f"{self.number:x}"] = Here()

    @rule(rx=st.integers(0, 10**6), tx=st.integers(0, 10**6), which=st.integers(0, 99))
    @precondition(lambda self: self.here)
    def move_here(self, rx: int, tx: int, which: int) -> None:
        one = list(self.here.values())[which % len(self.here)]
        one.rx, one.tx = one.rx + rx, one.tx + tx
        self.moved = self.moved.plus(Traffic(rx, tx))

    @rule(which=st.integers(0, 99), is_abort=st.booleans())
    @precondition(lambda self: self.here)
    def close_here(self, which: int, *, is_abort: bool) -> None:
        key = list(self.here)[which % len(self.here)]
        one = self.here.pop(key)
        if one.is_listed:
            rx, tx = (0, 0) if is_abort else (max(0, one.rx - 1), one.tx)
            self.removed[key] = tcp(rx=rx, tx=tx, state=TcpState.CLOSED)
        self.ends[int(key, 16)] = end(one.rx, one.tx)

    @rule(rx=st.integers(1, 10**6), tx=st.integers(0, 10**6))
    def open_box(self, rx: int, tx: int) -> None:
        self.number += 1
        flow = self.boxes[self.number] = FLOW._replace(cookie=self.number)
        self.owners[self.number] = Owner(70, 0, 0, TCP, "boxed")
        self._move_box(flow, rx, tx)

    @rule(rx=st.integers(1, 10**6), tx=st.integers(0, 10**6), which=st.integers(0, 99))
    @precondition(lambda self: self.boxes)
    def move_box(self, rx: int, tx: int, which: int) -> None:
        self._move_box(list(self.boxes.values())[which % len(self.boxes)], rx, tx)

    def _move_box(self, flow: Flow, rx: int, tx: int) -> None:
        before = self.new.get(flow, amount(0, 0))
        self.new[flow] = amount(before.rx_bytes + rx, before.tx_bytes + tx)
        self.moved = self.moved.plus(Traffic(rx, tx))

    @rule(which=st.integers(0, 99))
    @precondition(lambda self: self.boxes)
    def close_box(self, which: int) -> None:
        cookie = list(self.boxes)[which % len(self.boxes)]
        del self.boxes[cookie]
        self.closed.add(cookie)

    @rule()
    def helper_reports(self) -> None:
        self.world.helper(self.ends, self.new, frozenset(self.closed), self.owners)
        self.ends, self.new, self.owners, self.closed = {}, {}, {}, set()

    @rule()
    def helper_is_lost(self) -> None:
        """What it had not reported yet is lost; the next helper counts from then on."""
        self.world.streams.stop()
        self.is_lossless = False
        self.ends, self.new, self.owners, self.closed = {}, {}, {}, set()

    @rule()
    def sockets_are_read(self) -> None:
        self._read(is_last=False)

    def _read(self, *, is_last: bool) -> None:
        for one in self.here.values():
            one.is_listed = True
        removed, self.removed = self.removed, {}
        self.world.take({key: one.socket() for key, one in self.here.items()}, removed, is_last=is_last)
        if self.world.streams.take_dropped():
            self.is_lossless = False

    @invariant()
    def memory_is_bounded(self) -> None:
        kept = self.world.streams
        assert len(kept._ends) <= _MOST
        assert len(kept._new) <= _MOST
        assert len(kept._closed) <= len(kept._elsewhere) + _MOST

    @invariant()
    def nothing_is_too_high(self) -> None:
        found = self._booked()
        assert found.rx <= self.moved.rx
        assert found.tx <= self.moved.tx

    def _booked(self) -> Traffic:
        apps = self.world.table.apps()
        rx = sum(app.rx_bytes + app.local_rx_bytes for app in apps)
        return Traffic(rx, sum(app.tx_bytes + app.local_tx_bytes for app in apps))

    @rule()
    def all_is_read(self) -> None:
        for is_last in (False, False, True):
            self.helper_reports()
            self._read(is_last=is_last)
        if self.is_lossless:
            assert self._booked() == self.moved


Streams.TestCase.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
TestStreams = Streams.TestCase
