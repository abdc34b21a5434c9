from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from netwatch_tray import paths
from netwatch_tray.errors import NetWatchError


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return the program's runtime directory, which does not exist yet. Its path is short, because that of a socket is
    limited."""
    with tempfile.TemporaryDirectory() as directory:  # mode 0700
        monkeypatch.setenv("XDG_RUNTIME_DIR", directory)
        yield Path(directory) / "netwatch-tray"


def test_the_runtime_directory_is_private(runtime: Path) -> None:
    assert paths.feed_socket() == runtime / "feed"
    assert stat.S_IMODE(runtime.stat().st_mode) == 0o700


def test_all_starts_of_a_flatpak_share_the_runtime_directory(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLATPAK_ID", "io.netwatch.tray")
    (shared := runtime.parent / "app" / "io.netwatch.tray").mkdir(parents=True, mode=0o755)
    assert paths.feed_socket() == shared / "netwatch-tray" / "feed"


def test_runtime_directory_open_to_others_is_refused_with_advice(runtime: Path) -> None:
    runtime.mkdir(mode=0o755)
    with pytest.raises(NetWatchError, match=f"chmod 700 {runtime}"):
        paths.feed_socket()


def test_runtime_directory_that_is_a_symlink_is_refused(runtime: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    runtime.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NetWatchError, match="must be a directory of yours"):
        paths.feed_socket()


def test_a_file_in_place_of_the_runtime_directory_raises(runtime: Path) -> None:
    runtime.touch()
    with pytest.raises(NetWatchError, match="no private directory"):
        paths.feed_socket()


def test_runtime_directory_exists_without_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert stat.S_IMODE(paths.runtime_directory().stat().st_mode) == 0o700


def test_a_fallback_that_others_may_change_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "_is_private", lambda directory, **more: directory.parent == tmp_path and not more)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "relative")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with pytest.raises(NetWatchError, match="can be changed by other users"):
        paths.runtime_directory()


def test_a_relative_base_directory_is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv(paths.HOME, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", "state")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "chosen"))
    default = "Library/Application Support" if sys.platform == "darwin" else ".local/state"
    assert paths.state_directory() == tmp_path / default / "netwatch-tray"
    assert paths.settings_file() == tmp_path / "chosen" / "netwatch-tray" / "settings.toml"


def test_a_path_that_no_socket_can_have_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    with pytest.raises(NetWatchError, match=r"is too long .* Set XDG_RUNTIME_DIR to a shorter directory"):
        paths.feed_socket()


def test_the_longest_path_that_is_accepted_can_be_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(prefix="n", dir="/tmp") as directory:
        rest = paths._LONGEST_SOCKET_PATH - len(f"{directory}//netwatch-tray/window")
        deep = Path(directory) / ("d" * rest)
        deep.mkdir(mode=0o700)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(paths.runtime_directory() / "window"))
        longer = Path(directory) / ("d" * (rest + 1))
        longer.mkdir(mode=0o700)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(longer))
        with pytest.raises(NetWatchError):
            paths.runtime_directory()


def test_a_replaced_file_is_private_and_written_through_no_link(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("mine")
    (tmp_path / ".file.new").symlink_to(other)
    before = os.umask(0)
    try:
        paths.replace_private(tmp_path / "file", b"content")
    finally:
        os.umask(before)
    assert (tmp_path / "file").read_bytes() == b"content"
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600
    assert other.read_text() == "mine"


def test_failed_write_leaves_the_file_unchanged(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"before")
    # The process may write no file of more than 1000 bytes, as on a disk that is full.
    code = (
        "import pathlib, resource, sys\n"
        "from netwatch_tray import paths\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n"
        "    paths.replace_private(pathlib.Path(sys.argv[1]), bytes(5000))\n"
        "except OSError as error:\n"
        "    print(type(error).__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, file], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "OSError\n"
    assert file.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [file]
