"""Installs the files that integrate this program into a desktop: its entry in the menu, its icon, and the icons of the
tray.

Desktop Entry, Icon Theme and Base Directory Specifications (freedesktop.org). Packages install these files below
/usr/share. pip and a checkout cannot, so `install` writes them below `$XDG_DATA_HOME`. A manifest lists the written
files: `remove` deletes exactly those, including files of an older version, and never a file of another program.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

import netwatch_tray
from netwatch_tray import launch, paths
from netwatch_tray.errors import NetWatchError

NAME = "netwatch-tray"
"""Name of the desktop entry and of the icon."""

_ENTRY = f"applications/{NAME}.desktop"
_HICOLOR = "icons/hicolor"
_MANIFEST = f"{NAME}/desktop.json"
_PACKAGED_ICONS = (f"scalable/apps/{NAME}.svg", f"48x48/apps/{NAME}.png")


class _Manifest(msgspec.Struct, frozen=True):
    """A record of the files that are installed below `$XDG_DATA_HOME`."""

    version: str
    """Version of the program that wrote the files; empty while they are being written."""
    command: tuple[str, ...]
    """Command that the desktop entry starts."""
    files: tuple[str, ...]
    """Paths of the files, relative to `$XDG_DATA_HOME`."""


class Found(NamedTuple):
    """Where the desktop files are installed, and by whom."""

    place: Path | None
    """The data directory that has them; None if they are not installed."""
    is_packaged: bool
    """Whether a package installed them; then this program does not change them."""
    command: tuple[str, ...] = ()
    """Command that the installed entry starts, if this program has written the entry."""
    foreign: tuple[Path, ...] = ()
    """Files of another origin that exist where `install` would have written its own; it has left them unchanged."""


def exec_line(words: Iterable[str]) -> str:
    """Return a command as the value of the key Exec: each word quoted, special characters escaped, and the whole
    escaped again as a string of a desktop entry."""
    return " ".join(map(_exec_word, words))


def find() -> Found:
    """Return where the desktop files are installed now."""
    if packaged := _packaged(_wanted_names()):
        return Found(packaged, is_packaged=True)
    if (manifest := _read_manifest()) is not None:
        return Found(_home(), is_packaged=False, command=manifest.command)
    return Found(None, is_packaged=False)


def install() -> Found:
    """Write the files below `$XDG_DATA_HOME`, or update them; do nothing if a package has installed them.

    Raise NetWatchError with the path if one cannot be written. Each file is then complete, either old or new.
    """
    files = _wanted()
    if packaged := _packaged(files):
        remove()  # a copy of ours would hide the package's files
        return Found(packaged, is_packaged=True)
    home, before = _home(), _read_manifest()
    ours = before.files if before else ()
    command = launch.command()
    try:
        foreign = [name for name in files if name not in ours and (home / name).exists()]
        mine = {name: data for name, data in files.items() if name not in foreign}
        complete = _Manifest(netwatch_tray.__version__, command, tuple(sorted(mine)))
        changed = {name: data for name, data in mine.items() if _content(home / name) != data}
        if changed or before != complete:
            # First, so that `remove` knows of every file even if this process is killed between two of them.
            _write_manifest(home, _Manifest("", command, tuple(sorted({*ours, *mine}))))
            for name, data in changed.items():
                write(home / name, data)
            for name in set(ours) - set(mine):
                (home / name).unlink(missing_ok=True)
            _write_manifest(home, complete)
            os.utime(home / _HICOLOR)  # GTK ignores an icon cache that is older than the directory beside it
    except OSError as error:
        raise NetWatchError(
            "The desktop files cannot be installed: {filename}: {reason}. NetWatch works without "
            "them; it has no entry in the menu of programs, and some panels show no icon.",
            filename=error.filename or home,
            reason=error,
        ) from error
    differing = tuple(home / name for name in foreign if _content(home / name) != files[name])
    return Found(home, is_packaged=False, command=command, foreign=differing)


def remove() -> bool:
    """Delete what `install` has written, and directories that are empty then. Return whether anything was deleted.

    Raise NetWatchError with the path if one cannot be deleted.
    """
    manifest = _read_manifest()
    if manifest is None:
        return False
    home = _home()
    try:
        for name in (*manifest.files, _MANIFEST):
            (home / name).unlink(missing_ok=True)
            for parent in (home / name).parents:
                if parent == home or not parent.is_dir() or any(parent.iterdir()):
                    break
                parent.rmdir()
        if (home / _HICOLOR).is_dir():
            os.utime(home / _HICOLOR)
    except OSError as error:
        raise NetWatchError(
            "The desktop files cannot be removed: {filename}: {reason}.", filename=error.filename, reason=error
        ) from error
    return True


def refresh() -> None:
    """Update the installed files if the program was upgraded or moved. Do nothing if none are installed.

    Raise what `install` raises.
    """
    manifest = _read_manifest()
    if manifest is None:
        return
    command = launch.command()
    # Another installation of the program that is still there keeps its entry.
    is_gone = not manifest.command or not Path(manifest.command[0]).exists()
    if is_gone or (manifest.command == command and manifest.version != netwatch_tray.__version__):
        install()


def icon_reference() -> str:
    """Return how other programs can refer to this program's icon: by its name if an icon theme has it, else by the URI
    of its file."""
    if application := os.environ.get("FLATPAK_ID"):
        return application  # Flatpak exports the icon under this name, and other programs cannot read our files
    themes = [base / _HICOLOR for base in (_home(), *_system_directories())]
    if any((theme / icon).exists() for theme in themes for icon in _PACKAGED_ICONS):
        return NAME
    return (paths.assets() / f"{NAME}.svg").as_uri()


def _home() -> Path:
    return paths.base_directory("XDG_DATA_HOME", ".local/share")


def _system_directories() -> list[Path]:
    named = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    return [Path(each) for each in named.split(":") if each.startswith("/")]


def _packaged(names: Iterable[str]) -> Path | None:
    """Return the data directory in which a package has installed all of these files, or None if there is none."""
    if "FLATPAK_ID" in os.environ:
        return Path("/app/share")  # under other names, which Flatpak exports to the desktop
    wanted = [Path(name) for name in names]
    for base in _system_directories():
        # A package may have an icon of fixed size as PNG.
        if all((base / name).exists() or (base / name.with_suffix(".png")).exists() for name in wanted):
            return base
    return None


def _wanted_names() -> list[str]:
    return [_ENTRY, *(name for name, _ in _icons())]


def _wanted() -> dict[str, bytes]:
    """Return the content of each file to install, by its path below a data directory."""
    entry = (paths.assets() / "linux" / f"{NAME}.desktop").read_text("utf-8")
    return {_ENTRY: _with_command(entry).encode(), **{name: file.read_bytes() for name, file in _icons()}}


def _icons() -> Iterator[tuple[str, Path]]:
    """Yield for each icon its path below a data directory, and the file in the assets to copy. They are SVG, which
    desktops scale to any size."""
    assets = paths.assets()
    yield f"{_HICOLOR}/scalable/apps/{NAME}.svg", assets / f"{NAME}.svg"
    yield f"{_HICOLOR}/16x16/apps/{NAME}.svg", assets / f"{NAME}-16.svg"
    yield f"{_HICOLOR}/symbolic/apps/{NAME}-symbolic.svg", assets / f"{NAME}-symbolic.svg"
    theme = assets / "tray" / "hicolor"
    for file in sorted(theme.rglob("*.svg")):
        yield f"{_HICOLOR}/{file.relative_to(theme)}", file


def _with_command(entry: str) -> str:
    """Return the desktop entry from the assets with the full path of the program in Exec, because a program installed
    by pip or run from a checkout may not be on the PATH."""

    def changed(line: str) -> str:
        key, _, value = line.partition("=")
        if key == "Exec":
            return f"Exec={exec_line(launch.command(*value.split()[1:]))}"
        return "TryExec=" + launch.command()[0].replace("\\", "\\\\") if key == "TryExec" else line

    return "".join(f"{changed(line)}\n" for line in entry.splitlines())


def _exec_word(word: str) -> str:
    plain = word.replace("%", "%%")
    if all(letter.isalnum() or letter in "/._-+:@%" for letter in plain):
        return plain
    for special in '\\"`$':
        plain = plain.replace(special, f"\\{special}")
    return '"' + plain.replace("\\", "\\\\") + '"'


def _read_manifest() -> _Manifest | None:
    try:
        manifest = msgspec.json.decode((_home() / _MANIFEST).read_bytes(), type=_Manifest)
    except (OSError, msgspec.DecodeError):
        return None
    # Another program may have edited the file, so it must not name a path outside of the data directory.
    inside = tuple(name for name in manifest.files if not name.startswith("/") and ".." not in Path(name).parts)
    return msgspec.structs.replace(manifest, files=inside)


def _write_manifest(home: Path, manifest: _Manifest) -> None:
    write(home / _MANIFEST, msgspec.json.encode(manifest))


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None


def write(file: Path, data: bytes) -> None:
    """Replace a file atomically; create its directory if it is missing. Raise OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        new.write_bytes(data)
        new.replace(file)
    except OSError:
        new.unlink(missing_ok=True)
        raise
