"""Files with the remote hosts of apps, one for each UTC day. Written only if the user has turned that on.

A file contains the hours of one day as `engine.app_hosts` encodes them ("packed"), about 10 to 30 kB on a desktop, and
is replaced as a whole. If a file cannot be read, only its day is lost. The agent writes the files; other programs of
the same user may read them at any time. Hours and days are numbered from 1970-01-01 UTC.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import msgspec

from netwatch_tray import paths
from netwatch_tray.engine.app_hosts import HOUR, hosts_of
from netwatch_tray.errors import HistoryError, ParseError, reason_of
from netwatch_tray.model import HostAmount

_log = logging.getLogger(__name__)

MOST_BYTES = 50_000_000
"""Most bytes of all files together. Beyond that, the files of the oldest days are deleted."""
_HOURS_OF_DAY = 24
_EPOCH = date(1970, 1, 1).toordinal()
_SUFFIX = ".hosts"
_MOST_BYTES_OF_DAY = 16 << 20
"""Most bytes of a file after decompression. The largest possible day has 3 MB."""

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(dict[int, bytes])


class HostDays:
    """Reads and writes the files in one directory, which need not exist."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._names = directory / "names"

    @property
    def exists(self) -> bool:
        return paths.exists(self._directory)

    def amounts(self, app: str, start: float, end: float) -> tuple[HostAmount, ...]:
        """Return the traffic of an app with each host between two Unix times, the largest first. Each hour that the
        range touches is counted as a whole. The latest 15 minutes may be missing, because the agent has not written
        them yet."""
        hours = self.read(int(start // HOUR), int((end - 1) // HOUR))
        while True:
            try:
                return hosts_of(hours.values(), app)
            except ParseError as error:
                _log.warning("%s", error)
                hours = {number: packed for number, packed in hours.items() if _is_readable(packed, app)}

    def read(self, first: int, last: int) -> dict[int, bytes]:
        """Return the packed hours with the numbers `first` to `last`, both included, by number of the hour."""
        found: dict[int, bytes] = {}
        for file in self._files():
            day = _day(file)
            if first // _HOURS_OF_DAY <= day <= last // _HOURS_OF_DAY:
                found.update({number: packed for number, packed in _content(file).items() if first <= number <= last})
        return found

    def write(self, hours: Mapping[int, bytes], oldest: int) -> None:
        """Store packed hours (by number of the hour), replacing stored ones, and delete the files of days before the
        hour `oldest`. Raise HistoryError."""
        days = {number // _HOURS_OF_DAY for number in hours}
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            for day in days:
                file = self._directory / f"{date.fromordinal(_EPOCH + day)}{_SUFFIX}"
                content = _content(file) | {each: hours[each] for each in hours if each // _HOURS_OF_DAY == day}
                paths.replace_private(file, _packed(content))
            self._prune(oldest // _HOURS_OF_DAY)
        except OSError as error:
            raise _unwritable(self._directory, error) from error

    def read_names(self) -> bytes | None:
        """Return what `write_names` stored, or None if there is nothing or it cannot be read."""
        try:
            return _unpacked(self._names.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, zlib.error) as error:
            _log.warning("Names of hosts cannot be read: %s.", reason_of(error))
            return None

    def write_names(self, names: bytes) -> None:
        """Store the names of hosts for the next run. `names`: result of engine.hosts.Hosts.packed. Raise
        HistoryError."""
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            paths.replace_private(self._names, zlib.compress(names))
        except OSError as error:
            raise _unwritable(self._directory, error) from error

    def delete(self) -> None:
        """Delete all files and the directory. Raise HistoryError."""
        try:
            for file in [*self._files(), self._names]:
                file.unlink(missing_ok=True)
            if self.exists:
                self._directory.rmdir()
        except OSError as error:
            raise _unwritable(self._directory, error) from error

    def delete_between(self, start: float, end: float) -> None:
        """Delete the files of all UTC days that overlap the time between two Unix times. Raise HistoryError."""
        try:
            for file in self._files():
                if start < (_day(file) + 1) * 86400 and end > _day(file) * 86400:
                    file.unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(self._directory, error) from error

    def _files(self) -> list[Path]:
        """Return all files of days, oldest first."""
        return sorted(file for file in self._directory.glob(f"*{_SUFFIX}") if _day(file) >= 0)

    def _prune(self, oldest_day: int) -> None:
        files = self._files()
        sizes = {file: file.stat().st_size for file in files}
        for file in files:
            if _day(file) < oldest_day or sum(sizes.values()) > MOST_BYTES:
                file.unlink(missing_ok=True)
                del sizes[file]


def _day(file: Path) -> int:
    """Return the number of the day in the file's name, or -1 if the name is not that of a day."""
    try:
        return date.fromisoformat(file.name.removesuffix(_SUFFIX)).toordinal() - _EPOCH
    except ValueError:
        return -1


def _content(file: Path) -> dict[int, bytes]:
    """Return the packed hours in a file by number of the hour; empty if it is missing or cannot be read."""
    try:
        return _decoder.decode(_unpacked(file.read_bytes()))
    except FileNotFoundError:
        return {}
    except (OSError, zlib.error, msgspec.MsgspecError) as error:
        _log.warning("The hosts of %s cannot be read: %s.", file.stem, reason_of(error))
        return {}


def _packed(content: Mapping[int, bytes]) -> bytes:
    return zlib.compress(_encoder.encode(dict(sorted(content.items()))))


def _unpacked(data: bytes) -> bytes:
    """Decompress the content of a file. Raise zlib.error if it is damaged, truncated, or larger than a day can be."""
    decompressor = zlib.decompressobj()
    unpacked = decompressor.decompress(data, _MOST_BYTES_OF_DAY)
    if not decompressor.eof:
        raise zlib.error("the file is not whole")
    return unpacked


def _is_readable(packed: bytes, app: str) -> bool:
    try:
        hosts_of([packed], app)
    except ParseError:
        return False
    return True


def _unwritable(directory: Path, error: OSError) -> HistoryError:
    return HistoryError("The hosts of apps cannot be kept in {directory}: {reason}.", directory=directory, reason=error)
