"""What every Linux package installs: the frozen folder in /usr/lib/netwatch-tray, and what desktop, manual and shells
look for.

Below /usr/lib and not in /opt: dpkg removes directories that become empty, and no package of Debian owns /opt.
"""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path
from typing import NamedTuple

NAME = "netwatch-tray"
APPLICATION = "io.netwatch.tray"
DESCRIPTION = """\
What the computer downloads and uploads right now, each byte counted once, as
an icon in the tray. A click opens a window with a chart of every interface,
the list of connections and apps with measured rates, and past usage.

It needs no root, captures no packets and sends nothing unless asked to.
"""
SUMMARY = "live network rates in the tray"


class Contents(NamedTuple):
    """The files to install, before `put` places them in the tree."""

    folder: Path
    """Directory with the frozen program (the program with its interpreter and libraries, made by PyInstaller)."""
    icons: Path
    """Directory with the drawn icons, an icon theme (hicolor)."""
    desktop: str
    metainfo: str
    manual: str
    completions: dict[str, str]
    """Texts of the completion scripts by shell: bash, fish and zsh."""
    version: str
    epoch: int
    """Unix time that all files get."""


def put(contents: Contents, root: Path, *, zsh: str) -> None:
    """Replace the directory `root` by the tree of all files at their places. `zsh`: name of the system's directory for
    zsh's completions."""
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(contents.folder, root / "usr/lib" / NAME, symlinks=True)
    (root / "usr/bin").mkdir()
    (root / "usr/bin" / NAME).symlink_to(f"../lib/{NAME}/{NAME}")
    shutil.copytree(contents.icons, root / "usr/share/icons/hicolor")
    write(root / f"usr/share/applications/{NAME}.desktop", contents.desktop)
    write(root / f"usr/share/metainfo/{APPLICATION}.metainfo.xml", contents.metainfo)
    write_packed(root / f"usr/share/man/man1/{NAME}.1.gz", contents.manual)
    write(root / "usr/share/bash-completion/completions" / NAME, contents.completions["bash"])
    write(root / f"usr/share/fish/vendor_completions.d/{NAME}.fish", contents.completions["fish"])
    write(root / f"usr/share/zsh/{zsh}/_{NAME}", contents.completions["zsh"])


def finish(root: Path, epoch: int) -> None:
    """Set modes and times of all files, so that they do not depend on umask and clock of the builder: 0755 for
    directories and programs, 0644 for the rest."""
    programs = {root / "usr/lib" / NAME / NAME, root / "AppRun"}
    for path in sorted(root.rglob("*"), reverse=True):
        if not path.is_symlink():
            os.chmod(path, 0o755 if path.is_dir() or path in programs else 0o644)  # noqa: PTH101  beside is_symlink
        os.utime(path, (epoch, epoch), follow_symlinks=False)
    root.chmod(0o755)


def write(file: Path, text: str) -> None:
    """Write a text to a file, and create its directories."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def write_packed(file: Path, text: str) -> None:
    """Write a text to a gzip file, without name and time in it, so that the bytes are always the same."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))
