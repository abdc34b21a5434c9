"""Where the program keeps its files: each system's own conventions, by platformdirs; and what came with it."""

from __future__ import annotations

import os
import stat
import sys
import warnings
from pathlib import Path

import platformdirs

from netwatch_tray.errors import NetWatchError

HOME = "NETWATCH_TRAY_HOME"
"""Environment variable: one directory for everything below, in place of the system's conventions."""
_NAME = "netwatch-tray"
_LONGEST_SOCKET_PATH = 107 if sys.platform == "linux" else 103
"""Bytes; sun_path in unix(7) and in sys/un.h of macOS, without the NUL."""


def assets() -> Path:
    """The files that are not Python: inside an installed package, beside the package in a checkout."""
    package = Path(__file__).resolve().parent
    inside = package / "assets"
    return inside if inside.is_dir() else package.parent / "assets"


def identity(name: str) -> tuple[int, int] | None:
    """Return device and inode of the file at a path; None if there is none. The agent calls it each second."""
    try:
        found = os.stat(name)  # noqa: PTH116  a third of the price of Path.stat
    except OSError:
        return None
    return found.st_dev, found.st_ino


def settings_file() -> Path:
    return _config_directory() / "settings.toml"


def state_directory() -> Path:
    """What the agent writes: history, spool, identities."""
    return _below_home("state") or platformdirs.user_state_path(_NAME)


def history_file() -> Path:
    return state_directory() / "history.sqlite3"


def spool_file() -> Path:
    """Snapshots that wait for their server."""
    return state_directory() / "spool.sqlite3"


def identities_file() -> Path:
    """Under which random id this host is known to which account."""
    return state_directory() / "identities.json"


def upload_key_file() -> Path:
    return _config_directory() / "upload-key"


def report_file() -> Path:
    """Of the doctor, for programs that show files; its directory is there afterwards."""
    return platformdirs.user_cache_path(_NAME, ensure_exists=True) / "doctor.txt"


def runtime_directory() -> Path:
    """The private directory of the running agent (sockets, lock), created with mode 0700.

    Raises NetWatchError when it belongs to somebody else or is open to others: the feed would not be private then. Also
    when it cannot be created, or its path is too long for a socket.
    """
    with warnings.catch_warnings():
        # Without XDG_RUNTIME_DIR (cron, su) it warns and takes a directory in /tmp that it has checked as we do below.
        warnings.simplefilter("ignore")
        try:
            directory = _below_home("runtime") or platformdirs.user_runtime_path(_runtime_name())
            _check_length(directory)
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = directory.lstat()
        except OSError as error:
            raise NetWatchError(
                f"There is no private directory for the agent's socket ({error}). "
                "Set XDG_RUNTIME_DIR to a directory of your own with mode 0700."
            ) from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise NetWatchError(
            f"{directory} must be a directory of yours with mode 0700, because the agent's socket lies in it. "
            f"Run: chmod 700 {directory} (or remove it if it is not yours)."
        )
    return directory


def _config_directory() -> Path:
    return _below_home("config") or platformdirs.user_config_path(_NAME)


def _below_home(name: str) -> Path | None:
    home = os.environ.get(HOME)
    return Path(home) / name if home else None


def _check_length(directory: Path) -> None:
    if len(os.fsencode(directory / "window")) > _LONGEST_SOCKET_PATH:
        raise NetWatchError(
            f"{directory} is too long for the path of a socket ({_LONGEST_SOCKET_PATH} bytes with the name of the "
            "socket). Set XDG_RUNTIME_DIR to a shorter directory of your own with mode 0700."
        )


def _runtime_name() -> str:
    """Each start of a Flatpak has its own runtime directory, in which this one alone is shared (flatpak-run(1))."""
    application = os.environ.get("FLATPAK_ID")
    return f"app/{application}/{_NAME}" if application else _NAME


def feed_socket() -> Path:
    return runtime_directory() / "feed"


def lock_file() -> Path:
    return runtime_directory() / "lock"
