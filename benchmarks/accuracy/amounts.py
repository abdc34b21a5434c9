"""What was sent, what a tool saw of it, and how the two compare. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple


class Unit(StrEnum):
    """Which bytes of a packet a tool counts."""

    FRAMES = "frames"
    """All bytes, as interface counters do: Ethernet, IP and transport headers, and payload."""
    IP = "IP"
    """IP packets: frames without the Ethernet header."""
    SEGMENTS = "segments"
    """TCP segments and UDP datagrams: IP packets without the IP header."""
    PAYLOAD = "payload"
    """What programs send and receive."""


class Both(NamedTuple):
    """A number of bytes received, and one of bytes sent; or the errors in both."""

    rx: int = 0
    tx: int = 0

    def plus(self, other: Both) -> Both:
        return Both(self.rx + other.rx, self.tx + other.tx)

    def minus(self, other: Both) -> Both:
        return Both(self.rx - other.rx, self.tx - other.tx)


_NOTHING = Both()


def added(amounts: Iterable[Both]) -> Both:
    result = Both()
    for each in amounts:
        result = result.plus(each)
    return result


class Truth(NamedTuple):
    """The bytes that really moved in a scenario."""

    total: Mapping[Unit, Both]
    """Bytes through the uplinks, as recorded at the far ends of their wires."""
    apps: Mapping[str, Mapping[Unit, Both]]
    """Bytes by app: payload as its program counted it; frames and IP packets where they were recorded."""
    is_local: bool = False
    """Whether the apps' bytes stayed on the machine."""
    bystanders: frozenset[str] = frozenset()
    """Apps that only move bytes because others do, such as a server on the same machine, or the process of a VPN."""


class Seen(NamedTuple):
    """What a tool shows at one time, counted since its start. `None`: the tool does not show this."""

    total: Both | None = None
    apps: Mapping[str, Both] | None = None
    unnamed: Both = Both()
    """Bytes that the tool shows as those of unknown apps."""
    local: Mapping[str, Both] = {}
    """Apps' bytes that the tool reports as having stayed on the machine."""
    digits: int | None = None
    """Number of significant digits that the tool shows; `None`: all."""


class Verdict(StrEnum):
    EXACT = "exact"
    ROUNDED = "rounded"
    """Correct within the digits that the tool shows."""
    MISSED = "missed"
    """Fewer bytes than were sent, and no other app has them."""
    UNNAMED = "no name"
    """Fewer than were sent; the tool shows the rest as bytes of unknown apps."""
    MISATTRIBUTED = "misattributed"
    """Fewer than were sent, and the tool shows bytes for apps that did not send them."""
    DOUBLED = "too many"
    UNCLAIMED = "–"
    """The tool does not show this."""


class Judged(NamedTuple):
    verdict: Verdict
    error: Both
    """Bytes that the tool shows minus bytes that were sent."""


class Result(NamedTuple):
    """How correct a tool was in a scenario."""

    total: Judged
    apps: Judged
    """The error is the sum over the apps."""
    others: Both = Both()
    """Bytes that the tool shows for apps that are not in the scenario."""

    @property
    def is_exact(self) -> bool:
        return self.total.verdict == self.apps.verdict == Verdict.EXACT


UNCLAIMED = Judged(Verdict.UNCLAIMED, Both())


def judge(truth: Truth, unit: Unit, app_unit: Unit, before: Seen, after: Seen) -> Result:
    """Compare what a tool shows with what was sent. `unit`, `app_unit`: which bytes of a packet the tool counts in the
    total and for apps. `before`, `after`: what it showed before and after the traffic."""
    total = UNCLAIMED
    if after.total is not None:
        seen = after.total.minus(before.total or Both())
        total = _judged([(seen, truth.total[unit])], after.digits)
    seen_apps, others = _moved(truth, before, after)
    apps = UNCLAIMED
    if seen_apps is not None and all(app_unit in units for units in truth.apps.values()):
        pairs = [(seen_apps.get(name, Both()), units[app_unit]) for name, units in truth.apps.items()]
        apps = _judged(pairs, after.digits, others, after.unnamed.minus(before.unnamed))
    return Result(total, apps, others)


def _moved(truth: Truth, before: Seen, after: Seen) -> tuple[Mapping[str, Both] | None, Both]:
    """Return the bytes of the scenario's apps, and of all others."""
    if after.apps is None:
        return None, Both()
    new, old = (after.local, before.local) if truth.is_local and after.local else (after.apps, before.apps or {})
    moved = {name: seen.minus(old.get(name, Both())) for name, seen in new.items()}
    return moved, added(seen for name, seen in moved.items() if name not in truth.apps and name not in truth.bystanders)


def _judged(
    pairs: list[tuple[Both, Both]], digits: int | None, others: Both = _NOTHING, unnamed: Both = _NOTHING
) -> Judged:
    error = added(seen.minus(sent) for seen, sent in pairs)
    if all(seen == sent for seen, sent in pairs):
        return Judged(Verdict.EXACT, error)
    if digits is not None and all(_is_rounded(seen, sent, digits) for seen, sent in pairs):
        return Judged(Verdict.ROUNDED, error)
    if any(each > 0 for seen, sent in pairs for each in seen.minus(sent)):
        return Judged(Verdict.DOUBLED, error)
    if unnamed != Both():
        return Judged(Verdict.UNNAMED, error)
    return Judged(Verdict.MISSED if others == Both() else Verdict.MISATTRIBUTED, error)


def _is_rounded(seen: Both, sent: Both, digits: int) -> bool:
    """Return whether both numbers are right within their `digits` significant digits."""
    return all(abs(shown - true) * 10 ** (digits - 1) <= true for shown, true in zip(seen, sent, strict=True))
