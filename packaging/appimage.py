"""An AppImage of the frozen folder: one file that runs on any Linux with the same or a newer C library.

The file is made by appimagetool, which no distribution packages: what it packs, the AppDir, is assembled here and is a
program that runs as it is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from debian import APPLICATION, NAME

HERE = Path(__file__).resolve().parent


def assemble(folder: Path, *, icons: Path, desktop: str, metainfo: str, into: Path) -> Path:
    """The AppDir: the frozen `folder`, the drawn `icons` (hicolor), the texts of desktop entry and metainfo."""
    place = into / "NetWatch-Tray.AppDir"
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(folder, place / "usr/lib" / NAME, symlinks=True)
    shutil.copytree(icons, place / "usr/share/icons/hicolor")
    for file, text in (
        (place / f"{NAME}.desktop", desktop),
        (place / f"usr/share/applications/{NAME}.desktop", desktop),
        (place / f"usr/share/metainfo/{APPLICATION}.metainfo.xml", metainfo),
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    shutil.copyfile(icons / f"256x256/apps/{NAME}.png", place / f"{NAME}.png")
    (place / ".DirIcon").symlink_to(f"{NAME}.png")
    shutil.copy(HERE / "appimage" / "AppRun", place / "AppRun")
    return place


def pack(place: Path, *, version: str, architecture: str, epoch: int, into: Path) -> Path:
    """The AppImage of an AppDir, by the appimagetool on the PATH."""
    made = into / f"NetWatch-Tray-{version}-{architecture}.AppImage"
    environment = {**os.environ, "ARCH": architecture, "SOURCE_DATE_EPOCH": str(epoch), "VERSION": version}
    command: list[str | Path] = ["appimagetool", "--no-appstream", place, made]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return made
