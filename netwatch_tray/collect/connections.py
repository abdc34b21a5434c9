"""Opens the best source of sockets on this machine, and reports why there is no better one."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from netwatch_tray.collect.sockets import ConnectionSource, Openings, Refusals
from netwatch_tray.errors import Message, UnsupportedError, joined


def open_source() -> ConnectionSource:
    """Return the best source of sockets that works here. Its `note` says what it cannot measure, and why better sources
    do not work.

    Raise UnsupportedError with the reason of each source if none works.
    """
    reasons: list[Message] = []
    for opener in _openers():
        try:
            source = opener()
        except UnsupportedError as error:
            reasons.append(error.message)
            continue
        if reasons:
            source.note = joined([*filter(None, [source.note]), *reasons])
        return source
    if reasons:
        raise UnsupportedError(joined(reasons))
    raise UnsupportedError("Connections cannot be listed on {platform}.", platform=sys.platform)


def open_openings() -> Openings | None:
    """Return an object that counts opened connections and is cheap to read; None if this system has no such counter."""
    if sys.platform != "linux":
        return None
    from netwatch_tray.collect.linux.proc_net_snmp import TcpOpenings  # noqa: PLC0415  Linux only

    try:
        return TcpOpenings()
    except UnsupportedError:
        return None


def open_refusals() -> Refusals | None:
    """Return an object that counts packets refused by this machine, such as those for closed ports.

    None if this system has no such counter, or this user may not read it.
    """
    if sys.platform != "linux":
        return None
    from netwatch_tray.collect.linux.proc_net_snmp import RefusalCounters  # noqa: PLC0415  Linux only

    try:
        return RefusalCounters()
    except UnsupportedError:
        return None


def _openers() -> Iterator[Callable[[], ConnectionSource]]:
    """Yield the functions that open this system's sources, best first. The module of each is imported only when the
    previous one has failed."""
    if sys.platform == "linux":
        from netwatch_tray.collect.linux.sock_diag import SockDiagSource  # noqa: PLC0415  loaded when tried

        yield SockDiagSource
        from netwatch_tray.collect.linux.proc_net_sockets import ProcNetSource  # noqa: PLC0415  loaded when tried

        yield ProcNetSource
        from netwatch_tray.collect.linux.ss import SsSource  # noqa: PLC0415  loaded when tried

        yield SsSource
    elif sys.platform == "darwin":
        from netwatch_tray.collect.darwin.nettop import NettopSource  # noqa: PLC0415  loaded when tried
        from netwatch_tray.collect.darwin.pcblist import COUNTS_BYTES, PcblistSource, darwin_release  # noqa: PLC0415

        openers = (PcblistSource, NettopSource) if darwin_release() in COUNTS_BYTES else (NettopSource, PcblistSource)
        yield from openers
    else:
        return
    from netwatch_tray.collect.lsof import LsofSource  # noqa: PLC0415  loaded when tried

    yield LsofSource
    if sys.platform == "linux":
        from netwatch_tray.collect.portable.psutil_connections import PsutilSource  # noqa: PLC0415  loaded when tried

        yield PsutilSource
