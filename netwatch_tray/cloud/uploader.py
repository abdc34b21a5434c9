"""Empties the spool to the server in a thread of its own: one request at a time, in order, never twice what it has.

Whatever goes wrong, the snapshots stay in the spool until the server has them or they are a day old. After a fault it
waits a random time that grows (full jitter), so that many hosts do not come back in step; while the person must do
something it only asks now and then whether it was done, and tells them once.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from netwatch_tray import clock
from netwatch_tray.cloud import wire
from netwatch_tray.cloud.client import LateError, ServerClient, UnreachableError
from netwatch_tray.cloud.spool import Level, Spool, Stored
from netwatch_tray.cloud.verdict import Again, Aside, Each, Paused, Smaller, Verdict, judge
from netwatch_tray.errors import NetWatchError

_log = logging.getLogger(__name__)

_MOST_FAILURES = 5
"""Of the server over one snapshot, before it is set aside."""
_ROOM = 8192
"""Bytes kept for what is around the snapshots."""
_NOTABLE_SKEW = 120.0
"""Seconds."""


class Pace(NamedTuple):
    """Seconds."""

    gap: float = 11.0
    """Between requests: both servers refuse more than one in ten, by clocks that know whole seconds."""
    longest_wait: float = 300.0
    """After a fault."""
    paused: float = 900.0
    """Between requests while the person must do something."""
    timeout: float = 30.0
    """For one request."""


PACE = Pace()


class State(NamedTuple):
    """For tray, window and terminal."""

    level: Level
    fault: str | None
    """What is wrong, in words for the person; `None`: all is well."""
    needs_person: bool
    """Nothing is sent until somebody does something about it."""
    sent_at: float | None
    """Unix time of the last answer that all is stored."""
    clock_skew: float | None
    """Seconds this clock is ahead of the server's, where that is worth knowing."""

    def __str__(self) -> str:
        parts = []
        if self.fault:
            parts.append(self.fault)
        elif self.sent_at is None:
            parts.append("Nothing was sent yet.")
        else:
            parts.append(f"Last sent {time.strftime('%H:%M:%S', time.localtime(self.sent_at))}.")
        if self.clock_skew is not None:
            where = "ahead of" if self.clock_skew > 0 else "behind"
            parts.append(f"This computer's clock is {_duration(abs(self.clock_skew))} {where} the server's: set it.")
        parts.append(f"{self.level.delivered} delivered, {self.level.waiting} waiting")
        if self.level.dropped:
            parts[-1] += f", {self.level.dropped} dropped (too old or too many)"
        if self.level.aside:
            parts[-1] += f", {self.level.aside} refused by the server ({self.level.reason})"
        parts[-1] += "."
        return " ".join(parts)


