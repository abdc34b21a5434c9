"""An AppImage of the frozen folder: one file that runs on any Linux with the same or a newer C library.

The file is made by appimagetool, which no distribution packages: what it packs, the AppDir, is assembled here and is a
program that runs as it is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from installed_tree import NAME, Contents, finish, put, write

HERE = Path(__file__).resolve().parent


def assemble(contents: Contents, *, into: Path) -> Path:
    """Make the AppDir in `into` and return its path."""
    place = into / "NetWatch-Tray.AppDir"
    put(contents, place, zsh="site-functions")
    write(place / f"{NAME}.desktop", contents.desktop)
    shutil.copyfile(contents.icons / f"256x256/apps/{NAME}.png", place / f"{NAME}.png")
    (place / ".DirIcon").symlink_to(f"{NAME}.png")
    shutil.copyfile(HERE / "appimage" / "AppRun", place / "AppRun")
    finish(place, contents.epoch)
    return place


def pack(place: Path, *, version: str, architecture: str, epoch: int, into: Path) -> Path:
    """Make the AppImage of the AppDir `place` by the appimagetool on the PATH. Return its path."""
    made = into / f"NetWatch-Tray-{version}-{architecture}.AppImage"
    environment = {**os.environ, "ARCH": architecture, "SOURCE_DATE_EPOCH": str(epoch), "VERSION": version}
    command: list[str | Path] = ["appimagetool", "--no-appstream", place, made]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return made
