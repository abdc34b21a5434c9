"""Decides which shared libraries are in the frozen program and which the system must have, by what ELF files need.

In the program: those of wheels and the interpreter, and small ones that a desktop may lack. The system's own are used
if they must match its drivers, display server, fonts or configuration. Files are read by objdump of binutils.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

FROM_THE_SYSTEM = {
    # Soname and Debian's package. A library that the program links to and that is neither here nor carried stops the
    # build of the .deb.
    "ld-linux-aarch64.so.1": "libc6",
    "ld-linux-x86-64.so.2": "libc6",
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libGLX.so.0": "libglx0",
    "libOpenGL.so.0": "libopengl0",
    "libX11-xcb.so.1": "libx11-xcb1",
    "libX11.so.6": "libx11-6",
    "libXau.so.6": "libxau6",
    "libXdmcp.so.6": "libxdmcp6",
    "libc.so.6": "libc6",
    "libdbus-1.so.3": "libdbus-1-3",
    "libdl.so.2": "libc6",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libgcc_s.so.1": "libgcc-s1",
    "libglib-2.0.so.0": "libglib2.0-0 | libglib2.0-0t64",
    "libgthread-2.0.so.0": "libglib2.0-0 | libglib2.0-0t64",
    "libm.so.6": "libc6",
    "libpthread.so.0": "libc6",
    "libresolv.so.2": "libc6",
    "librt.so.1": "libc6",
    "libstdc++.so.6": "libstdc++6",
    "libutil.so.1": "libc6",
    "libwayland-client.so.0": "libwayland-client0",
    "libwayland-cursor.so.0": "libwayland-cursor0",
    "libxcb.so.1": "libxcb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxkbcommon.so.0": "libxkbcommon0",
}

_NEEDED = re.compile(r"^ +NEEDED +(\S+)$", re.MULTILINE)
_GLIBC = re.compile(r" GLIBC_(\d+)\.(\d+)(?:\.\d+)?$", re.MULTILINE)


class PackageError(Exception):
    """The package cannot be built on this system."""


Entry = tuple[str, str, str]
"""A file of the frozen program, as PyInstaller lists it: path in the program's folder, source, kind."""


class Links(NamedTuple):
    """The libraries and the version of the C library that an ELF file, or all in a folder, need."""

    sonames: frozenset[str]
    glibc: tuple[int, int]
    """Least version of glibc that has all required symbols."""


def links(file: Path) -> Links:
    """Return what an ELF file needs. Raise CalledProcessError for any other file."""
    text = subprocess.run(["objdump", "-p", file], check=True, capture_output=True, text=True).stdout
    versions = [(int(major), int(minor)) for major, minor in _GLIBC.findall(text)]
    return Links(frozenset(_NEEDED.findall(text)), max(versions, default=(2, 0)))


def still_needed(entries: Sequence[Entry]) -> list[Entry]:
    """Return the files without libraries that no other one needs, and without those of which the system's own are
    used."""
    if sys.platform != "linux":
        return list(entries)
    libraries: dict[str, Entry] = {}
    kept = []
    for entry in entries:
        destination, _, kind = entry
        name = Path(destination).name
        if kind == "EXTENSION" or "/plugins/" in destination or name.startswith("libpython"):
            kept.append(entry)
        elif name not in FROM_THE_SYSTEM:
            libraries[name] = entry
    waiting = [source for _, source, _ in kept]
    while waiting:
        for soname in links(Path(waiting.pop())).sonames & libraries.keys():
            entry = libraries.pop(soname)
            kept.append(entry)
            waiting.append(entry[1])
    return sorted(kept)


def without_dangling(links_and_data: Sequence[Entry], files: Sequence[Entry]) -> list[Entry]:
    """Return the entries without symbolic links to files that are not in `files`."""
    present = {destination for destination, _, _ in files}
    return [
        entry
        for entry in links_and_data
        if entry[2] != "SYMLINK" or os.path.normpath(Path(entry[0]).parent / entry[1]) in present
    ]


def elf_files(folder: Path) -> Iterable[Path]:
    """Yield all ELF files below a folder."""
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.is_symlink():
            with file.open("rb") as opened:
                if opened.read(4) == b"\x7fELF":
                    yield file


def missing(folder: Path) -> Links:
    """Return what the ELF files below a folder need that is not in the folder."""
    carried = {file.name for file in folder.rglob("*.so*")}
    found = [links(file) for file in elf_files(folder)]
    sonames = frozenset().union(*(each.sonames for each in found)) - carried
    return Links(sonames, max(each.glibc for each in found))


def required(folder: Path) -> Links:
    """Return what the system must have for the files below a folder. Raise PackageError for an unknown library."""
    needed = missing(folder)
    if unknown := needed.sonames - FROM_THE_SYSTEM.keys():
        raise PackageError(
            f"The program links to {', '.join(sorted(unknown))}, which it neither carries nor knows a package of. "
            "Name the package in packaging/shared_libraries.py."
        )
    return needed