class Uploader:
    """Runs between `start` and `stop`; `wake` after each snapshot that was put in the spool."""

    def __init__(
        self,
        spool: Spool,
        client: ServerClient,
        host: Callable[[], wire.HostInfo],
        *,
        collectors_ok: Callable[[], bool] = lambda: True,
        tell: Callable[[str], None] = lambda _: None,
        pace: Pace = PACE,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`host`: as it is now. `tell`: the person must do this, or nothing is sent. Both, and `collectors_ok`, are
        called in the uploader's thread. `jitter`: 0 to 1. Raises NetWatchError: the spool."""
        self._spool, self._client = spool, client
        self._host, self._collectors_ok, self._tell_person = host, collectors_ok, tell
        self._pace, self._jitter = pace, jitter
        self._most = wire.MOST_SNAPSHOTS
        self._faults = 0
        """In a row."""
        self._fault: str | None = None
        self._needs_person = False
        self._was_told = False
        """The person, since it last went well."""
        self._sent_at: float | None = None
        self._skew: float | None = None
        self._not_before = 0.0
        """Boot-time clock."""
        self._host_id = host().host_id
        self._level = spool.level(self._host_id)
        self._accepted: list[int] = []
        """The server has them, the spool still does too."""
        self._woken = threading.Condition()
        self._has_work = True
        self._stopping = False
        self._drains = False
        self._thread = threading.Thread(target=self._run, name="upload", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There is something to send. Reads the spool; raises NetWatchError."""
        self._level = self._spool.level(self._host_id)
        with self._woken:
            self._has_work = True
            self._woken.notify()

    def stop(self, within: float = 4.0, *, drain: bool = True) -> None:
        """Ends within about that many seconds; the spool keeps the rest. `drain`: sends what waits, if all is well.

        Returns at once.
        """
        with self._woken:
            self._stopping, self._drains = True, drain
            self._woken.notify()
        self._client.hurry(within)

    def wait(self, seconds: float | None = None) -> bool:
        """After `stop`: until it has ended, or for that long; whether it has."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def state(self) -> State:
        """As of the last request or `wake`; waits for nothing."""
        skew = self._skew if self._skew is not None and abs(self._skew) >= _NOTABLE_SKEW else None
        return State(self._level, self._fault, self._needs_person, self._sent_at, skew)

    def send_once(self) -> bool:
        """One batch, if one waits; whether all that was in it found its end. Raises NetWatchError: the spool."""
        self._forget_accepted()
        self._has_work = False  # before the look: what comes after it says so
        batch = self._spool.batch(self._host_id, self._most, wire.MOST_BYTES - _ROOM)
        if not batch:
            return True
        self._has_work = True
        went_well = self._send(batch)
        self._level = self._spool.level(self._host_id)
        return went_well

    def _send(self, batch: list[Stored]) -> bool:
        self._not_before = clock.boottime() + self._pace.gap
        verdict = self._ask(batch)
        match verdict:
            case Each(fates):
                self._settle(batch, verdict)
                if any(fate == "wait" for fate, _ in fates):
                    self._pause("The server takes nothing from a computer whose clock is that wrong.")
                elif any(fate == "failed" for fate, _ in fates):
                    self._fail("The server could not store everything; the rest is sent again.")
                else:
                    self._succeed()
                    return True
            case Again(reason, after):
                self._fail(reason, after)
            case Paused(reason):
                self._pause(reason)
            case Smaller(reason) if len(batch) > 1:
                self._most = len(batch) // 2
                self._note(reason)
            case Smaller(reason) | Aside(reason):
                self._spool.set_aside([each.id for each in batch], reason)
                self._note(reason)
        return False

    def _run(self) -> None:
        try:
            while self._wait():
                try:
                    self.send_once()
                except NetWatchError as error:
                    self._has_work = True
                    self._fail(str(error))
                except Exception:  # noqa: BLE001  the guard of the thread: a bug over one batch must not end it
                    _log.exception("Unexpected error; uploading goes on")
                    self._has_work = True
                    self._fail("There was an unexpected error; the log has it.")
            if self._drains and not self._faults and not self._needs_person:
                self._drain()
        finally:
            self._client.close()

    def _wait(self) -> bool:
        """Until something may be sent; False: the end is near."""
        with self._woken:
            while not self._stopping:
                left = self._not_before - clock.boottime()
                if self._has_work and left <= 0:
                    return True
                self._woken.wait(left if self._has_work else None)
            return False

    def _drain(self) -> None:
        """Good-bye: what came since the last request, without keeping the distance, once."""
        try:
            if self._has_work:
                self.send_once()
        except NetWatchError as error:
            _log.info("Snapshots wait for the next start: %s", error)

    def _ask(self, batch: list[Stored]) -> Verdict:
        level = self._level = self._spool.level(self._host_id)
        health = wire.AgentHealth(
            collectors_ok=self._collectors_ok(), dropped_count=level.dropped, queue_depth=level.waiting
        )
        body = wire.encode_envelope(self._host(), wire.AGENT, [each.body for each in batch], health)
        sent = time.time()
        try:
            answer = self._client.post(body)
        except LateError as error:
            self._most = max(1, len(batch) // 2)  # two megabytes are too much for a slow line
            return Again(str(error))
        except UnreachableError as error:
            return Again(str(error))
        if answer.server_time is not None:
            # Its clock ticks in whole seconds and read some time between our two looks at ours.
            self._skew = (sent + time.time()) / 2 - answer.server_time - 0.5
        return judge(answer, len(batch), self._skew)

    def _settle(self, batch: list[Stored], verdict: Each) -> None:
        by_fate: dict[str, list[int]] = {}
        reasons: dict[str, str] = {}
        for stored, (fate, words) in zip(batch, verdict.fates, strict=True):
            by_fate.setdefault(fate, []).append(stored.id)
            reasons[fate] = words
        # First what must never be sent again.
        self._accepted = by_fate.get("accepted", [])
        self._forget_accepted()
        if "rejected" in by_fate:
            self._spool.set_aside(by_fate["rejected"], reasons["rejected"])
        # Where all failed it is the server that is not well, and none of them to blame.
        if "failed" in by_fate and "accepted" in by_fate:
            self._spool.failed(by_fate["failed"], _MOST_FAILURES, reasons["failed"])

    def _forget_accepted(self) -> None:
        """Where the disk refused it before (it is full), nothing is sent until it works."""
        if self._accepted:
            self._spool.delivered(self._accepted)
            self._accepted = []

    def _succeed(self) -> None:
        if self._fault:
            _log.info("Uploading works again.")
        self._faults, self._fault, self._needs_person, self._was_told = 0, None, False, False
        self._sent_at = time.time()
        self._most = min(wire.MOST_SNAPSHOTS, self._most * 2)

    def _fail(self, reason: str, after: float | None = None) -> None:
        self._needs_person = False
        self._tell(reason)
        self._faults += 1
        ceiling = min(self._pace.longest_wait, self._pace.gap * 2.0 ** min(self._faults, 16))
        wait = max(self._pace.gap, ceiling * self._jitter(), min(after or 0.0, self._pace.longest_wait))
        self._not_before = clock.boottime() + wait

    def _pause(self, reason: str) -> None:
        if not self._was_told:
            told = f"{reason} Snapshots are kept for a day."
            _log.warning("Uploading is paused: %s", told)
            self._tell_person(told)
        self._fault, self._needs_person, self._was_told = reason, True, True
        self._not_before = clock.boottime() + self._pace.paused

    def _note(self, reason: str) -> None:
        """The next batch may do better, and soon."""
        self._needs_person = False
        self._tell(reason)

    def _tell(self, reason: str) -> None:
        if self._fault is None:
            _log.info("Uploading: %s", reason)
        self._fault = reason


def _duration(seconds: float) -> str:
    """In its largest unit; more would be more than anybody wants to know of a wrong clock."""
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
