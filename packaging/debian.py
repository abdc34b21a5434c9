"""A .deb of the frozen folder: /opt/netwatch-tray, and in /usr what desktop, manual and shells look for.

Nothing runs at installation, and nothing is started at login until the user requests it. At removal the helper's
service is removed, if the user set it up.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import gzip
import hashlib
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from shared_libraries import FROM_THE_SYSTEM, missing

HERE = Path(__file__).resolve().parent
NAME = "netwatch-tray"
APPLICATION = "io.netwatch.tray"

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_RECOMMENDED = ("ca-certificates", "iproute2", "lsof", "xdg-utils")
"""For uploads; sources of the second choice; what shows the doctor's report."""

_EMAIL = "authors@netwatch-tray.invalid"
"""deb-control(5) wants an address; mail to this one goes nowhere."""

_CHANGELOG = """\
{name} ({version}) unstable; urgency=medium

  * What is new: /usr/share/doc/netwatch-tray/NEWS.gz

 -- The NetWatch Tray authors <{email}>  {date}
"""

_CONTROL = """\
Package: {name}
Version: {version}
Section: net
Priority: optional
Architecture: {architecture}
Maintainer: The NetWatch Tray authors <{email}>
Installed-Size: {kibibytes}
Depends: {depends}
Recommends: {recommends}
Description: live network rates in the tray
 What the computer downloads and uploads right now, each byte counted once, as
 an icon in the tray. A click opens a window with a chart of every interface,
 the list of connections and apps with measured rates, and past usage.
 .
 It needs no root, captures no packets and sends nothing unless asked to.
"""


class PackageError(Exception):
    """The package cannot be built from what is there."""


def build(
    folder: Path,
    *,
    icons: Path,
    desktop: str,
    metainfo: str,
    manual: str,
    completions: dict[str, str],
    version: str,
    date: str,
    work: Path,
    into: Path,
) -> Path:
    """The .deb of a frozen `folder`. `icons`: the drawn ones (hicolor); the texts of what else is installed; `date`: as
    2026-01-31."""
    root = work / "deb"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(folder, root / "opt" / NAME, symlinks=True)
    _link(root / "usr/bin" / NAME, f"/opt/{NAME}/{NAME}")
    shutil.copytree(icons, root / "usr/share/icons/hicolor")
    _text(root / f"usr/share/applications/{NAME}.desktop", desktop)
    _text(root / f"usr/share/metainfo/{APPLICATION}.metainfo.xml", metainfo)
    _packed(root / f"usr/share/man/man1/{NAME}.1.gz", manual)
    for place, text in completions.items():
        _text(root / place, text)
    documents = root / "usr/share/doc" / NAME
    _text(documents / "copyright", (HERE / "debian" / "copyright").read_text("utf-8"))
    _packed(documents / "NEWS.gz", (HERE.parent / "CHANGELOG.md").read_text("utf-8"))
    _packed(
        documents / "changelog.gz", _CHANGELOG.format(name=NAME, version=version, email=_EMAIL, date=_in_email(date))
    )
    _text(root / "usr/share/lintian/overrides" / NAME, (HERE / "debian" / "lintian-overrides").read_text("utf-8"))
    _set_modes(root)

    architecture = _ARCHITECTURES.get(platform.machine(), platform.machine())
    _text(
        root / "DEBIAN" / "control",
        _CONTROL.format(
            name=NAME,
            version=version,
            email=_EMAIL,
            architecture=architecture,
            kibibytes=sum(file.lstat().st_size for file in root.rglob("*") if file.is_file()) // 1024,
            depends=", ".join(depends(folder)),
            recommends=", ".join(_RECOMMENDED),
        ),
    )
    _text(root / "DEBIAN" / "md5sums", _checksums(root))
    shutil.copyfile(HERE / "debian" / "prerm", root / "DEBIAN" / "prerm")
    (root / "DEBIAN" / "prerm").chmod(0o755)
    into.mkdir(parents=True, exist_ok=True)
    package = into / f"{NAME}_{version}_{architecture}.deb"
    command: list[str | Path] = ["dpkg-deb", "--root-owner-group", "-Zxz", "-z9", "--build", root, package]
    # dpkg-deb lets no file in it be newer than SOURCE_DATE_EPOCH.
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(int(_midnight(date).timestamp()))}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    return package


def depends(folder: Path) -> Sequence[str]:
    """Debian's packages of the libraries that the folder links to and does not carry. Raise PackageError."""
    needed = missing(folder)
    if unknown := needed.sonames - FROM_THE_SYSTEM.keys():
        raise PackageError(
            f"The program links to {', '.join(sorted(unknown))}, which it neither carries nor knows a package of. "
            "Name the package in packaging/shared_libraries.py."
        )
    packages = {FROM_THE_SYSTEM[soname] for soname in needed.sonames}
    major, minor = needed.glibc
    return [f"{name} (>= {major}.{minor})" if name == "libc6" else name for name in sorted(packages)]


def _text(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def _packed(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))


def _link(file: Path, target: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.symlink_to(target)


def _set_modes(root: Path) -> None:
    """What Debian wants, whatever the builder's umask: 0755 for directories and programs, 0644 for the rest."""
    program = root / "opt" / NAME / NAME
    for path in root.rglob("*"):
        if not path.is_symlink():
            os.chmod(path, 0o755 if path.is_dir() or path == program else 0o644)  # noqa: PTH101  beside is_symlink
    root.chmod(0o755)


def _in_email(date: str) -> str:
    """RFC 5322."""
    return email.utils.format_datetime(_midnight(date))


def _midnight(date: str) -> dt.datetime:
    return dt.datetime.fromisoformat(date).replace(tzinfo=dt.UTC)


def _checksums(root: Path) -> str:
    files = sorted(file for file in root.rglob("*") if file.is_file() and not file.is_symlink())
    return "".join(
        f"{hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()}  {file.relative_to(root)}\n"
        for file in files
        if file.relative_to(root).parts[0] != "DEBIAN"
    )
