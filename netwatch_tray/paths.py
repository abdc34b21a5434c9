"""Paths of the program's files (by the XDG specification or macOS's conventions) and of its assets."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from pathlib import Path

from netwatch_tray.errors import NetWatchError

HOME = "NETWATCH_TRAY_HOME"
"""Environment variable: a directory for all files, instead of those of the system's conventions."""
_NAME = "netwatch-tray"
_LONGEST_SOCKET_PATH = 107 if sys.platform == "linux" else 103
"""Most bytes in the path of a Unix socket, without the NUL (sun_path in unix(7) and in sys/un.h of macOS)."""


def assets() -> Path:
    """Return the directory of the files that are not Python: inside the installed package, or beside the package in a
    checkout."""
    package = Path(__file__).resolve().parent
    inside = package / "assets"
    # Path.is_dir raises PermissionError where another user's home is out of reach.
    return inside if os.path.isdir(inside) else package.parent / "assets"  # noqa: PTH112


def identity(name: str) -> tuple[int, int] | None:
    """Return device and inode, by which a replaced file can be recognised; None if the path does not exist. The agent
    calls it each second."""
    try:
        found = os.stat(name)  # noqa: PTH116  a third of the price of Path.stat
    except OSError:
        return None
    return found.st_dev, found.st_ino


def base_directory(variable: str, default: str) -> Path:
    """Return an XDG base directory: the value of the environment variable if that is absolute, as the specification
    requires, else `default`.

    `default`: path below the home directory.
    """
    chosen = os.environ.get(variable, "")
    return Path(chosen) if chosen.startswith("/") else Path.home() / default


def replace_private(file: Path, content: bytes) -> None:
    """Replace a file atomically, with mode 0600. After a power failure it has either the old or the new content.

    Only one process may do it at a time. Raise OSError if it fails.
    """
    new = file.with_name(f".{file.name}.new")
    try:
        new.unlink(missing_ok=True)  # left by a crash
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as written:  # noqa: PTH123  Path.open takes no mode
            os.fchmod(descriptor, 0o600)
            written.write(content)
            written.flush()
            os.fsync(descriptor)
        new.replace(file)
    except OSError:
        with contextlib.suppress(OSError):
            new.unlink()
        raise
    directory = os.open(file.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def exists(path: Path) -> bool:
    """Return whether a file exists. False also if that cannot be determined, such as in a directory that another user
    owns; `Path.exists` raises an error then."""
    try:
        path.stat()
    except OSError:
        return False
    return True


def settings_file() -> Path:
    return _config_directory() / "settings.toml"


def managed_settings_file() -> Path:
    """Return the path of the administrator's settings. It does not depend on environment variables, by which users
    could evade it."""
    return Path("/etc") / _NAME / "settings.toml"


def state_directory() -> Path:
    """Return the directory of what the agent stores: history, spool, identities."""
    return _below_home("state") or _own("XDG_STATE_HOME", ".local/state")


def history_file() -> Path:
    return state_directory() / "history.sqlite3"


def hosts_directory() -> Path:
    """Return the directory with the hosts of apps, one file a day. It exists only if the user lets them be stored."""
    return state_directory() / "hosts"


def spool_file() -> Path:
    """Return the file of snapshots that are pending for upload."""
    return state_directory() / "spool.sqlite3"


def otlp_spool_file() -> Path:
    """Return the file of metrics and log records that are pending for the OpenTelemetry collector."""
    return state_directory() / "otlp-spool.sqlite3"


def identities_file() -> Path:
    """Return the file with this host's random ID for each account."""
    return state_directory() / "identities.json"


def upload_key_file() -> Path:
    return _config_directory() / "upload-key"


def report_file() -> Path:
    """Return the path to which the report of `doctor` is written, to be opened by another program. Create its
    directory."""
    directory = _own("XDG_CACHE_HOME", ".cache", "Library/Caches")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory / "doctor.txt"


def runtime_directory() -> Path:
    """Return the private directory for sockets and lock of the running agent. Create it with mode 0700.

    Raise NetWatchError if it belongs to another user or others may enter it, because the feed would not be private;
    also if it cannot be created, or if its path is too long for a socket.
    """
    try:
        directory = _below_home("runtime") or _runtime_parent() / _runtime_name()
        _check_length(directory)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_private = _is_private(directory)
    except OSError as error:
        raise NetWatchError(
            "There is no private directory for the agent's socket ({directory}: {reason}). Set XDG_RUNTIME_DIR to "
            "a directory of your own with mode 0700.",
            directory=error.filename or "XDG_RUNTIME_DIR",
            reason=error,
        ) from error
    if not is_private:
        raise NetWatchError(
            "{directory} must be a directory of yours with mode 0700, because the agent's socket "
            "lies in it. Run: chmod 700 {directory} (or remove it if it is not yours).",
            directory=directory,
        )
    return directory


def _config_directory() -> Path:
    return _below_home("config") or _own("XDG_CONFIG_HOME", ".config")


def _own(variable: str, default: str, on_mac: str = "Library/Application Support") -> Path:
    """Return this program's directory below a base directory. `variable`, `default`: of the XDG specification.
    `on_mac`: below the home directory, on macOS if the variable is not set."""
    return base_directory(variable, on_mac if sys.platform == "darwin" else default) / _NAME


def _runtime_parent() -> Path:
    """Return the user's directory for sockets: $XDG_RUNTIME_DIR, if it is private or does not exist yet.

    If the variable is not set (cron, su), return the system's usual directory; on Linux, if that does not exist, one
    below the directory for temporary files. Raise OSError if that one cannot be made private.
    """
    named = os.environ.get("XDG_RUNTIME_DIR", "")
    if named.startswith("/") and (not os.path.lexists(named) or _is_private(Path(named))):
        return Path(named)
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/TemporaryItems"
    usual = Path(f"/run/user/{os.getuid()}")
    if usual.is_dir() and _is_private(usual):
        return usual
    temporary = Path(os.environ.get("TMPDIR") or "/tmp") / f"runtime-{os.getuid()}"  # noqa: S108  checked just below
    temporary.mkdir(mode=0o700, exist_ok=True)
    if not _is_private(temporary, to_others=0o022):  # what others may read: the program's own directory is below
        raise PermissionError(f"{temporary} can be changed by other users")
    return temporary


def _is_private(directory: Path, to_others: int = 0o077) -> bool:
    """Return whether this is a directory (not a link) that belongs to the user and grants others none of the
    permissions `to_others`. Raise OSError if it cannot be examined."""
    found = directory.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & to_others


def _below_home(name: str) -> Path | None:
    home = os.environ.get(HOME)
    return Path(home) / name if home else None


def _check_length(directory: Path) -> None:
    if len(os.fsencode(directory / "window")) > _LONGEST_SOCKET_PATH:
        raise NetWatchError(
            "{directory} is too long for the path of a socket ({limit} bytes with the "
            "name of the socket). Set XDG_RUNTIME_DIR to a shorter directory of your own with mode "
            "0700.",
            directory=directory,
            limit=_LONGEST_SOCKET_PATH,
        )


def _runtime_name() -> str:
    """Return the name of this program's directory below the user's directory for sockets. It is `app/<id>` in Flatpak,
    because only that is shared between several starts (flatpak-run(1))."""
    application = os.environ.get("FLATPAK_ID")
    return f"app/{application}/{_NAME}" if application else _NAME


def feed_socket() -> Path:
    return runtime_directory() / "feed"


def lock_file() -> Path:
    return runtime_directory() / "lock"
