"""Sends the snapshots in the spool to the server, in a thread of its own: one request at a time, oldest snapshots
first.

A snapshot stays in the spool until the server has stored it or it is a day old. After a fault the uploader backs off
for a random time that grows (full jitter), so that many hosts do not return in step. If a rate limit refuses a request,
later ones are sent less often and hold more snapshots. While the user has to do something it retries every 15 minutes,
and notifies once.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from netwatch_tray import clock
from netwatch_tray.cloud import wire
from netwatch_tray.cloud.client import JsonClient, LateError, ServerClient, UnreachableError
from netwatch_tray.cloud.response_policy import (
    RATE_LIMITED,
    Decision,
    Outcome,
    Pause,
    PerSnapshot,
    Retry,
    SetAside,
    SlowDown,
    Split,
    decide,
)
from netwatch_tray.cloud.spool import Spool, SpoolCounts, Stored
from netwatch_tray.errors import Message, NetWatchError, ParseError, joined, message

_log = logging.getLogger(__name__)

_MAX_FAILURES = 5
"""Number of failures of the server to store one snapshot, after which the snapshot is set aside."""
_MAX_UNCLEAR = 2 * wire.MOST_SNAPSHOTS
"""Most snapshots that are looked up in the server's list: those of the last batches whose response was lost."""
_ENVELOPE_ROOM = 8192
"""Bytes of a body reserved for the envelope around the snapshots."""
_LONGEST_RETRY_AFTER = 300.0
"""Most seconds that the uploader waits because a failing server requests it."""
_GAP_HALVES_IN = 1800.0
"""Seconds in which the gap between requests, lengthened by a rate limit, shrinks by half. It shrinks by time and not by
success, so that all hosts which share a limit send equally often."""
_NOTABLE_SKEW = 120.0
"""Seconds of clock difference from which on it is shown to the user."""


class Pace(NamedTuple):
    """How long the uploader waits, in seconds."""

    gap: float = 11.0
    """Least time between two requests. Both kinds of servers refuse more than one in ten seconds, and count whole
    seconds."""
    longest_gap: float = 1200.0
    """Greatest gap after refusals by a rate limit; one request holds the snapshots of 25 minutes."""
    longest_refused: float = 300.0
    """Longest pause after one refusal by a rate limit, on average."""
    longest_wait: float = 60.0
    """Longest pause after a fault."""
    paused: float = 900.0
    """Time between requests while the user has to do something."""
    timeout: float = 30.0
    """Time until the response to a request must be complete."""


PACE = Pace()


class UploadState(NamedTuple):
    """The state of uploading, which tray, window and terminal show."""

    counts: SpoolCounts
    fault: Message | None
    """What is wrong; `None` if nothing is."""
    needs_user: bool
    """Whether nothing is sent until the user does something about `fault`."""
    sent_at: float | None
    """Unix time of the last response by which a whole batch was stored; None if there was none."""
    clock_skew: float | None
    """Seconds by which this host's clock is ahead of the server's; None if unknown or less than _NOTABLE_SKEW."""

    @property
    def message(self) -> Message:
        parts = []
        if self.fault:
            parts.append(self.fault)
        elif self.sent_at is None:
            parts.append(message("Nothing was sent yet."))
        else:
            at = time.strftime("%H:%M:%S", time.localtime(self.sent_at))
            parts.append(message("Last sent {time}.", time=at))
        if self.clock_skew is not None:
            skew = _duration(abs(self.clock_skew))
            if self.clock_skew > 0:
                parts.append(message("This computer's clock is {skew} ahead of the server's: set it.", skew=skew))
            else:
                parts.append(message("This computer's clock is {skew} behind the server's: set it.", skew=skew))
        spooled = self.counts
        counts = [
            message("{count} delivered", count=spooled.delivered),
            message("{count} waiting", count=spooled.waiting),
        ]
        if spooled.dropped:
            counts.append(message("{count} dropped (too old or too many)", count=spooled.dropped))
        if spooled.aside:
            counts.append(
                message("{count} refused by the server ({reason})", count=spooled.aside, reason=spooled.reason or "–")
            )
        parts.append(message("{counts}.", counts=joined(counts, ", ")))
        return joined(parts)


