"""Installs, removes and runs the privileged helper (helper/, docs/helper.md), as a service of systemd or in a terminal.

Root runs only code that no other user can change. So the helper is copied to a directory owned by root and run by the
system's Python; a frozen program that belongs to root runs itself. This program refuses to run as root if other users
can change it. For that case `install_commands` and `remove_commands` return commands for the user to run, which use
only programs of the system.
"""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from types import FrameType

import netwatch_tray
from netwatch_tray import launch, paths
from netwatch_tray.errors import Message, NetWatchError
from netwatch_tray.helper.protocol import SOCKET

FROZEN_SERVICE = "--helper-service"
"""If this is the first argument, a frozen program runs as the helper (packaging/program.py)."""

_SERVICE, _SOCKET_UNIT = "netwatch-tray-helper.service", "netwatch-tray-helper.socket"
_UNITS = Path("/etc/systemd/system")
_DROP_IN = _UNITS / f"{_SERVICE}.d" / "users.conf"
_CODE = Path("/usr/local/lib/netwatch-tray/helper")
_PYTHON = Path("/usr/bin/python3")
_PYTHON_OPTIONS = ("-I", "-S", "-B")
_OLDEST_PYTHON = (3, 11)
_USERS = "NETWATCH_TRAY_USERS"
_PATIENCE = 60.0
"""Seconds that a program of the system, such as systemctl, may take."""
_MOST_LINKS = 40
"""Most symbolic links that are followed in one path, as in the kernel (path_resolution(7))."""


def invoking_user() -> int | None:
    """Return the UID of the user who started this process as root by sudo, run0 or pkexec; None if there is none."""
    for name in ("SUDO_UID", "PKEXEC_UID"):
        value = os.environ.get(name, "")
        if value.isascii() and value.isdecimal() and int(value) > 0:
            return int(value)
    return None


def is_installed() -> bool:
    return (_UNITS / _SOCKET_UNIT).exists()


def is_outdated() -> bool:
    """Return whether the installed helper is another version than this program's: their code differs."""
    return _CODE.exists() and any(_content(_CODE / file.name) != _content(file) for file in _source().glob("*.py"))


def allowed_users() -> frozenset[int]:
    """Return the UIDs of the users that the installed helper serves, without root, whom it always serves."""
    _, _, found = (_content(_DROP_IN) or b"").decode(errors="replace").partition(f'"{_USERS}=')
    return frozenset(int(word) for word in found.partition('"')[0].split() if word.isdecimal())


def refusal() -> str | None:
    """Return why root must not run this program: which part of it another user can change. None if root may run it."""
    if os.environ.get(launch.WRAPPER):
        return "This program runs from an image that its user made, so root must not run it."
    for path in sorted(_code_of_this_program()):
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):  # a path for modules that has none
            if found := changeable(path):
                return f"Other users than root can change {found}, so root must not run this program."
    return None


def install_commands(users: Collection[int]) -> list[str]:
    """Return the shell commands, one a line, that install the helper for these users."""
    if refusal() is None:
        # sudo names the user who runs it.
        chosen = () if set(users) == {os.getuid()} else [word for uid in sorted(users) for word in ("--user", str(uid))]
        return [_sudo("helper", "install", *chosen)]
    return [
        shlex.join(["sudo", "install", "-D", "-m", "0644", "-t", str(_CODE), *_source_files()]),
        shlex.join(["sudo", "install", "-m", "0644", "-t", str(_UNITS), *map(str, _unit_files())]),
        f"printf '%s\\n' {shlex.join(_drop_in(users))} | sudo install -D -m 0644 /dev/stdin {_DROP_IN}",
        "sudo systemctl daemon-reload",
        f"sudo systemctl enable --now {_SOCKET_UNIT}",
    ]


def remove_commands() -> list[str]:
    """Return the shell commands, one a line, that remove the helper."""
    if refusal() is None:
        return [_sudo("helper", "remove")]
    files = [*(str(_UNITS / unit) for unit in (_SOCKET_UNIT, _SERVICE)), str(_DROP_IN.parent), str(_CODE.parent)]
    return [
        f"sudo systemctl disable --now {_SOCKET_UNIT}",
        f"sudo systemctl stop {_SERVICE}",
        shlex.join(["sudo", "rm", "-rf", *files]),
        "sudo systemctl daemon-reload",
    ]


