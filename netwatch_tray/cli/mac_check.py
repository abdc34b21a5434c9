"""`mac-check`: reports what can only be verified on a Mac. The report contains no address, host, process or user."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import netwatch_tray
from netwatch_tray.cli.session import DONE, WRONG, print_pairs
from netwatch_tray.errors import NetWatchError

if TYPE_CHECKING:
    from netwatch_tray.collect.sockets import Socket
    from netwatch_tray.model import Sample

Pairs = Iterator[tuple[str, str]]

_COUNTER_LAG = 1 << 20
"""Bytes by which an interface's counter may grow between two readings that follow each other at once."""


def add_subcommands(subcommands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    if sys.platform == "darwin":
        parser = subcommands.add_parser(
            "mac-check",
            example="netwatch-tray mac-check",
            help="check names and sources of this Mac; prints one report to paste",
        )
        parser.set_defaults(run=_mac_check)


def _mac_check(_options: argparse.Namespace) -> int:
    return report((("machine", _machine), ("names", _names), ("interfaces", _interfaces), ("counters", _counters),
                   ("connections", _connections), ("disks", _disks), ("clocks", _clocks)))  # fmt: skip


def report(sections: tuple[tuple[str, Callable[[], Pairs]], ...]) -> int:
    """Print each section, even if others fail. Return the exit code: WRONG if a check is marked WRONG or failed."""
    code = DONE
    for title, section in sections:
        pairs: dict[str, str] = {}
        try:
            for name, value in section():
                pairs[name] = value
                if value.startswith("WRONG"):
                    code = WRONG
        except Exception as error:  # noqa: BLE001  the report of a fault is what it is for
            pairs["FAILED"] = f"{type(error).__name__}: {error}"
            code = WRONG
        print(f"[{title}]")
        print_pairs(pairs)
    return code


def _machine() -> Pairs:
    from netwatch_tray.collect.system import machine

    yield "program", f"netwatch-tray {netwatch_tray.__version__}, Python {platform.python_version()}"
    yield "system", f"{machine().os}, Darwin {os.uname().release}, {os.uname().machine}"
    yield "frozen", str(getattr(sys, "frozen", False))
    yield "translocated", str("/AppTranslocation/" in sys.executable)


def _names() -> Pairs:
    import AppKit
    import Foundation
    import objc

    from netwatch_tray.tray.backends import user_notifications

    user_notifications.load_framework()
    yield "bundle", str(Foundation.NSBundle.mainBundle().bundleIdentifier())
    missing = missing_names(objc.lookUpClass, lambda name: getattr(AppKit, name, getattr(Foundation, name, None)))
    yield "selectors and constants", f"WRONG, missing: {', '.join(missing)}" if missing else "all there"


def missing_names(look_up: Callable[[str], Any], constant: Callable[[str], Any]) -> list[str]:
    """Return the names in the table of Apple's names that this Mac lacks, or for which it has another value."""
    from netwatch_tray.tray.backends.cocoa_names import CONSTANTS, SELECTORS

    missing = [f"{name}={constant(name)}" for name, value in CONSTANTS.items() if constant(name) != value]
    for owner, selectors in SELECTORS.items():
        try:
            found = look_up(owner)
        except Exception:  # noqa: BLE001  objc.nosuchclass_error, which is there on a Mac alone
            missing.append(owner)
            continue
        for selector in selectors:
            name = selector.removeprefix("+")
            responds = found.respondsToSelector_ if selector != name else found.instancesRespondToSelector_
            if not responds(name):
                missing.append(f"{owner} {selector}")
    return missing


def _interfaces() -> Pairs:
    from netwatch_tray.collect.darwin.interfaces import IFALLDATA, SysctlSource, medium_of

    source = SysctlSource(IFALLDATA)
    for each in source.sample().interfaces.values():
        medium = medium_of(each.name)
        yield (
            each.name,
            (
                f"{each.kind}, {'up' if each.is_up else 'down'}, default route {each.default_metric}, "
                f"wireless {medium.is_wireless}, carrier {medium.has_carrier}"
            ),
        )


def _counters() -> Pairs:
    from netwatch_tray.collect.darwin.interfaces import IFALLDATA, IFLIST2, SysctlSource

    first, second = SysctlSource(IFALLDATA), SysctlSource(IFLIST2)
    yield "IFMIB_IFALLDATA and NET_RT_IFLIST2", compared(first.sample(), second.sample())


def compared(whole: Sample, rounded: Sample) -> str:
    """Return a sentence about whether two readings of all interfaces agree: `whole` from 64-bit counters, `rounded`
    from 32-bit counters whose bytes the kernel rounds to KiB."""
    off = []
    for index, counters in whole.counters.items():
        other = rounded.counters.get(index)
        if other is None:
            continue
        for at in (2, 3):  # bytes received and sent
            if (other[at] - counters[at]) % (1 << 32) > _COUNTER_LAG and (counters[at] - other[at]) % (1 << 32) > 1024:
                off.append(whole.interfaces[index].name)
                break
    return f"WRONG, differ on {', '.join(off)}" if off else f"agree on {len(whole.counters)} interfaces"


def _connections() -> Pairs:
    from netwatch_tray.collect import lsof, tools
    from netwatch_tray.collect.darwin import nettop, pcblist

    lists: dict[str, Mapping[str, Socket]] = {}

    def flows() -> Mapping[str, Socket]:
        written = tools.output([tools.find("nettop"), *nettop.ARGUMENTS])
        titles.append(written.partition(b"\n")[0].decode(errors="replace"))
        return nettop.parse(written)

    titles: list[str] = []
    sources: tuple[tuple[str, Callable[[], Mapping[str, Socket]]], ...] = (
        ("pcblist_n", lambda: pcblist.PcblistSource().sockets()),
        ("nettop", flows),
        ("lsof", lambda: lsof.LsofSource().sockets()),
    )
    for name, read in sources:
        start = time.perf_counter()
        try:
            lists[name] = read()
        except NetWatchError as error:
            yield name, f"refused: {error}"
            continue
        yield name, f"{in_numbers(lists[name])}; {time.perf_counter() - start:.3f} s"
    yield "nettop's columns", titles[0] if titles else "–"
    for name in ("pcblist_n", "lsof"):
        if name in lists and "nettop" in lists:
            joined = nettop.join(lists[name], lists["nettop"])
            yield f"nettop joined with {name}", in_numbers(joined)


def in_numbers(sockets: Mapping[str, Socket]) -> str:
    found = list(sockets.values())
    counts = Counter(each.protocol for each in found)
    known = {
        "with a process": sum(each.pid is not None for each in found),
        "of other processes": sum(each.pid not in (None, os.getpid()) for each in found),
        "with a user": sum(each.uid is not None for each in found),
        "with received bytes": sum(bool(each.rx_bytes) for each in found),
        "with sent bytes": sum(bool(each.tx_bytes) for each in found),
    }
    return ", ".join(f"{count} {name}" for name, count in (*sorted(counts.items()), *known.items()))


def _disks() -> Pairs:
    import psutil

    from netwatch_tray.collect import disks

    yield "mounts", str(len(psutil.disk_partitions(all=False)))
    for number, usage in enumerate(disks.usages()):
        place = usage.point if usage.point == "/" else f"volume {number}"
        yield place, f"{usage.total} bytes, {usage.percent} % used"


def _clocks() -> Pairs:
    from netwatch_tray import clock

    yield "since boot, sleep included", f"{clock.boottime():.3f} s"
    yield "since boot, sleep left out", f"{clock.uptime():.3f} s"
