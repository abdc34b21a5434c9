"""Structures of another system's kernel, laid out by this machine's compiler from our own declarations."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import needs

Layout = Mapping[tuple[str, str], tuple[int, int]]
"""Offset and size by structure and field; the field `-` is the whole."""

_SOURCES = Path(__file__).parent / "unit" / "collect" / "darwin" / "layouts"


def compiled(name: str, directory: Path) -> Layout:
    """Compile and run `layouts/NAME.c` in `directory`."""
    needs.programs("cc")
    program = directory / name
    command: list[str | Path] = ["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-o", program]
    subprocess.run([*command, _SOURCES / f"{name}.c"], check=True, timeout=60)
    lines = subprocess.run([program], check=True, timeout=60, capture_output=True, text=True).stdout.splitlines()
    return {(one, two): (int(offset), int(size)) for one, two, offset, size in map(str.split, lines)}


def build(layout: Layout, structure: str, **fields: int | bytes) -> bytes:
    """Return a structure with these fields, all others 0; `__` in a keyword stands for the dot in the field."""
    content = bytearray(layout[structure, "-"][1])
    for keyword, value in fields.items():
        offset, size = layout[structure, keyword.replace("__", ".")]
        encoded = value.ljust(size, b"\0") if isinstance(value, bytes) else value.to_bytes(size, "little")
        assert len(encoded) == size
        content[offset : offset + size] = encoded
    return bytes(content)