def run_command() -> str:
    """Return the command that runs the helper in a terminal."""
    return _sudo("helper", "run")


def install(users: Collection[int]) -> None:
    """Install the service for these users, in addition to those that it serves already. Raise NetWatchError if that
    fails."""
    _require_root_and_trust()
    if shutil.which("systemctl") is None:
        raise NetWatchError("There is no systemd here. Root can run the helper in a terminal: netwatch-tray helper run")
    command = _service_command(_source())
    _require_kernel(command)
    if not _is_frozen():
        _copy_code()
    _UNITS.mkdir(parents=True, exist_ok=True)
    for unit in _unit_files():
        _write(_UNITS / unit.name, unit.read_text("utf-8"))
    _write(_DROP_IN, "".join(f"{line}\n" for line in _drop_in({*users, *allowed_users()})))
    if _is_booted():
        _systemctl("daemon-reload")
        _systemctl("stop", _SOCKET_UNIT, _SERVICE)
        _systemctl("enable", "--now", _SOCKET_UNIT)
    else:
        _systemctl("--root=/", "enable", _SOCKET_UNIT)


def remove() -> bool:
    """Remove the service and all its files. Return whether it was installed. Raise NetWatchError if that fails."""
    _require_root_and_trust()
    was_installed = is_installed() or _CODE.exists()
    if is_installed():
        if _is_booted():
            _systemctl("disable", "--now", _SOCKET_UNIT)
            _systemctl("stop", _SERVICE)
        else:
            _systemctl("--root=/", "disable", _SOCKET_UNIT)
    for unit in (_SOCKET_UNIT, _SERVICE):
        (_UNITS / unit).unlink(missing_ok=True)
    shutil.rmtree(_DROP_IN.parent, ignore_errors=True)
    shutil.rmtree(_CODE, ignore_errors=True)
    with contextlib.suppress(OSError):  # there is none, or something else is in it
        _CODE.parent.rmdir()
    if was_installed and _is_booted():
        _systemctl("daemon-reload")
    return was_installed


def run(users: Collection[int], began: Callable[[], None]) -> None:
    """Listen in place of systemd until interrupted, and start a helper when a client connects. Raise NetWatchError if
    that is impossible. `began` is called once it listens."""
    _require_root_and_trust()
    command = _service_command(_source())
    _require_kernel(command)
    signal.signal(signal.SIGTERM, _interrupt)
    with _listener() as listener:
        connecting = select.poll()
        connecting.register(listener, select.POLLIN)
        began()
        while True:
            connecting.poll()
            service = subprocess.Popen([*command, *map(str, sorted(users))], stdin=listener.fileno())
            try:
                service.wait()
            finally:
                service.kill()
                service.wait()


def changeable(path: Path) -> Path | None:
    """Return the first part of a path that a user other than root can change, with symbolic links followed; None if
    there is none.

    A directory that root may not read (FUSE) counts as changeable. Raise FileNotFoundError if the path does not exist.
    """
    whole, rest = Path("/"), list(path.absolute().parts[1:])
    links = 0
    while True:
        try:
            found = whole.lstat()
        except PermissionError:
            return whole
        is_link = stat.S_ISLNK(found.st_mode)
        # In a sticky directory only root can replace files of root.
        is_sticky = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
        others_write = found.st_mode & (stat.S_IWOTH | (stat.S_IWGRP if found.st_gid else 0))
        if found.st_uid or (others_write and not is_link and not is_sticky):
            return whole
        if is_link:
            links += 1
            if links > _MOST_LINKS:
                return whole
            target = whole.readlink()
            rest = [*(part for part in target.parts if part != "/"), *rest]
            whole = Path("/") if target.is_absolute() else whole.parent
        if not rest:
            return None
        part = rest.pop(0)
        whole = whole.parent if part == ".." else whole / part


def _code_of_this_program() -> set[Path]:
    """Return the files and directories with code that this process has run or may import, or that it would install."""
    modules = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    found = {Path(name) for name in (sys.executable, *sys.path, *filter(None, modules)) if name}
    return found | {_source(), *_source().glob("*.py"), *_unit_files()}


def _source() -> Path:
    """Return the directory of the helper's code in this program's package."""
    return Path(netwatch_tray.__file__).parent / "helper"


