"""The macOS application: the contents of its Info.plist, and a thin bundle that can be assembled on any system.

The bundle for users is frozen on a Mac (netwatch-tray.spec). The thin one has the same structure but no interpreter:
its launcher looks for Python on the Mac. With it, structure, plist, icon, wheels and hashes are tested on Linux, too.
"""

from __future__ import annotations

import hashlib
import plistlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import licences
from plugins import keep

HERE = Path(__file__).resolve().parent
IDENTIFIER = "io.netwatch.tray"
NAME = "NetWatch Tray"
LEAST_MACOS = "12.0"
"""Oldest version of macOS that the locked version of Qt supports."""
PYTHON = "3.13"
"""Version of Python that the thin bundle needs, because its compiled wheels are for this one."""
ARCHITECTURES = {"arm64": "aarch64", "x86_64": "x86_64"}
"""Names of the architectures: Apple's, and those that compilers and package indexes use."""


def properties(version: str) -> dict[str, Any]:
    """Return the entries of Info.plist, except for those that each builder sets itself.

    There is one usage description: probes reach the gateway and DNS servers in the local network, for which macOS 15
    requests the user's permission.
    """
    return {
        "CFBundleDisplayName": NAME,
        "CFBundleName": "NetWatch",
        "CFBundleShortVersionString": version,
        "CFBundleVersion": version,
        "LSApplicationCategoryType": "public.app-category.utilities",
        "LSMinimumSystemVersion": LEAST_MACOS,
        "LSUIElement": True,  # in the menu bar, not in the Dock
        "LSAppNapIsDisabled": True,  # a monitor without windows would be slowed down
        "NSLocalNetworkUsageDescription": "With uploading on, NetWatch measures how fast your router and DNS servers "
        "answer.",
        "NSHighResolutionCapable": True,
        "NSSupportsAutomaticGraphicsSwitching": True,
        "NSPrincipalClass": "NSApplication",
    }


def assemble(tree: Path, *, icon: Path, lock: Path, uv: Path, version: str, architecture: str, into: Path) -> Path:
    """Assemble a thin bundle for one of ARCHITECTURES, and return its path. `tree`: directory with package, assets and
    licences. `lock`: requirements with hashes. `uv`: the program that installs wheels."""
    bundle = into / architecture / f"{NAME}.app"
    shutil.rmtree(bundle, ignore_errors=True)
    contents = bundle / "Contents"
    packages = contents / "Resources" / "site-packages"
    packages.mkdir(parents=True)
    plist = {
        "CFBundleDevelopmentRegion": "en",
        "CFBundleExecutable": "netwatch-tray",
        "CFBundleIconFile": "NetWatch.icns",
        "CFBundleIdentifier": IDENTIFIER,
        "CFBundleInfoDictionaryVersion": "6.0",
        "CFBundlePackageType": "APPL",
        "LSArchitecturePriority": [architecture],
        **properties(version),
    }
    (contents / "Info.plist").write_bytes(plistlib.dumps(plist))
    (contents / "PkgInfo").write_text("APPL????")
    shutil.copyfile(icon, contents / "Resources" / "NetWatch.icns")
    _install_wheels(packages, lock, uv, architecture)
    shutil.copytree(tree / "netwatch_tray", packages / "netwatch_tray", dirs_exist_ok=True)
    shutil.copytree(tree / "assets", packages / "netwatch_tray" / "assets")
    texts = contents / "Resources" / "licences"
    licences.write(texts, version, licences.installed_components(packages))
    shutil.copyfile(tree / "licences" / "LICENSE", texts / "LICENSE")
    _compile_launcher(contents / "MacOS" / "netwatch-tray", architecture)
    (contents / "Resources" / "SHA256SUMS").write_text(checksums(contents))
    return bundle


def _install_wheels(place: Path, lock: Path, uv: Path, architecture: str) -> None:
    """Install the wheels that `lock` pins by hash, for this architecture of macOS, without running any of their
    code."""
    target = f"{ARCHITECTURES[architecture]}-apple-darwin"
    command: list[str | Path] = [uv, "pip", "install", "--quiet", "--target", place, "--python-platform", target]
    command += ["--python-version", PYTHON, "--only-binary", ":all:", "--no-deps", "--require-hashes", "-r", lock]
    subprocess.run(command, check=True)
    for unused in ("bin", ".lock", "PyObjCTest"):
        found = place / unused
        if found.is_dir():
            shutil.rmtree(found)
        else:
            found.unlink(missing_ok=True)
    for debug_information in list(place.rglob("*.dSYM")):  # which cannot be signed
        shutil.rmtree(debug_information)
    for file in place.rglob("*"):
        if file.is_file() and not keep(file.relative_to(place).as_posix()):
            file.unlink()


def requirements(lock: str, names: Iterable[str]) -> str:
    """Return the entries of a lock file that belong to these distributions (normalised names)."""
    wanted = set(names)
    blocks = re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE)
    return "".join(block for block in blocks if block.partition("==")[0] in wanted)


def _compile_launcher(file: Path, architecture: str) -> None:
    file.parent.mkdir()
    target = f"{ARCHITECTURES[architecture]}-macos.{LEAST_MACOS}.0"
    command: list[str | Path] = [sys.executable, "-m", "ziglang", "cc", "-target", target, "-Os", "-Wall", "-Werror"]
    define = f'-DPYTHON="{PYTHON}"'
    subprocess.run([*command, define, "-o", file, HERE / "macos" / "launcher.c"], check=True)
    for debug_information in file.parent.glob("*.dSYM"):
        shutil.rmtree(debug_information)
    file.chmod(0o755)


def checksums(contents: Path) -> str:
    """Return the hashes of all files in the bundle, except for the list itself, in the format of sha256sum."""
    files = sorted(file for file in contents.rglob("*") if file.is_file() and file.name != "SHA256SUMS")
    return "".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.relative_to(contents)}\n" for file in files)
