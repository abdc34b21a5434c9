"""Space on the disks and their traffic: from /proc and statvfs(3) on Linux, by psutil elsewhere.

A file system counts once, however often it is mounted. Only whole disks count, because the traffic of a partition, a
RAID or an encrypted volume is also counted by the disk below it.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import NamedTuple, Protocol

from netwatch_tray.collect import kernel_file
from netwatch_tray.collect.linux.proc import Mount, parse_mounts
from netwatch_tray.collect.odd_rows import parsed
from netwatch_tray.errors import CollectError
from netwatch_tray.text import decoded, from_os

_SECTOR = 512
"""Bytes of a sector in /proc/diskstats, whatever the disk's own sectors are (Documentation/admin-guide/iostats.rst)."""
_STACKED = re.compile(r"(?:loop|ram|zram|dm-|md|sr|fd)\d")
_IMAGE = re.compile(r"/dev/(?:loop|ram|zram)\d")
"""Pattern of block devices that are files or memory, not disks."""
_LOCAL = frozenset(
    "ext2 ext3 ext4 xfs btrfs f2fs jfs reiserfs bcachefs zfs vfat exfat ntfs ntfs3 fuseblk".split()
    + "apfs hfs hfsplus msdos".split()
)
"""File systems that lie on disks of this machine. statvfs(3) of a network file system may block for ever."""
_CONTAINER = re.compile(r"/dev/disk\d+")
"""Pattern that finds the container in the name of an APFS volume (macOS), such as `/dev/disk3s1s1`. The volumes of a
container share its space."""


class Usage(NamedTuple):
    """Space of one file system, in bytes."""

    point: str
    device: str
    total: int
    used: int
    available: int
    """Bytes that users other than root may still write."""

    @property
    def percent(self) -> float:
        """Return the used share in percent of the space that users other than root may use, as df(1) does."""
        usable = self.used + self.available
        return round(100 * self.used / usable, 1) if usable else 0.0


class Traffic(NamedTuple):
    """Bytes read from disks and written to disks since boot."""

    read: int
    written: int


def usages() -> tuple[Usage, ...]:
    """Return the space of each file system that is on a disk. Raise CollectError if the mounts cannot be read."""
    if sys.platform == "linux":
        mounts = _real_in(_read("/proc/self/mounts"))
    else:
        import psutil  # noqa: PLC0415  4 MB, for systems without /proc

        mounts = real(mac_mounts(psutil.disk_partitions(all=False)))
    found = {}
    for mount in mounts:
        with contextlib.suppress(OSError):  # unmounted meanwhile, or hidden from this user
            status = os.statvfs(mount.point)
            size = status.f_frsize
            if status.f_blocks:
                found[os.stat(mount.point).st_dev] = Usage(  # noqa: PTH116  paired with statvfs above
                    from_os(mount.point),
                    from_os(mount.device),
                    status.f_blocks * size,
                    (status.f_blocks - status.f_bfree) * size,
                    status.f_bavail * size,
                )
    return tuple(found.values())


def traffic() -> Traffic | None:
    """Return the traffic of all whole disks together, or None if there are none. Raise CollectError if it cannot be
    read."""
    if sys.platform == "linux":
        try:
            names = os.listdir("/sys/block")  # noqa: PTH208  names are enough
        except OSError:
            return None
        return parse_diskstats(_read("/proc/diskstats"), names)
    import psutil  # noqa: PLC0415  as above

    counters = psutil.disk_io_counters()
    return None if counters is None else Traffic(counters.read_bytes, counters.write_bytes)


@lru_cache(maxsize=1)
def _real_in(content: bytes) -> list[Mount]:
    """Return `real` of the mounts in /proc/self/mounts. Cached, so it costs nothing until something is mounted or
    unmounted."""
    return real(parse_mounts(content))


def real(mounts: Iterable[Mount]) -> list[Mount]:
    """Return for each file system on a disk the mount that was made first, and also `/` if that is on no disk, as in a
    container."""
    found: dict[str, Mount] = {}
    for mount in mounts:
        if mount.kind in _LOCAL:
            if not _IMAGE.match(mount.device):
                found.setdefault(mount.device, mount)
        elif mount.point == "/" and mount.kind != "rootfs":
            found["/"] = mount
    return list(found.values())


class Partition(Protocol):
    """The fields of a row of psutil.disk_partitions that are used here."""

    @property
    def device(self) -> str: ...
    @property
    def mountpoint(self) -> str: ...
    @property
    def fstype(self) -> str: ...
    @property
    def opts(self) -> str: ...


def mac_mounts(partitions: Iterable[Partition]) -> list[Mount]:
    """Return the mounts on macOS that a user would call a disk: `/`, and writable ones that the Finder shows.

    The volumes below /System/Volumes share the container of `/`; a read-only volume (a disk image, an installer) cannot
    fill up. One volume stands for all of an APFS container: `/`, or else the first.
    """
    found: dict[str, Mount] = {}
    for each in sorted(partitions, key=lambda each: each.mountpoint != "/"):
        options = each.opts.split(",")
        if each.mountpoint != "/" and ("ro" in options or "dontbrowse" in options):
            continue
        if each.mountpoint.startswith("/System/Volumes/"):
            continue
        container = _CONTAINER.match(each.device) if each.fstype == "apfs" else None
        found.setdefault(container[0] if container else each.device, Mount(each.device, each.mountpoint, each.fstype))
    return list(found.values())


def parse_diskstats(content: bytes, whole_disks: Collection[str]) -> Traffic | None:
    """Return the sum over `whole_disks` in /proc/diskstats, without disks that lie on other disks; None if there are
    none.

    A row that cannot be parsed is left out. Raise ParseError if none can be parsed.
    """
    read = written = 0
    found = False
    for name, sectors_read, sectors_written in parsed("/proc/diskstats", content.split(b"\n"), _sectors):
        if name in whole_disks and not _STACKED.match(name):
            read, written, found = read + sectors_read, written + sectors_written, True
    return Traffic(read * _SECTOR, written * _SECTOR) if found else None


def _sectors(row: bytes) -> tuple[str, int, int]:
    words = row.split()
    read, written = int(words[5]), int(words[9])
    if read < 0 or written < 0:
        raise ValueError(row)
    return decoded(words[2]), read, written


def _read(file: str) -> bytes:
    try:
        return kernel_file.read(file)
    except OSError as error:
        raise CollectError("{file} cannot be read: {reason}.", file=file, reason=error) from error
