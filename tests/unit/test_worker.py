from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import pytest

from netwatch_tray.engine.scheduler import Scheduler
from netwatch_tray.errors import CollectError
from netwatch_tray.worker import Worker


class Loop:
    """A scheduler, and the results that arrived in it."""

    def __init__(self) -> None:
        self.scheduler = Scheduler()
        self.worker = Worker("test", self.scheduler.call_soon)
        self.arrived: list[object] = []

    def submit(self, task: Callable[[], object]) -> None:
        self.worker.submit(task, self._arrive, self._arrive)

    def run(self) -> list[object]:
        """Run until all results have arrived, and return them."""
        self.scheduler.after(60, self.scheduler.stop)
        self.scheduler.run()
        return self.arrived

    def _arrive(self, result: object) -> None:
        self.arrived += [result, threading.current_thread() is threading.main_thread()]
        if not self.worker.pending:
            self.scheduler.stop()


@pytest.fixture
def loop() -> Loop:
    return Loop()


def test_results_arrive_in_the_loop_in_order(loop: Loop) -> None:
    threads: list[str] = []

    def task(number: int) -> int:
        threads.append(threading.current_thread().name)
        return number

    for number in range(3):
        loop.submit(partial(task, number))
    assert loop.worker.pending == 3
    assert loop.run() == [0, True, 1, True, 2, True]
    assert threads == ["test"] * 3
    assert loop.worker.close(60)


def test_an_error_of_a_task_is_passed_to_the_loop(loop: Loop) -> None:
    error = CollectError("no disk")

    def task() -> None:
        raise error

    loop.submit(task)
    assert loop.run() == [error, True]


def test_unexpected_error_is_logged_and_the_thread_continues(loop: Loop, expected_logs: list[str]) -> None:
    expected_logs.append("Unexpected error in the thread test")
    loop.submit(lambda: 1 // 0)
    loop.submit(lambda: "next")
    first, _, second, _ = loop.run()
    assert isinstance(first, ZeroDivisionError)
    assert second == "next"


def test_close_gives_up_at_its_timeout_and_no_result_arrives_later(loop: Loop) -> None:
    may_end = threading.Event()
    loop.submit(may_end.wait)
    assert not loop.worker.close(0.01)
    may_end.set()
    assert loop.worker.close(60)
    loop.scheduler.call_soon(loop.scheduler.stop)
    loop.scheduler.run()
    assert loop.arrived == []


def test_close_finishes_in_the_thread_after_all_tasks(loop: Loop) -> None:
    done: list[str] = []
    loop.submit(lambda: done.append("task"))
    assert loop.worker.close(60, finish=lambda: done.append(threading.current_thread().name))
    assert done == ["task", "test"]


def test_a_worker_without_tasks_has_no_thread(loop: Loop) -> None:
    before = threading.active_count()
    assert loop.worker.close()
    assert threading.active_count() == before
