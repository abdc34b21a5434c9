"""Reads names and icons of other programs, from desktop entries, on macOS from application bundles.

Desktop Entry Specification (freedesktop.org). Any program may install such files, so nothing in them is trusted: a
malformed file is left out, and reading never blocks.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from netwatch_tray import language, text

_MOST_BYTES = 1 << 17
"""Largest size in bytes of a file that is read. The longest known one has 30 kB."""
_MOST_FILES = 4096
_MOST_ENTRIES_READ = 1 << 14
"""Most files and directories that are looked at below one data directory."""
_DEEPEST = 3
"""Greatest depth of directories below `applications`."""
_LONGEST_NAME = 120
_RUNTIMES = re.compile(
    r"(python|perl|ruby|node|java|mono|php|lua)[\d.]*|(ba|da|z)?sh|electron\d*|gjs|wine\d*|bwrap|firejail|pkexec|sudo"
)
"""Pattern of programs that only start another program, which is the one that the desktop entry is about."""
_SHARED = re.compile(r"(/usr|/usr/local|/snap|/home/[^/]+/\.local)?/s?bin|/usr/games|/opt|/")
"""Pattern of directories that contain unrelated programs, such as /usr/bin."""
_ESCAPES = {"s": " ", "n": " ", "t": " ", "r": " ", "\\": "\\"}


class Entry(NamedTuple):
    """The name and the icon of a program, as a desktop shows them."""

    id: str
    """Name of the file without `.desktop`; for a bundle its path."""
    name: str
    """Name in the requested language, with no characters replaced."""
    icon: str
    """Name in the icon theme, or absolute path; empty if there is none."""
    wm_class: str = ""
    programs: tuple[str, ...] = ()
    """The program that the entry starts, as a path or a name; if that is a symbolic link, also its target."""
    is_hidden: bool = False
    """Whether menus leave the entry out."""
    is_plain: bool = False
    """Whether the entry starts the program without options."""


class Entries:
    """The desktop entries of a system, to find the one of an app."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        """Index the entries. If several have the same ID, visible ones win over hidden ones, then the
        first one wins."""
        self._ids: dict[str, Entry] = {}
        self._classes: dict[str, Entry] = {}
        self._programs: dict[str, list[Entry]] = {}
        """Entries by the path and by the name of the program that they start, both in lower case."""
        self._directories: dict[str, set[str]] = {}
        """By directory: paths of the programs in it that entries start."""
        for entry in sorted(entries, key=lambda each: each.is_hidden):
            self._ids.setdefault(entry.id.casefold(), entry)
            if entry.wm_class:
                self._classes.setdefault(entry.wm_class.casefold(), entry)
            for program in entry.programs:
                directory, name = os.path.split(program)
                for key in {program.casefold(), name.casefold()}:
                    self._programs.setdefault(key, []).append(entry)
                if not _SHARED.fullmatch(directory):
                    self._directories.setdefault(directory, set()).add(program.casefold())

    def of_app(self, key: str) -> Entry | None:
        """Return the entry of an app, or None if it has none. `key`: the app's key, made by engine.apps."""
        kind, _, rest = key.partition(":")
        match kind:
            case "desktop" | "flatpak":
                return self._ids.get(rest.casefold())
            case "snap":
                name = rest.casefold()
                own = (entry for known, entry in self._ids.items() if known.startswith(f"{name}_"))
                return self._ids.get(f"{name}_{name}") or next(own, None)
            case "script":
                return self._of_program(rest.rpartition(" ")[2])
            case "executable" | "name":
                return self._of_program(rest)
            case "bundle":
                return bundle(Path(rest))
        return None

    def _of_program(self, program: str) -> Entry | None:
        directory, name = os.path.split(program)
        name = name.casefold()
        known = self._classes.get(name) or self._starting(program.casefold()) or self._starting(name)
        beside = self._directories.get(directory, set())
        if known is None and len(beside) == 1:
            known = self._starting(next(iter(beside)))
        return known or self._ids.get(name)

    def _starting(self, program: str) -> Entry | None:
        """Return the entry that starts a program. None if there is none, or if several start it for different purposes,
        as the entries of a desktop's settings do."""
        found = self._programs.get(program, [])
        name = program.rpartition("/")[2]
        likely = [each for each in found if each.id.casefold() == name] or [each for each in found if each.is_plain]
        shown = [each for each in likely or found if not each.is_hidden] or likely or found
        return shown[0] if len(shown) == 1 else None


@lru_cache(1)
def _installed() -> Entries:
    return read_all(language.code)


@lru_cache(1024)
def name_of(key: str) -> str:
    """Return the name in the desktop entry of an app, empty if it has none. `key`: the app's key. The first call reads
    all entries, in 0.1 s."""
    entry = _installed().of_app(key)
    return entry.name if entry else ""


def read_all(language: str, environment: Mapping[str, str] = os.environ, home: Path | None = None) -> Entries:
    """Read the entries of this system. `language`: for their names, such as `de_AT`."""
    found: dict[str, Entry] = {}
    left = _MOST_FILES
    for directory in data_directories(environment, home):
        for file, entry_id in _files(directory / "applications"):
            if left <= 0:
                break
            left -= 1
            if entry_id not in found and (entry := _read_entry(file, entry_id, language)):
                found[entry_id] = entry
    return Entries(found.values())


def data_directories(environment: Mapping[str, str] = os.environ, home: Path | None = None) -> list[Path]:
    """Return the absolute paths of the directories below which programs install entries and icons, the most important
    first."""
    home = home or Path.home()
    own = environment.get("XDG_DATA_HOME") or f"{home}/.local/share"
    system = environment.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    flatpak = f"{home}/.local/share/flatpak/exports/share", "/var/lib/flatpak/exports/share"
    named = [own, *system.split(":"), *flatpak, "/var/lib/snapd/desktop"]
    return [Path(each) for each in dict.fromkeys(named) if each.startswith("/") and "\0" not in each]