def _source_files() -> list[str]:
    return sorted(map(str, _source().glob("*.py")))


def _unit_files() -> list[Path]:
    return [paths.assets() / "linux" / unit for unit in (_SOCKET_UNIT, _SERVICE)]


def _is_frozen() -> bool:
    return bool(getattr(sys, "frozen", False))


def _is_booted() -> bool:
    """Return whether systemd runs this system (sd_booted(3))."""
    return Path("/run/systemd/system").is_dir()


def _sudo(*arguments: str) -> str:
    program, *rest = launch.command(*arguments)
    installed = shutil.which("netwatch-tray")
    if installed and Path(installed).resolve() == Path(program).resolve():
        program = "netwatch-tray"
    return shlex.join(["sudo", program, *rest])


def _service_command(code: Path) -> list[str]:
    """Return the command that starts the helper, to which the caller appends the UIDs of the users to serve. Raise
    NetWatchError if the system's Python is too old, cannot be run, or can be changed by others than root."""
    if _is_frozen():
        return [sys.executable, FROZEN_SERVICE]
    try:
        asked = [str(_PYTHON), "-I", "-S", "-c", "import sys; print(*sys.version_info[:2])"]
        answer = subprocess.run(asked, capture_output=True, text=True, timeout=_PATIENCE, check=True).stdout
        is_new = tuple(map(int, answer.split())) >= _OLDEST_PYTHON
    except (OSError, ValueError, subprocess.SubprocessError):
        is_new = False
    if not is_new or changeable(_PYTHON):
        raise NetWatchError(
            "The helper needs Python 3.11 or newer as {python}, which only root can change.", python=_PYTHON
        )
    return [str(_PYTHON), *_PYTHON_OPTIONS, str(code)]


def _drop_in(users: Collection[int]) -> list[str]:
    """Return the lines of a systemd drop-in for the service: the UIDs of its users and, for a frozen program, its
    command."""
    lines = ["[Service]", f'Environment="{_USERS}={" ".join(map(str, sorted(users)))}"']
    if _is_frozen() and refusal() is None:
        program = sys.executable.replace("%", "%%")  # systemd.unit(5), specifiers
        lines += ["ExecStart=", f'ExecStart="{program}" {FROZEN_SERVICE} ${_USERS}']
    return lines


def _require_root_and_trust() -> None:
    if sys.platform != "linux":
        raise NetWatchError("The helper needs Linux.")
    if os.geteuid() != 0:
        raise NetWatchError("This needs root.")
    if reason := refusal():
        raise NetWatchError(reason)


def _require_kernel(command: Sequence[str]) -> None:
    checked = subprocess.run([*command, "--check"], capture_output=True, text=True, timeout=_PATIENCE, check=False)
    if checked.returncode:
        reason = checked.stdout.strip() or checked.stderr.strip()[-400:] or "It ended without giving a reason."
        raise NetWatchError("The helper cannot work here: {reason}", reason=Message(reason))


def _copy_code() -> None:
    shutil.rmtree(_CODE, ignore_errors=True)
    _CODE.mkdir(parents=True, mode=0o755)
    if found := changeable(_CODE):
        raise NetWatchError(
            "Other users than root can change {found}, so the helper is not installed in {code}.",
            found=found,
            code=_CODE,
        )
    for file in _source().glob("*.py"):
        _write(_CODE / file.name, file.read_text("utf-8"))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(0o644)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _systemctl(*arguments: str) -> None:
    command = ["systemctl", "--quiet", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    if done.returncode:
        raise NetWatchError(
            "{command} failed: {reason}", command=shlex.join(command), reason=done.stderr.strip()[-400:]
        )


@contextlib.contextmanager
def _listener() -> Iterator[socket.socket]:
    """Context manager: listen on the helper's socket, as systemd would, and delete it afterwards. Raise NetWatchError
    if a helper is listening already."""
    path = Path(SOCKET)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        if probe.connect_ex(SOCKET) == 0:
            raise NetWatchError("A helper serves already on {socket}.", socket=SOCKET)
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(SOCKET)
        bound = paths.identity(SOCKET)
        try:
            path.chmod(0o666)
            listener.listen(64)
            yield listener
        finally:
            if paths.identity(SOCKET) == bound:
                path.unlink(missing_ok=True)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
