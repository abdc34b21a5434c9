"""Finds the files of program icons: icon themes (Icon Theme Specification, freedesktop.org), and .icns files of macOS.

Used in a thread. Qt's own search works in the GUI thread only, where a slow disk would block the window.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from netwatch_tray.desktop_entries import data_directories, groups, read_small

_MOST_BYTES = 1 << 18
"""Most bytes that are read of the file index.theme; the longest known one has 60 kB."""
_MOST_THEMES = 16
_MOST_DIRECTORIES = 2000
_ENDINGS = (".svg", ".png", ".xpm")
_PNG = b"\x89PNG\r\n\x1a\n"
_LEAST_ICNS_PIXELS = 64


class _Directory(NamedTuple):
    """A directory of an icon theme, and the sizes that its icons suit."""

    name: str
    least: int
    most: int
    """The largest size in pixels that its icons suit."""

    def distance(self, pixels: int) -> int:
        """Return by how many pixels its icons differ from a size, 0 if they suit it. For smaller icons the number is
        doubled, because scaling up blurs them."""
        if pixels > self.most:
            return 2 * (pixels - self.most)
        return max(0, self.least - pixels)


class IconFiles:
    """Finds icons in an icon theme, and in the themes that it inherits from. Not thread-safe."""

    def __init__(self, theme: str, bases: Sequence[Path] | None = None) -> None:
        """`theme`: name of the theme; empty if there is none. `bases`: directories that contain themes; None: those of
        the system."""
        self._bases = bases if bases is not None else _bases()
        self._themes = list(self._chain([theme, "hicolor"]))

    def find(self, icon: str, pixels: int) -> Path | None:
        """Return the file whose icon suits this size, or None if there is none. `icon`: a name or an absolute path."""
        if icon.startswith("/"):
            return Path(icon)
        if not icon or "/" in icon or "\0" in icon:
            return None
        for theme, directories in self._themes:
            for directory in sorted(directories, key=lambda each: each.distance(pixels)):
                if found := self._in_bases(f"{theme}/{directory.name}", icon):
                    return found
        return self._in_bases("", icon) or _existing(Path("/usr/share/pixmaps"), icon)

    def _chain(self, themes: list[str]) -> Iterable[tuple[str, list[_Directory]]]:
        seen: set[str] = set()
        while themes and len(seen) < _MOST_THEMES:
            theme = themes.pop(0)
            if not theme or "/" in theme or theme in seen:
                continue
            seen.add(theme)
            facts = self._index(theme)
            inherited = facts.get("Icon Theme", {}).get("Inherits", "").split(",")
            themes[:0] = [each.strip() for each in inherited if each.strip() not in ("", "hicolor")]
            yield theme, _directories(facts)

    def _index(self, theme: str) -> dict[str, dict[str, str]]:
        for base in self._bases:
            content = read_small(base / theme / "index.theme", _MOST_BYTES)
            if content is not None:
                return groups(content)
        return {}

    def _in_bases(self, directory: str, icon: str) -> Path | None:
        return next((found for base in self._bases if (found := _existing(base / directory, icon))), None)


def png_of_icns(content: bytes) -> bytes:
    """Return a PNG image in the content of an .icns file (macOS): the smallest of at least 64 pixels, else the largest;
    empty if it contains none."""
    found: list[tuple[int, bytes]] = []
    at = 8
    while content[:4] == b"icns" and at + 8 <= len(content):
        (length,) = struct.unpack_from(">I", content, at + 4)
        image = content[at + 8 : at + length]
        if image.startswith(_PNG) and len(image) >= 24:
            found.append((struct.unpack_from(">I", image, 16)[0], image))
        at += max(8, length)
    large = [each for each in found if each[0] >= _LEAST_ICNS_PIXELS]
    return min(large)[1] if large else max(found, default=(0, b""))[1]


def _bases() -> list[Path]:
    return [Path.home() / ".icons", *(directory / "icons" for directory in data_directories())]


def _directories(facts: dict[str, dict[str, str]]) -> list[_Directory]:
    """Return the directories of a theme with icons of programs, without those for other display scales. `facts`: the
    sections of its index.theme."""
    found = []
    for name in facts.get("Icon Theme", {}).get("Directories", "").split(",")[:_MOST_DIRECTORIES]:
        about = facts.get(name.strip(), {})
        if "apps" not in name.lower() and about.get("Context", "").lower() not in ("applications", "apps"):
            continue
        if ".." in name or name.startswith("/") or about.get("Scale", "1") != "1":
            continue
        size = _number(about.get("Size"), 0)
        around = _number(about.get("Threshold"), 2) if about.get("Type", "Threshold") == "Threshold" else 0
        least, most = size - around, size + around
        if about.get("Type") == "Scalable":
            least, most = _number(about.get("MinSize"), size), _number(about.get("MaxSize"), size)
        found.append(_Directory(name.strip(), least, most))
    return found


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 6 else default


def _existing(directory: Path, icon: str) -> Path | None:
    for ending in _ENDINGS:
        file = directory / f"{icon}{ending}"
        try:
            if file.is_file():
                return file
        except (OSError, ValueError):
            return None
    return None