def read_small(file: Path, most_bytes: int) -> bytes | None:
    """Return the content of a file; None if it is no regular file, or larger than `most_bytes`. Never
    blocks on a FIFO."""
    try:
        with open(file, "rb", opener=_without_waiting) as opened:
            found = os.fstat(opened.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size > most_bytes:
                return None
            content = opened.read(most_bytes + 1)
    except (OSError, ValueError):  # ValueError: a NUL in its name
        return None
    return content if len(content) <= most_bytes else None


def groups(content: bytes) -> dict[str, dict[str, str]]:
    """Parse the syntax of desktop entries into keys and values by group. If a key is repeated, the first
    value counts."""
    found: dict[str, dict[str, str]] = {}
    group: dict[str, str] = {}
    for line in map(str.strip, text.decoded(content).split("\n")):
        if line.startswith("[") and line.endswith("]"):
            group = found.setdefault(line[1:-1], {})
        elif line and not line.startswith("#"):
            key, equals, value = line.partition("=")
            if equals:
                group.setdefault(key.rstrip(), value.lstrip())
    return found


def bundle(path: Path) -> Entry | None:
    """Return the name and icon of a macOS application from its Info.plist, or None if the path is not an
    application."""
    import plistlib  # noqa: PLC0415  loads an XML parser, which Linux does not need

    content = read_small(path / "Contents/Info.plist", _MOST_BYTES)
    if content is None:
        return None
    try:
        facts = plistlib.loads(content)
    except Exception:  # noqa: BLE001  the parsers of both formats raise anything on foreign bytes
        return None
    if not isinstance(facts, dict):
        return None
    named = (facts.get(key) for key in ("CFBundleDisplayName", "CFBundleName"))
    name = next((each for each in named if isinstance(each, str) and each), path.name.removesuffix(".app"))
    icon = facts.get("CFBundleIconFile")
    file = ""
    if isinstance(icon, str) and icon and "/" not in icon and "\0" not in icon:
        file = f"{path}/Contents/Resources/{icon}" + ("" if icon.endswith(".icns") else ".icns")
    return Entry(str(path), name[:_LONGEST_NAME], file)


def _files(directory: Path) -> Iterator[tuple[Path, str]]:
    """Yield path and ID of the desktop files below a directory, sorted by name."""
    waiting = [(directory, "", 0)]
    seen = 0
    while waiting:
        here, prefix, depth = waiting.pop(0)
        try:
            with os.scandir(here) as listing:
                inside = sorted(listing, key=lambda each: each.name)
        except OSError:
            continue
        for each in inside:
            seen += 1
            if seen > _MOST_ENTRIES_READ:
                return
            if each.name.endswith(".desktop"):
                yield Path(each.path), prefix + each.name.removesuffix(".desktop")
            elif depth < _DEEPEST and _is_directory(each):
                waiting.append((Path(each.path), f"{prefix}{each.name}-", depth + 1))


def _is_directory(each: os.DirEntry[str]) -> bool:
    with contextlib.suppress(OSError):
        return each.is_dir(follow_symlinks=False)
    return False


def _read_entry(file: Path, entry_id: str, language: str) -> Entry | None:
    content = read_small(file, _MOST_BYTES)
    return None if content is None else parse(content, entry_id, language)


def parse(content: bytes, entry_id: str, language: str) -> Entry | None:
    """Parse a desktop file. Return None if it describes no program. `entry_id`: ID of the file. `language`: for the
    name."""
    facts = groups(content).get("Desktop Entry", {})
    if facts.get("Type") != "Application" or facts.get("Hidden") == "true":
        return None
    short = language.partition("_")[0]
    written = (facts.get(key) for key in (f"Name[{language}]", f"Name[{short}]", "Name"))
    name = _unescaped(next((each for each in written if each), ""))[:_LONGEST_NAME]
    icon = _unescaped(facts.get("Icon", ""))
    if not name or "\0" in icon or ("/" in icon and not icon.startswith("/")):
        return None
    programs, is_plain = _started(_unescaped(facts.get("Exec", "")))
    wm_class = _unescaped(facts.get("StartupWMClass", ""))
    return Entry(entry_id, name, icon, wm_class, programs, facts.get("NoDisplay") == "true", is_plain)


def _unescaped(value: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[0]), value) if "\\" in value else value


def _started(command: str) -> tuple[tuple[str, ...], bool]:
    """Parse the key Exec. Return the program (with the target if it is a symbolic link), and whether it is started
    without options."""
    import shlex  # noqa: PLC0415  most windows never read an entry

    if "\0" in command:
        return (), False
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    for place, word in enumerate(words):
        name = os.path.basename(word)  # noqa: PTH119  text
        if name == "env" or word.startswith("-") or "=" in word or _RUNTIMES.fullmatch(name):
            continue
        if name in ("flatpak", "snap", "gtk-launch", "dbus-launch", "dbus-send"):
            break  # the id or the name of the snap identifies it
        is_plain = all(each.startswith("%") for each in words[place + 1 :])
        real = os.path.realpath(word) if word.startswith("/") else _found_in_path(word)
        if real and real != word and not _RUNTIMES.fullmatch(os.path.basename(real)):  # noqa: PTH119  text
            return (word, real), is_plain
        return (word,), is_plain
    return (), False


def _found_in_path(name: str) -> str | None:
    for directory in ("/usr/local/bin", "/usr/bin", "/usr/games"):
        path = f"{directory}/{name}"
        if "/" not in name and os.path.exists(path):  # noqa: PTH110  in a loop over all entries
            return os.path.realpath(path)
    return None


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
