"""A .deb of the installed tree.

Nothing runs at installation, and nothing is started at login until the user requests it. At removal the helper's
service is removed, if the user set it up.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import hashlib
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from installed_tree import DESCRIPTION, NAME, SUMMARY, Contents, finish, put, write, write_packed
from shared_libraries import FROM_THE_SYSTEM, required

HERE = Path(__file__).resolve().parent

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_RECOMMENDED = ("ca-certificates", "iproute2", "lsof", "xdg-utils")
"""Packages that are recommended: for uploads, for sources of the second choice, and to show the report of `doctor`."""

_EMAIL = "authors@netwatch-tray.invalid"
"""Address of the maintainer, which deb-control(5) requires. Nobody receives mail to it."""

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
Description: {summary}
{description}"""


def build(contents: Contents, *, work: Path, into: Path) -> Path:
    """Make the .deb in `into` and return its path. Raise PackageError."""
    root = work / "deb"
    put(contents, root, zsh="vendor-completions")
    documents = root / "usr/share/doc" / NAME
    write(documents / "copyright", (HERE / "debian" / "copyright").read_text("utf-8"))
    write_packed(documents / "NEWS.gz", (HERE.parent / "CHANGELOG.md").read_text("utf-8"))
    date = email.utils.format_datetime(dt.datetime.fromtimestamp(contents.epoch, dt.UTC))  # RFC 5322
    changelog = _CHANGELOG.format(name=NAME, version=contents.version, email=_EMAIL, date=date)
    write_packed(documents / "changelog.gz", changelog)
    write(root / "usr/share/lintian/overrides" / NAME, (HERE / "debian" / "lintian-overrides").read_text("utf-8"))
    finish(root, contents.epoch)

    architecture = _ARCHITECTURES.get(platform.machine(), platform.machine())
    control = _CONTROL.format(
        name=NAME,
        version=contents.version,
        email=_EMAIL,
        architecture=architecture,
        kibibytes=sum(file.lstat().st_size for file in root.rglob("*") if file.is_file()) // 1024,
        depends=", ".join(depends(contents.folder)),
        recommends=", ".join(_RECOMMENDED),
        summary=SUMMARY,
        description="".join(f" {line or '.'}\n" for line in DESCRIPTION.splitlines()),
    )
    checksums = _checksums(root)
    write(root / "DEBIAN" / "control", control)
    write(root / "DEBIAN" / "md5sums", checksums)
    shutil.copyfile(HERE / "debian" / "prerm", root / "DEBIAN" / "prerm")
    (root / "DEBIAN" / "prerm").chmod(0o755)
    into.mkdir(parents=True, exist_ok=True)
    package = into / f"{NAME}_{contents.version}_{architecture}.deb"
    command: list[str | Path] = ["dpkg-deb", "--root-owner-group", "-Zxz", "-z9", "--build", root, package]
    # dpkg-deb lets no file in it be newer than SOURCE_DATE_EPOCH.
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(contents.epoch)}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    return package


def depends(folder: Path) -> Sequence[str]:
    """Return the Debian packages of the libraries that files in the folder need and that are not in it. Raise
    PackageError for an unknown library."""
    needed = required(folder)
    packages = {FROM_THE_SYSTEM[soname] for soname in needed.sonames}
    major, minor = needed.glibc
    return [f"{name} (>= {major}.{minor})" if name == "libc6" else name for name in sorted(packages)]


def _checksums(root: Path) -> str:
    files = sorted(file for file in root.rglob("*") if file.is_file() and not file.is_symlink())
    return "".join(
        f"{hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()}  {file.relative_to(root)}\n"
        for file in files
    )
