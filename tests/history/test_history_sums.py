"""Sums equal the deltas of the counters, to the byte, over hours of random events."""

from __future__ import annotations

import tempfile
from datetime import UTC, date, datetime
from pathlib import Path

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from machine import START, Machine

from netwatch_tray.engine.apps import AppName
from netwatch_tray.engine.ledger import AppInterval
from netwatch_tray.history.packing import HOURS, MINUTES
from netwatch_tray.history.reader import HistoryReader
from netwatch_tray.history.recorder import Measurement
from netwatch_tray.history.results import GapBytes, TierRow
from netwatch_tray.history.series import SeriesKind
from netwatch_tray.model import Traffic

IMPOSSIBLE = 2**60
"""Bytes that no link carries between two measurements. A jump is twice that, even after counters that were reset."""


class Truth(RuleBasedStateMachine):
    """Computes independently what every interface carries between two comparable measurements."""

    @initialize()
    def start(self) -> None:
        self.directory = tempfile.TemporaryDirectory()
        self.file = Path(self.directory.name) / "history.sqlite3"
        self.machine = Machine(interfaces={2: ["eth0", "ethernet", True, 0, 0], 3: ["wg0", "wireguard", False, 0, 0]})
        self.writer = self.machine.writer(self.file)
        self.expected: dict[str, list[int]] = {"eth0": [0, 0], "wg0": [0, 0], "": [0, 0]}
        self.stored_expected = {name: list(sums) for name, sums in self.expected.items()}
        self.expected_apps, self.stored_apps = [0, 0], [0, 0]
        self.inode: int | None = None
        self.seen: dict[int, tuple[str, int, int]] = {}
        self.stored_seen: dict[int, tuple[str, int, int]] = {}
        self.stored_boot = self.machine.boot
        self.rebooted = False
        self.fallen: dict[int, tuple[int, int]] = {}
        """Counters before they fell back, until they change again."""
        self.stored_fallen: dict[int, tuple[int, int]] = {}
        self.pending: list[Measurement] = []
        self.measure()

    def teardown(self) -> None:
        if hasattr(self, "writer"):
            self.writer.close()
            self.directory.cleanup()

    @rule(index=st.sampled_from([2, 3]), rx=st.integers(0, 2**35), tx=st.integers(0, 2**35), seconds=st.integers(1, 90))
    def run(self, index: int, rx: int, tx: int, seconds: int) -> None:
        """Carry traffic spread evenly over some seconds."""
        which = sorted(self.machine.interfaces)[index - 2]
        for second in range(seconds):
            self.machine.carry(which, rx // seconds + (second == 0) * 7, tx // seconds)
            self.machine.wait()
            self.measure()

    @rule(minutes=st.integers(20, 90), rx=st.integers(0, 2**30), second=st.integers(0, 59))
    def work(self, minutes: int, rx: int, second: int) -> None:
        """Carry hours of traffic with a burst in each minute."""
        for _ in range(minutes):
            for begin in range(0, 60, 5):
                if begin <= second < begin + 5:
                    self.machine.carry(min(self.machine.interfaces), rx, rx // 3)
                self.machine.wait(5)
                self.measure()
        self.commit()

    @rule(seconds=st.integers(2, 40_000), rx=st.integers(0, 10**9))
    def sleep(self, seconds: int, rx: int) -> None:
        self.machine.carry(min(self.machine.interfaces), rx, 3)
        self.machine.sleep(seconds)
        self.measure()

    @rule(seconds=st.integers(6, 300))
    def stall(self, seconds: int) -> None:
        self.machine.carry(min(self.machine.interfaces), 12_345, 0)
        self.machine.wait(seconds)
        self.measure()

    @rule(name=st.sampled_from(["curl", "caf\udce9", "a\0b", "line\nfeed", ""]), rx=st.integers(0, 2**40))
    def use_app(self, name: str, rx: int) -> None:
        """Carry traffic of an app. Its name may not be UTF-8, and its amount may be 0."""
        apps = {name: (AppName(name, name), Traffic(rx, 1))}
        at = datetime.fromtimestamp(self.machine.wall, UTC)
        self.pending.append((at, AppInterval(elapsed_s=10.0, apps=apps, processes={}, local=Traffic())))
        self.expected_apps[0] += rx
        self.expected_apps[1] += 1

    @rule(which=st.integers(0, 1))
    def reset(self, which: int) -> None:
        interface = self.machine.interfaces[sorted(self.machine.interfaces)[which]]
        interface[3] = interface[4] = 0
        self.machine.wait()
        self.measure()

    @rule(which=st.integers(0, 1), seconds=st.integers(1, 400), carried=st.integers(0, 10**6))
    def glitch(self, which: int, seconds: int, carried: int) -> None:
        """Make counters read 0 for a while and return to their values. Neither change is traffic."""
        interface = self.machine.interfaces[sorted(self.machine.interfaces)[which]]
        counters = interface[3:]
        interface[3:] = 0, 0
        for _ in range(2):
            self.machine.wait(seconds)
            self.measure()
        interface[3:] = (each + carried for each in counters)
        self.machine.wait()
        self.measure()

    @rule(which=st.integers(0, 1))
    def jump(self, which: int) -> None:
        """Make a counter rise by more than any link carries in a year."""
        interface = self.machine.interfaces[sorted(self.machine.interfaces)[which]]
        if interface[3] < 2**63:
            interface[3] += 2**61
        self.machine.wait()
        self.measure()

    @rule(which=st.integers(0, 1), carried=st.integers(0, 10**6))
    def recreate(self, which: int, carried: int) -> None:
        """Create an interface anew under its name, with another index."""
        index = sorted(self.machine.interfaces)[which]
        interface = self.machine.interfaces.pop(index)
        interface[3] = interface[4] = carried
        self.machine.interfaces[self.machine.next_index] = interface
        self.machine.next_index += 1
        self.machine.wait()
        self.measure()

    @rule(seconds=st.floats(-50_000, 50_000))
    def set_clock(self, seconds: float) -> None:
        self.machine.wall = max(START, self.machine.wall + seconds)

    @rule()
    def commit(self) -> None:
        self.writer.record(self.pending)
        assert self.writer.fault is None
        self.pending = []
        self.stored_apps = list(self.expected_apps)
        self.stored_expected = {name: list(sums) for name, sums in self.expected.items()}
        self.stored_seen = dict(self.seen)
        self.stored_fallen = dict(self.fallen)
        self.stored_boot = self.machine.boot
        self.compare()

    @rule(seconds=st.integers(1, 10_000), crash=st.booleans(), carried=st.integers(0, 10**8))
    def restart(self, seconds: int, crash: bool, carried: int) -> None:
        if not crash:
            self.commit()
        self.writer.close()
        self.pending = []
        self.expected = {name: list(sums) for name, sums in self.stored_expected.items()}
        self.expected_apps = list(self.stored_apps)
        self.seen = dict(self.stored_seen)
        self.rebooted = self.stored_boot != self.machine.boot
        self.machine.wait(seconds)
        self.machine.carry(min(self.machine.interfaces), carried, carried // 2)
        self.machine.start_agent()
        self.writer = self.machine.writer(self.file)
        for index, (peak_rx, peak_tx) in self.stored_fallen.items():  # no longer after counters began at 0 with a boot
            _, _, _, rx, tx = self.machine.interfaces.get(index, ("", "", False, -1, -1))
            if rx >= peak_rx and tx >= peak_tx:
                self.seen[index] = "", peak_rx, peak_tx
        self.fallen = {}
        self.measure()
        self.fallen = {}  # a run knows what fell in it, and for its first measurement what fell in the previous one

    @rule(seconds=st.integers(1, 10_000), carried=st.integers(0, 10**8))
    def reboot(self, seconds: int, carried: int) -> None:
        self.commit()
        self.writer.close()
        self.machine.reboot(seconds)
        self.rebooted = True
        self.machine.wait(5)
        self.machine.carry(min(self.machine.interfaces), carried, carried // 2)
        self.machine.start_agent()
        self.fallen = {}
        self.writer = self.machine.writer(self.file)
        self.measure()

    def measure(self) -> None:
        self.pending.append(self.machine.tick())
        for index, (name, _kind, uplink, rx, tx) in self.machine.interfaces.items():
            _, old_rx, old_tx = self.seen.get(index, (name, rx, tx))
            if self.rebooted:  # every counter began at 0 with the boot
                old_rx = old_tx = 0
            moved = rx - old_rx, tx - old_tx
            if not any(moved):
                continue
            peak_rx, peak_tx = self.fallen.pop(index, (rx + 1, 0))
            if min(moved) < 0:
                self.fallen[index] = old_rx, old_tx
            elif max(moved) < IMPOSSIBLE and not (rx >= peak_rx and tx >= peak_tx):
                for each in [name, *([""] if uplink else [])]:
                    self.expected[each][0] += moved[0]
                    self.expected[each][1] += moved[1]
        self.rebooted = False
        self.seen = {index: (name, rx, tx) for index, (name, _, _, rx, tx) in self.machine.interfaces.items()}

    def compare(self) -> None:
        self.inode = self.inode or self.file.stat().st_ino
        assert self.file.stat().st_ino == self.inode, "the file was replaced"
        assert self.writer.faults == ()
        reader = HistoryReader(self.file)
        try:
            for name, (rx, tx) in self.stored_expected.items():
                kind: SeriesKind = "interface" if name else "total"
                used = reader.bytes_between(kind, name or None, int(START), int(self.machine.wall) + 200_000)
                assert (used.rx, used.tx) == (rx, tx), name
                days = reader.days(kind, name or None, date.min, date.max).values()
                assert (sum(day.rx for day in days), sum(day.tx for day in days)) == (rx, tx), name
            apps = reader.by_name("app", date.min, date.max).values()
            assert [sum(app.rx for app in apps), sum(app.tx for app in apps)] == self.stored_apps
            assert reader.lost == 0
            self.compare_parts(reader)
        finally:
            reader.close()

    def compare_parts(self, reader: HistoryReader) -> None:
        """Compare every tier, and a range in two parts, with the whole."""
        rx, tx = self.stored_expected["eth0"]
        end = int(self.machine.wall) + 200_000
        carried = reader.carried("interface", "eth0", 0, end)
        for tier in (MINUTES, HOURS):
            rows: list[TierRow | GapBytes] = [*reader.rows("interface", "eth0", int(START), end, tier), *carried]
            assert (sum(row.rx for row in rows), sum(row.tx for row in rows)) == (rx, tx), tier
        middle = (int(START) + int(self.machine.wall)) // 7200 * 3600
        parts = [reader.bytes_between("interface", "eth0", *part) for part in ((0, middle), (middle, end))]
        assert (sum(part.rx for part in parts), sum(part.tx for part in parts)) == (rx, tx)
        middle = (int(START) + int(self.machine.wall)) // 2 // 3600 * 3600
        halves = (int(START), middle), (middle, end)
        moved = [reader.moved_by_name("interface", *half).get("eth0", 0) for half in halves]
        assert sum(moved) + sum(each.rx + each.tx for each in carried) == rx + tx
        curve = reader.curve("interface", "eth0", START, end)
        assert all(each is None or each >= 0 for each in curve.rx + curve.tx)


TestTruth = Truth.TestCase
TestTruth.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_hour_packed_again_after_the_clock_was_set_back_counts_bytes_once() -> None:
    state = Truth()
    state.start()
    state.work(minutes=40, rx=7, second=0)
    state.work(minutes=30, rx=7, second=0)
    state.set_clock(seconds=-2400.0)
    state.work(minutes=20, rx=7, second=0)
    state.set_clock(seconds=3600.0)
    state.work(minutes=1, rx=7, second=0)
    state.work(minutes=1, rx=7, second=0)
    state.teardown()


def test_counters_that_were_reset_between_two_runs_count_from_zero() -> None:
    state = Truth()
    state.start()
    state.run(index=2, rx=100, tx=100, seconds=1)
    state.commit()
    state.reset(which=0)
    state.restart(carried=0, crash=True, seconds=1)
    state.run(index=2, rx=300, tx=300, seconds=1)
    state.commit()
    state.teardown()


def test_counters_that_fall_in_one_run_and_return_in_the_next_count_only_what_they_rose_beyond() -> None:
    state = Truth()
    state.start()
    state.run(index=2, rx=10**9, tx=10**9, seconds=1)
    interface = state.machine.interfaces[2]
    counters, interface[3:] = interface[3:], [0, 0]
    state.machine.wait()
    state.measure()
    state.commit()
    interface[3:] = counters
    state.restart(carried=1000, crash=False, seconds=60)
    state.commit()
    assert state.expected["eth0"] == [10**9 + 1007, 10**9 + 500]
    reader = HistoryReader(state.file)
    assert [gap.is_complete for gap in reader.gaps(int(START), int(state.machine.wall) + 1)][-1:] == [False]
    reader.close()
    state.teardown()


def test_counters_that_fell_before_a_boot_count_from_zero_after_it() -> None:
    state = Truth()
    state.start()
    state.run(index=2, rx=0, tx=0, seconds=1)
    state.reset(which=0)
    state.reboot(seconds=1, carried=1000)
    state.restart(crash=True, seconds=1, carried=1000)
    state.commit()
    assert state.expected["eth0"] == [2007, 1000]
    state.teardown()


def test_counters_that_fall_in_one_run_and_rise_by_less_in_the_next_count_from_zero() -> None:
    state = Truth()
    state.start()
    state.run(index=2, rx=10**9, tx=10**9, seconds=1)
    state.reset(which=0)
    state.restart(carried=1000, crash=False, seconds=60)
    state.commit()
    assert state.expected["eth0"] == [10**9 + 1007, 10**9 + 500]
    state.teardown()
