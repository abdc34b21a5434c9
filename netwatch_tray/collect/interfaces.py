"""Opens the best source of interface counters on this machine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import msgspec

from netwatch_tray.collect.interface_source import InterfaceSource
from netwatch_tray.errors import Message, UnsupportedError, joined, message


class OpenedSource(msgspec.Struct, frozen=True):
    """The source in use, and why it was chosen."""

    source: InterfaceSource
    report: tuple[tuple[str, Message], ...]
    """For `doctor`: name and result of each source, in the order in which they were tried. The result is `in use` or
    why the source does not work."""


Opener = tuple[str, Callable[[], InterfaceSource]]
"""Name of a source, and the function that opens it. The function raises UnsupportedError if the source
does not work."""


def open_interfaces(prefer: str | None = None) -> OpenedSource:
    """Open the first source of interface counters that works here. `prefer`: name of a source to try before the others.

    Raise UnsupportedError if none works, or there is none with that name.
    """
    return open_first(_openers(), prefer)


def open_every() -> list[InterfaceSource]:
    """Open every source that works here, best first, so that their numbers can be compared. Raise UnsupportedError if
    none works."""
    sources, reasons = [], []
    for name, open_source in _openers():
        try:
            sources.append(open_source())
        except UnsupportedError as error:
            reasons.append(message("{name}: {reason}", name=name, reason=error))
    if not sources:
        raise _none_works(reasons)
    return sources


def open_first(openers: Sequence[Opener], prefer: str | None) -> OpenedSource:
    """Open the first source that works: `prefer`, then the others, best first. Raise UnsupportedError if none works."""
    names = [name for name, _ in openers]
    if prefer is not None and prefer not in names:
        raise UnsupportedError(
            "There is no interface source {prefer} here. Choose one of: {names}.",
            prefer=repr(prefer),
            names=", ".join(names),
        )
    report: list[tuple[str, Message]] = []
    for name, open_source in sorted(openers, key=lambda opener: opener[0] != prefer):
        try:
            source = open_source()
        except UnsupportedError as error:
            report.append((name, error.message))
        else:
            return OpenedSource(source, (*report, (name, message("in use"))))
    raise _none_works([message("{name}: {reason}", name=name, reason=reason) for name, reason in report])


def _none_works(reasons: list[Message]) -> UnsupportedError:
    return UnsupportedError("No interface can be measured on this system. {reasons}", reasons=joined(reasons, "; "))


def _openers() -> Sequence[Opener]:
    return _darwin_openers() if sys.platform == "darwin" else _linux_openers()


# Lazily: each system has separate modules, and psutil takes memory only once it is needed.


def _linux_openers() -> Sequence[Opener]:
    from netwatch_tray.collect.linux.proc_net_dev import ProcNetDevSource  # noqa: PLC0415  Linux alone
    from netwatch_tray.collect.linux.rtnetlink import LinkSource, StatsSource  # noqa: PLC0415  Linux alone

    return (
        (StatsSource.name, StatsSource),
        (LinkSource.name, LinkSource),
        (ProcNetDevSource.name, ProcNetDevSource),
        ("psutil", lambda: _psutil(64)),
    )


def _darwin_openers() -> Sequence[Opener]:
    from netwatch_tray.collect.darwin.interfaces import IFALLDATA, IFLIST2, SysctlSource  # noqa: PLC0415  macOS alone
    from netwatch_tray.collect.darwin.liveness import LivenessGuard  # noqa: PLC0415  macOS alone

    return (
        (IFALLDATA.name, lambda: LivenessGuard(SysctlSource(IFALLDATA))),
        (IFLIST2.name, lambda: LivenessGuard(SysctlSource(IFLIST2))),
        ("psutil", lambda: _psutil(32)),  # it reads NET_RT_IFLIST2
    )


def _psutil(counter_bits: int) -> InterfaceSource:
    from netwatch_tray.collect.portable.psutil_interfaces import PsutilSource  # noqa: PLC0415  the last resort

    return PsutilSource(counter_bits)
