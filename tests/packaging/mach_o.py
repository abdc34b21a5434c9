"""Which Macs the code under a directory is for, as JSON: path → architecture → least macOS and what it links to.

Run by the environment that builds packages, which has macholib.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from macholib.MachO import MachO  # type: ignore[import-not-found]

_MAGIC = {b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe"}
"""Of 64-bit little-endian files, and of files with a part for each architecture (mach-o/loader.h, mach-o/fat.h)."""
_ARCHITECTURES = {0x01000007: "x86_64", 0x0100000C: "arm64"}


def main(place: Path) -> None:
    found = {}
    for file in sorted(place.rglob("*")):
        if file.is_file():
            with file.open("rb") as opened:
                is_code = opened.read(4) in _MAGIC
            if is_code:
                found[str(file.relative_to(place))] = dict(map(_part, MachO(str(file)).headers))
    print(json.dumps(found))


def _part(header: Any) -> tuple[str, dict[str, Any]]:
    least, linked = 0, []
    for load, command, data in header.commands:
        match load.get_cmd_name():
            case "LC_BUILD_VERSION":
                least = command.minos
            case "LC_VERSION_MIN_MACOSX":
                least = command.version
            case "LC_LOAD_DYLIB" | "LC_LOAD_WEAK_DYLIB":
                linked.append(data.rstrip(b"\0").decode())
    return _ARCHITECTURES[header.header.cputype], {"macos": [least >> 16, least >> 8 & 0xFF], "linked": linked}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
