from __future__ import annotations

import os
import socket
import threading
import time
from functools import partial

import pytest

from netwatch_tray import clock
from netwatch_tray.engine.scheduler import READ, WRITE, Scheduler


def test_periodic_work_is_aligned_so_that_it_wakes_together() -> None:
    scheduler = Scheduler()
    deadlines: list[tuple[float, float]] = []

    def seen() -> None:
        deadlines.extend((deadline, period) for deadline, period, _, _ in scheduler._timers)
        if len(deadlines) >= 10:
            scheduler.stop()

    for period in (0.05, 0.1):
        scheduler.every(period, seen)
    seen()
    scheduler.run()
    scheduler.close()
    assert all(deadline / period == pytest.approx(round(deadline / period), abs=1e-6) for deadline, period in deadlines)


def test_timers_due_together_fire_in_order_of_period() -> None:
    scheduler = Scheduler()
    seen: list[str] = []

    def slow() -> None:
        seen.append("slow")
        if seen.count("slow") == 3:
            scheduler.stop()

    scheduler.every(0.1, slow)
    scheduler.every(0.05, lambda: seen.append("fast"))
    scheduler.run()
    scheduler.close()
    assert all(seen[place - 1] == "fast" for place, name in enumerate(seen) if name == "slow"), seen


def test_missed_deadlines_are_skipped_not_made_up_for() -> None:
    scheduler = Scheduler()
    calls: list[int] = []

    def slow() -> None:
        calls.append(1)
        time.sleep(0.12)

    scheduler.every(0.02, slow)
    scheduler.after(0.3, scheduler.stop)
    scheduler.run()
    scheduler.close()
    assert len(calls) <= 4


def test_exception_in_one_callback_is_logged_and_others_run(expected_logs: list[str]) -> None:
    expected_logs.append("Unexpected error; the agent goes on")
    scheduler = Scheduler()
    scheduler.call_soon(lambda: 1 // 0)  # type: ignore[arg-type]
    scheduler.call_soon(scheduler.stop)
    scheduler.run()
    scheduler.close()


def test_descriptors_and_other_threads_wake_the_loop() -> None:
    scheduler = Scheduler()
    receiver, sender = os.pipe()
    got: list[bytes] = []
    stopper = threading.Thread(target=lambda: scheduler.call_soon(scheduler.stop))

    def readable(events: int) -> None:
        assert events == READ
        got.append(os.read(receiver, 10))
        scheduler.unwatch(receiver)
        stopper.start()

    scheduler.watch(receiver, READ, readable)
    os.write(sender, b"x")
    scheduler.run()
    stopper.join()
    scheduler.close()
    os.close(receiver)
    os.close(sender)
    assert got == [b"x"]


def test_a_cancelled_timer_is_forgotten() -> None:
    scheduler = Scheduler()
    called: list[int] = []
    timer = scheduler.after(0.01, lambda: called.append(1))
    timer.cancel()
    scheduler.after(0.05, scheduler.stop)
    scheduler.run()
    scheduler.close()
    assert called == []


def test_descriptor_with_a_failing_callback_is_ignored_for_a_while(
    expected_logs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("netwatch_tray.engine.scheduler.REST", 0.2)
    expected_logs.append("Unexpected error; the agent goes on")
    scheduler = Scheduler()
    receiver, sender = os.pipe()
    os.write(sender, b"x")  # never read, so it stays ready
    calls: list[int] = []

    def fail(_events: int) -> None:
        calls.append(1)
        if len(calls) == 3:
            scheduler.stop()
        raise OSError

    scheduler.watch(receiver, READ, fail)
    started = clock.boottime()
    scheduler.run()
    assert clock.boottime() - started >= 0.4
    scheduler.unwatch(receiver)
    scheduler.close()
    os.close(receiver)
    os.close(sender)


def test_descriptor_unwatched_while_it_is_ignored_is_not_called_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netwatch_tray.engine.scheduler.REST", 0.05)
    scheduler = Scheduler()
    receiver, sender = os.pipe()
    os.write(sender, b"x")
    called: list[int] = []
    scheduler.watch(receiver, READ, called.append)
    scheduler.rest(receiver)
    scheduler.unwatch(receiver)
    scheduler.after(0.2, scheduler.stop)
    scheduler.run()
    assert called == []
    scheduler.close()
    os.close(receiver)
    os.close(sender)


def test_closed_peer_is_reported_as_ready_for_the_watched_events() -> None:
    scheduler = Scheduler()
    near, far = socket.socketpair()
    found: list[int] = []

    def ready(events: int) -> None:
        found.append(events)
        scheduler.stop()

    far.close()
    scheduler.watch(near.fileno(), READ | WRITE, ready)
    scheduler.run()
    scheduler.close()
    near.close()
    assert found == [READ | WRITE]


def test_descriptor_that_another_callback_unwatched_is_not_called() -> None:
    scheduler = Scheduler()
    pipes = [os.pipe() for _ in range(2)]
    called: list[int] = []

    def ready(receiver: int, _events: int) -> None:
        called.append(receiver)
        for each, _ in pipes:
            scheduler.unwatch(each)
        scheduler.after(0.02, scheduler.stop)

    for receiver, sender in pipes:
        os.write(sender, b"x")
        scheduler.watch(receiver, READ, partial(ready, receiver))
    scheduler.run()
    scheduler.close()
    for receiver, sender in pipes:
        os.close(receiver)
        os.close(sender)
    assert len(called) == 1


def test_descriptor_closed_without_unwatching_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    scheduler = Scheduler()
    receiver, sender = os.pipe()
    called: list[int] = []
    scheduler.watch(receiver, READ, called.append)
    os.close(receiver)
    os.close(sender)
    scheduler.after(0.05, scheduler.stop)
    rounds: list[int] = []
    run_due = scheduler._run_due

    def counted() -> None:
        rounds.append(1)
        run_due()

    monkeypatch.setattr(scheduler, "_run_due", counted)
    scheduler.run()
    scheduler.close()
    assert called == []
    assert len(rounds) < 10, "the closed descriptor wakes the loop again and again"
