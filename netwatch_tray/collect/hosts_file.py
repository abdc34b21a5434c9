"""Names of addresses in /etc/hosts (hosts(5)), which the administrator has set."""

from __future__ import annotations

import logging
import os

from netwatch_tray import clock
from netwatch_tray.collect.sockets import numeric_address
from netwatch_tray.errors import ParseError, reason_of
from netwatch_tray.text import decoded

_log = logging.getLogger(__name__)

_CHECKED_EVERY = 10.0
"""Seconds between checks whether the file changed."""
_MOST_BYTES = 1 << 20
"""Size in bytes above which the file is not read. Such large files are lists for blocking advertisers, and name no
hosts."""
_LONGEST_NAME = 255


class HostsFile:
    """Looks up names of addresses in the hosts file, which is read again when it changes."""

    def __init__(self, file: str = "/etc/hosts") -> None:
        self._file = file
        self._names: dict[str, str] = {}
        self._check_at = 0.0
        self._state: tuple[int, ...] | None = None

    def name(self, address: str) -> str | None:
        """Return the first name that the file has for an address; None if it has none."""
        now = clock.boottime()
        if now >= self._check_at:
            self._check_at = now + _CHECKED_EVERY
            self._read_if_changed()
        return self._names.get(address)

    def _read_if_changed(self) -> None:
        try:
            found = os.stat(self._file)  # noqa: PTH116  every ten seconds
            state = found.st_ino, found.st_size, found.st_mtime_ns
            if state == self._state:
                return
            self._state = state
            with open(self._file, "rb") as opened:  # noqa: PTH123
                self._names = parse(opened.read(_MOST_BYTES))
        except OSError as error:
            self._state, self._names = None, {}
            _log.debug("No names from %s: %s", self._file, reason_of(error))


def parse(content: bytes) -> dict[str, str]:
    """Return the first name of each address in a hosts file. Loopback addresses, and lines that cannot be parsed, are
    left out."""
    names: dict[str, str] = {}
    for line in decoded(content).splitlines():
        words = line.partition("#")[0].split()
        if len(words) < 2 or len(words[1]) > _LONGEST_NAME:
            continue
        try:
            address = numeric_address(words[0])
        except ParseError:
            continue
        if address not in {"*", "::1"} and not address.startswith("127."):
            names.setdefault(address, words[1])
    return names
