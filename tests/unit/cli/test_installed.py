"""Parts of an installation that cannot be checked."""

from __future__ import annotations

import errno
import os

from netwatch_tray.cli.installed import Part, _part


def test_a_file_that_cannot_be_read_is_named() -> None:
    def missing() -> str:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "/opt/netwatch-tray")

    assert _part("agent", missing) == Part("agent", "/opt/netwatch-tray: No such file or directory", is_right=False)


def test_an_error_without_a_file_is_shown_as_words() -> None:
    def refused() -> str:
        raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))

    assert _part("tray", refused) == Part("tray", "Connection refused", is_right=False)
