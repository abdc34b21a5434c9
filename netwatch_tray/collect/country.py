"""The country of an address, from a database in MaxMind's format on this computer. No request is ever sent.

The package that reads the format is optional (the extra `countries`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from netwatch_tray import paths
from netwatch_tray.errors import UnsupportedError

_log = logging.getLogger(__name__)

_DIRECTORIES = ("/usr/share/GeoIP", "/var/lib/GeoIP", "/usr/local/share/GeoIP", "/opt/homebrew/var/GeoIP")
"""Directories in which geoipupdate and packages of distributions store databases, searched after the user's own
directory."""
_PATTERNS = ("*[Cc]ountry*.mmdb", "*[Cc]ity*.mmdb")
"""Patterns of the databases' file names, in the order of preference: databases of countries only are smaller than those
of cities."""
_MOST_ADDRESSES = 4096
"""Number of addresses whose country is cached in memory."""


class Countries:
    """Looks up the countries of addresses, in the first database found in the usual places. It is opened at the first
    lookup."""

    def __init__(self, directories: Iterable[str | Path] | None = None) -> None:
        self._directories = _usual_directories() if directories is None else tuple(directories)
        self._known: dict[str, str | None] = {}
        self._database: _Database | None = None
        self._is_open = False
        self.is_on = True
        """Whether the user wants countries. A row of the connection list adopts a change only when the row itself
        changes next."""

    @property
    def source(self) -> str | None:
        """Return type and date of the database in words, or None if there is no database. Opens the database if it is
        not open yet."""
        self._open()
        return None if self._database is None else self._database.name

    def of(self, address: str) -> str | None:
        """Return the two-letter code (ISO 3166) of an address's country; None if it is unknown or the user has turned
        countries off."""
        if not self.is_on:
            return None
        self._open()
        if self._database is None:
            return None
        if address not in self._known:
            if len(self._known) >= _MOST_ADDRESSES:
                self._known.clear()
            self._known[address] = self._database.country(address.partition("%")[0])
        return self._known[address]

    def _open(self) -> None:
        if self._is_open:
            return
        self._is_open = True
        for directory in self._directories:
            for pattern in _PATTERNS:
                try:
                    files = sorted(Path(directory).glob(pattern))
                except OSError:  # a directory of another user
                    continue
                for file in files:
                    try:
                        self._database = _Database(file)
                    except UnsupportedError as error:
                        _log.warning("%s", error)
                    else:
                        return


class _Database:
    def __init__(self, file: Path) -> None:
        """Open a database. Raise UnsupportedError if the package is missing, or the file is not a database of
        countries."""
        try:
            import maxminddb  # noqa: PLC0415  optional, and only for users who have a database
        except ImportError as error:
            raise UnsupportedError(
                "Countries are not shown: reading {file} needs the Python package maxminddb.", file=file
            ) from error
        self._damage = maxminddb.InvalidDatabaseError
        try:
            self._reader = maxminddb.open_database(file)
            metadata = self._reader.metadata()
        except (OSError, ValueError, self._damage) as error:
            raise UnsupportedError(
                "{file} is not a usable database of countries: {error}", file=file, error=error
            ) from error
        self.name = f"{metadata.database_type}, {time.strftime('%Y-%m-%d', time.gmtime(metadata.build_epoch))}"

    def country(self, address: str) -> str | None:
        try:
            return _code(self._reader.get(address))
        except (ValueError, self._damage):  # no address, one of IPv6 in a database of IPv4, or a damaged record
            return None


def _usual_directories() -> tuple[str | Path, ...]:
    return (paths.base_directory("XDG_DATA_HOME", ".local/share") / "GeoIP", *_DIRECTORIES)


def _code(record: Any) -> str | None:
    """Return the two-letter code in a record of a database by MaxMind, DB-IP or IPinfo; None if it has none."""
    if not isinstance(record, dict):
        return None
    for key in ("country", "country_code", "registered_country"):
        found = record.get(key)
        if isinstance(found, dict):
            found = found.get("iso_code")
        if isinstance(found, str) and len(found) == 2 and found.isascii() and found.isalpha():
            return found.upper()
    return None
