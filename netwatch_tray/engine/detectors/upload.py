"""Detects an app that sends much more than it usually does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import msgspec

from netwatch_tray.engine.apps import OTHERS_KEY, SEARCHING_KEY, UNSEEN_KEY
from netwatch_tray.engine.detectors import Moment
from netwatch_tray.event import Finding, SentMuch, Severity

FEWEST_DAYS = 7
"""Days in the history that an app must have before its uploads are compared: less than a week shows no usual amount."""
MOST_DAYS = 28
"""Most days before today: four weeks, so that each day of the week counts the same."""
_RARE_DAYS = 2
"""Today's amount is unusual if at most this many earlier days exceed it. A weekly backup exceeds it more often."""
_MOST_APPS = 500
"""Most apps that are watched, as many as `AppLedger` has."""
_NO_APPS = frozenset({OTHERS_KEY, SEARCHING_KEY, UNSEEN_KEY})


class Usual(msgspec.Struct, frozen=True, gc=False):
    """What an app usually sends on a day, in bytes: statistics of `days` days in the history."""

    median: int
    busy: int
    """Bytes of the busiest day after the `_RARE_DAYS` busiest ones are left out."""
    greatest: int
    days: int


def usual(days: Sequence[int]) -> Usual | None:
    """Return what is usual for an app. `days`: bytes that it sent on each day before today, oldest first. Return `None`
    if these are too few days."""
    if len(days) < FEWEST_DAYS:
        return None
    ordered = sorted(days[-MOST_DAYS:])
    middle = len(ordered) // 2
    median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) // 2
    return Usual(median, ordered[-1 - _RARE_DAYS], ordered[-1], len(ordered))


class Sent(msgspec.Struct, frozen=True, gc=False):
    """An observation: bytes that apps sent since the previous one."""

    day: date
    """The current day in local time."""
    apps: Mapping[str, tuple[str, int]]
    """Name and bytes by the app's key."""


class SentWatch:
    """Finds apps that send much more than usual; each is reported at most once a day. Apps with too few days in the
    history are left out."""

    def __init__(self) -> None:
        self.times = 4
        """An app is reported only if it sends more than this many times its median of a day."""
        self.least = 100_000_000
        """An app is reported only if it sends more than this many bytes: as many as a video call of half an hour."""
        self._day: date | None = None
        self._usual: Mapping[str, Usual] = {}
        self._before: Mapping[str, int] = {}
        """Bytes sent today before the first observation, by app."""
        self._sent: dict[str, int] = {}
        """Bytes sent today since the first observation, by app."""
        self._reported: set[str] = set()
        """Apps reported today."""

    def compare_with(self, day: date, days: Mapping[str, Usual], sent: Mapping[str, int]) -> None:
        """Set what later observations of `day` are compared with.

        `days`: what each app usually sends. `sent`: bytes that each app sent on this day before the first observation.
        """
        if day != self._day:
            self._begin(day)
        self._usual, self._before = days, sent

    def take(self, sent: Sent, now: Moment, /) -> Iterator[Finding]:
        if sent.day != self._day:
            self._begin(sent.day)
        for app, (name, amount) in sent.apps.items():
            if app not in self._sent and len(self._sent) >= _MOST_APPS:
                continue
            self._sent[app] = self._sent.get(app, 0) + amount
            total = self._before.get(app, 0) + self._sent[app]
            known = self._usual.get(app)
            if known is None or app in self._reported or app in _NO_APPS:
                continue
            if total > self.least and total > self.times * known.median and total > known.busy:
                self._reported.add(app)
                yield Finding(
                    evidence=SentMuch(
                        sent=total,
                        usual=known.median,
                        greatest=known.greatest,
                        days=known.days,
                        rule_times=self.times,
                        rule_least=self.least,
                    ),
                    severity=Severity.ALERT,
                    key=app,
                    at=now.at,
                    app=app,
                    app_name=name,
                )

    def _begin(self, day: date) -> None:
        self._day, self._before, self._sent, self._reported = day, {}, {}, set()
