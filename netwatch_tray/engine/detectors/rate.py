"""Detects that an app, or all together, upload at more than a limit for a long time. Only if the user has set a
limit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from netwatch_tray.engine.apps import SEARCHING_KEY
from netwatch_tray.engine.detectors import Moment
from netwatch_tray.event import Finding, HeldRate, Severity

_STEP_S = 10.0
"""Seconds over which a rate is averaged, because a transfer over a congested link pauses for a second or two."""


TOTAL = "total"


class Uploaded(msgspec.Struct, frozen=True, gc=False):
    """An observation: bytes sent since the previous one."""

    elapsed_s: float | None
    """Seconds since the previous observation; `None` if that is too long ago for a rate."""
    sent: Mapping[str, tuple[str | None, int]]
    """Name and bytes of each app by its key. For the total there is one entry with the key `TOTAL`."""


class _Hold:
    __slots__ = ("is_reported", "name", "seconds", "sent")

    def __init__(self, name: str | None) -> None:
        self.name = name
        self.seconds = 0.0
        self.sent = 0
        self.is_reported = False


class RateWatch:
    """Finds upload rates that stay above a limit. One object watches either all apps or the total."""

    def __init__(self, limit: float | None = None, seconds: float = 600.0) -> None:
        """`limit`: bytes/s; `None`: nothing is detected. `seconds`: how long a rate must stay above it."""
        self.limit, self.seconds = limit, seconds
        self._elapsed = 0.0
        self._sent: dict[str, tuple[str | None, int]] = {}
        """Name and bytes sent by each app since the last average was computed."""
        self._holds: dict[str, _Hold] = {}

    @property
    def is_held(self) -> bool:
        """Return whether any average rate is above the limit at present."""
        return bool(self._holds)

    def take(self, uploaded: Uploaded, now: Moment, /) -> Iterator[Finding]:
        limit = self.limit
        if limit is None or uploaded.elapsed_s is None:
            self._elapsed, self._sent, self._holds = 0.0, {}, {}
            return
        self._elapsed += uploaded.elapsed_s
        for app, (name, amount) in uploaded.sent.items():
            if app != SEARCHING_KEY:
                self._sent[app] = name, self._sent.get(app, (name, 0))[1] + amount
        if self._elapsed < _STEP_S:
            return
        least, elapsed, sent = limit * self._elapsed, self._elapsed, self._sent
        self._elapsed, self._sent = 0.0, {}
        for app in [app for app in self._holds if sent.get(app, (None, 0))[1] < least]:
            hold = self._holds.pop(app)
            if hold.is_reported:
                yield self._finding(app, hold, limit, now)
        for app, (name, amount) in sent.items():
            if amount < least:
                continue
            hold = self._holds.setdefault(app, _Hold(name))
            hold.seconds += elapsed
            hold.sent += amount
            if hold.seconds >= self.seconds and not hold.is_reported:
                yield self._finding(app, hold, limit, now)
                hold.is_reported = True

    def _finding(self, app: str, hold: _Hold, limit: float, now: Moment) -> Finding:
        return Finding(
            evidence=HeldRate(
                rate=hold.sent / hold.seconds, seconds=hold.seconds, rule_rate=limit, rule_seconds=self.seconds
            ),
            severity=Severity.ALERT,
            key=f"rate {app}",
            at=now.at,
            since=now.at - hold.seconds,
            app=None if app == TOTAL else app,
            app_name=hold.name,
            goes_on=hold.is_reported,
        )