class Uploader:
    """Sends the snapshots in the spool between `start` and `stop`. Call `wake` whenever one was added."""

    def __init__(
        self,
        spool: Spool,
        client: JsonClient,
        host: Callable[[], wire.HostInfo],
        *,
        collectors_ok: Callable[[], bool] = lambda: True,
        notify: Callable[[Message], None] = lambda _: None,
        pace: Pace = PACE,
        jitter: Callable[[], float] = lambda: os.urandom(1)[0] / 256,
    ) -> None:
        """`host`: returns the current facts about this host. `notify`: called with what the user has to do before
        anything can be sent. Both, and `collectors_ok`, are called in the uploader's thread. `jitter`: returns a random
        number from 0 to 1. Raise NetWatchError if the spool cannot be read."""
        self._spool, self._client = spool, client
        self._host, self._collectors_ok, self._notify = host, collectors_ok, notify
        self._pace, self._jitter = pace, jitter
        self._max_batch = wire.MOST_SNAPSHOTS
        self._gap = pace.gap
        """Seconds between requests at present."""
        self._gap_at = 0.0
        """Time (boot-time clock) at which `_gap` was computed."""
        self._faults = 0
        """Number of failed requests since the last success."""
        self._refusals = 0
        """Number of refusals by a rate limit since the last success."""
        self._fault: Message | None = None
        self._needs_user = False
        self._was_notified = False
        """Whether the user was notified since the last success."""
        self._sent_at: float | None = None
        self._skew: float | None = None
        self._not_before = 0.0
        """Time (boot-time clock) before which no request is sent."""
        self._host_id = host().host_id
        self._counts = spool.counts(self._host_id)
        self._accepted: list[int] = []
        """IDs of snapshots that the server has stored, but that are not deleted from the spool yet."""
        self._unclear: dict[str, int] = {}
        """IDs of snapshots that the server may have stored, because the response was lost; by timestamp."""
        self._lister = client if isinstance(client, ServerClient) else None
        """Client for the list of stored snapshots; None if the server has no such list."""
        self._is_resumed = self._counts.waiting > 0
        """Whether the spool had snapshots of a previous run, and the server's list was not requested since."""
        self._woken = threading.Condition()
        self._has_work = True
        self._stopping = False
        self._drains = False
        self._thread = threading.Thread(target=self._run, name="upload", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Let the thread send what is in the spool. Call it after each `Spool.append`. Raise NetWatchError if the spool
        cannot be read."""
        self._counts = self._spool.counts(self._host_id)
        with self._woken:
            self._has_work = True
            self._woken.notify()

    def stop(self, within: float = 4.0, *, drain: bool = True) -> None:
        """Let the thread end within about `within` seconds, and return at once. What is not sent stays in the spool.

        `drain`: send one more batch unless the last request failed.
        """
        with self._woken:
            self._stopping, self._drains = True, drain
            self._woken.notify()
        self._client.hurry(within)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the thread has ended after `stop`, at most `seconds` (None: without a limit). Return whether it
        has ended."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def state(self) -> UploadState:
        """Return the state at the last request or `wake`. Never blocks."""
        skew = self._skew if self._skew is not None and abs(self._skew) >= _NOTABLE_SKEW else None
        return UploadState(self._counts, self._fault, self._needs_user, self._sent_at, skew)

    def send_once(self) -> bool:
        """Send one batch if there is any snapshot. Return whether the server's response settled all of them.

        Raise NetWatchError if the spool cannot be used.
        """
        self._forget_accepted()
        if self._lister is not None and not self._clear_up(self._lister):
            return False
        self._has_work = False  # before the spool is read, because a later `wake` sets it again
        batch = self._batch()
        if not batch:
            return True
        self._has_work = True
        is_settled = self._send(batch)
        self._has_work = False  # before the spool is read, as above
        self._counts = self._spool.counts(self._host_id)
        if self._counts.waiting:
            self._has_work = True
        if is_settled and self._counts.waiting >= len(batch):  # the longer gap is for requests that hold more
            self._not_before = self._gap_at + self._pace.gap
        return is_settled

    def _batch(self) -> list[Stored]:
        return self._spool.batch(self._host_id, self._max_batch, wire.MOST_BYTES - _ENVELOPE_ROOM)

    def _clear_up(self, lister: ServerClient) -> bool:
        """Request the server's list, and delete the `_unclear` snapshots that it has stored. Sent again, they might be
        stored twice.

        Return False if the server does not respond now.
        """
        if self._is_resumed:  # the response to the last request of the previous run may be lost
            self._is_resumed = False
            self._note_unclear(self._batch())
        if not self._unclear:
            return True
        self._not_before = clock.boottime() + self._gap
        try:
            response = lister.list_stored(self._host_id, min(self._unclear), max(self._unclear))
            if response.status == 429:
                self._slow_down(RATE_LIMITED, response.retry_after, len(self._unclear))
                return False
            if response.status >= 500:
                failed = message("The server failed ({quote}).", quote=f"HTTP {response.status}")
                self._back_off(failed, response.retry_after)
                return False
            stored = wire.decode_stored(response.body)
        except UnreachableError as error:
            self._back_off(error.message)
            return False
        except ParseError:  # the cloud server has no such list for agents, and stores no duplicates
            self._lister = None
        else:
            self._accepted = [number for timestamp, number in self._unclear.items() if timestamp in stored]
            self._forget_accepted()
        self._unclear.clear()
        return True

    def _note_unclear(self, batch: list[Stored]) -> None:
        if self._lister is None:
            return
        for each in batch:
            with contextlib.suppress(ParseError):  # it was stored by another version
                self._unclear[wire.decode(each.body).timestamp] = each.id
        for oldest in list(self._unclear)[:-_MAX_UNCLEAR]:
            del self._unclear[oldest]

    def _send(self, batch: list[Stored]) -> bool:
        now = clock.boottime()
        self._gap = max(self._pace.gap, self._gap * 0.5 ** ((now - self._gap_at) / _GAP_HALVES_IN))
        self._gap_at = now
        self._not_before = now + self._gap
        decision = self._post(batch)
        if isinstance(decision, Retry) and decision.may_be_stored:
            self._note_unclear(batch)
        match decision:
            case PerSnapshot(outcomes):
                self._settle(batch, decision)
                found = {outcome for outcome, _ in outcomes}
                if Outcome.DEFERRED in found:
                    self._pause(message("The server accepts nothing from a computer whose clock is that wrong."))
                elif Outcome.FAILED in found:
                    self._back_off(message("The server could not store everything; NetWatch sends the rest again."))
                else:
                    self._succeed()
                    return True
            case Retry(reason, after, _):
                self._back_off(reason, after)
            case SlowDown(reason, after):
                self._slow_down(reason, after, len(batch))
            case Pause(reason):
                self._pause(reason)
            case Split(reason) if len(batch) > 1:
                self._max_batch = len(batch) // 2
                self._report(reason)
            case Split(reason) | SetAside(reason):
                self._spool.set_aside([each.id for each in batch], str(reason))
                self._report(reason)
        return False

    def _run(self) -> None:
        try:
            while self._wait():
                try:
                    self.send_once()
                except NetWatchError as error:
                    self._has_work = True
                    self._back_off(error.message)
                except Exception:  # noqa: BLE001  the guard of the thread: a bug over one batch must not end it
                    _log.exception("Unexpected error; uploading goes on")
                    self._has_work = True
                    self._back_off(message("An unexpected error occurred; see the log."))
            if self._drains and not self._faults and not self._needs_user:
                self._drain()
        finally:
            self._client.close()

    def _wait(self) -> bool:
        """Wait until something may be sent. Return False once `stop` was called."""
        with self._woken:
            while not self._stopping:
                left = self._not_before - clock.boottime()
                if self._has_work and left <= 0:
                    return True
                self._woken.wait(left if self._has_work else None)
            return False

    def _drain(self) -> None:
        """Send a last batch, if snapshots were added since the last request, without waiting for `Pace.gap`."""
        try:
            if self._has_work:
                self.send_once()
        except NetWatchError as error:
            _log.info("Snapshots stay in the spool until the next start: %s", error)

    def _post(self, batch: list[Stored]) -> Decision:
        counts = self._counts = self._spool.counts(self._host_id)
        health = wire.AgentHealth(
            collectors_ok=self._collectors_ok(), dropped_count=counts.dropped, queue_depth=counts.waiting
        )
        body = wire.encode_envelope(self._host(), wire.AGENT, [each.body for each in batch], health)
        sent = time.time()
        try:
            response = self._client.post(body)
        except LateError as error:
            self._max_batch = max(1, len(batch) // 2)  # two megabytes are too much for a slow link
            return Retry(error.message, may_be_stored=error.was_sent)
        except UnreachableError as error:
            return Retry(error.message, may_be_stored=error.was_sent)
        if response.server_time is not None:
            # The server's clock shows whole seconds, and was read between our two readings.
            self._skew = (sent + time.time()) / 2 - response.server_time - 0.5
        return decide(response, len(batch), self._skew)

    def _settle(self, batch: list[Stored], decision: PerSnapshot) -> None:
        ids: dict[Outcome, list[int]] = {}
        reasons: dict[Outcome, Message] = {}
        for stored, (outcome, reason) in zip(batch, decision.outcomes, strict=True):
            ids.setdefault(outcome, []).append(stored.id)
            reasons[outcome] = reason
        # First, because these must never be sent again.
        self._accepted = ids.get(Outcome.ACCEPTED, [])
        self._forget_accepted()
        if Outcome.REJECTED in ids:
            self._spool.set_aside(ids[Outcome.REJECTED], str(reasons[Outcome.REJECTED]))
        # Where all of them failed, the server is at fault and not a snapshot.
        if Outcome.FAILED in ids and Outcome.ACCEPTED in ids:
            self._spool.failed(ids[Outcome.FAILED], _MAX_FAILURES, str(reasons[Outcome.FAILED]))

    def _forget_accepted(self) -> None:
        """Delete the snapshots that the server has stored. If that fails (the disk may be full) it raises, so that
        nothing more is sent until it succeeds."""
        if self._accepted:
            self._spool.delivered(self._accepted)
            self._accepted = []

    def _succeed(self) -> None:
        if self._fault and self._fault != RATE_LIMITED:
            _log.info("Sending works again.")
        self._faults, self._fault, self._needs_user, self._was_notified = 0, None, False, False
        self._refusals = 0
        self._sent_at = time.time()
        self._max_batch = min(wire.MOST_SNAPSHOTS, self._max_batch * 2)

    def _back_off(self, reason: Message, after: float | None = None) -> None:
        """Set a longer time until the next request, after a fault. `after`: seconds that the server
        requests to wait."""
        self._report(reason)
        self._faults += 1
        ceiling = min(self._pace.longest_wait, self._pace.gap * 2.0 ** min(self._faults, 16))
        wait = max(self._gap, ceiling * self._jitter(), min(after or 0.0, _LONGEST_RETRY_AFTER))
        self._not_before = clock.boottime() + wait

    def _slow_down(self, reason: Message, after: float | None, count: int) -> None:
        """Lengthen the gap between requests, after a refusal by a rate limit. `after`: seconds that the server requests
        to wait. `count`: number of snapshots in the request."""
        self._report(reason)
        self._refusals += 1
        if count >= self._counts.waiting:  # with more snapshots than fit, fewer requests would not hold more
            self._gap = min(2 * self._gap, self._pace.longest_gap)
        ceiling = min(self._pace.gap * 2.0 ** min(self._refusals, 16), self._pace.longest_refused)
        wait = ceiling * (0.5 + self._jitter())
        self._not_before = clock.boottime() + max(wait, min(after or 0.0, self._pace.longest_gap))

    def _pause(self, reason: Message) -> None:
        if not self._was_notified:
            notice = message("{reason} Snapshots are kept for a day.", reason=reason)
            _log.warning("Sending is paused: %s", notice)
            self._notify(notice)
        self._fault, self._needs_user, self._was_notified = reason, True, True
        self._not_before = clock.boottime() + self._pace.paused

    def _report(self, reason: Message) -> None:
        """Set a fault that needs no action of the user; the next request may succeed."""
        if self._fault is None and reason != RATE_LIMITED:  # which comes and goes
            _log.info("Sending: %s", reason)
        self._fault, self._needs_user = reason, False


def _duration(seconds: float) -> Message:
    """Return a duration in words, in the largest unit of which it has at least two."""
    if seconds >= 2 * 86400:
        return message("{count:.0f} days", count=seconds / 86400)
    if seconds >= 2 * 3600:
        return message("{count:.0f} hours", count=seconds / 3600)
    if seconds >= 2 * 60:
        return message("{count:.0f} minutes", count=seconds / 60)
    return message("{count:.0f} s", count=seconds)
