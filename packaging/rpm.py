"""An .rpm of the installed tree, by rpmbuild: on Fedora, openSUSE, or Debian with its package rpm.

Requirements are sonames and not names of packages, because those are the same in every distribution.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from installed_tree import DESCRIPTION, NAME, SUMMARY, Contents, finish, put, write, write_packed
from shared_libraries import required

HERE = Path(__file__).resolve().parent

_WITHOUT_CAPABILITY = ("ld-linux",)
"""Beginning of the name of the loader, which is not required separately: it is part of the C library."""

_SPEC = """\
# The tree is finished: nothing in it is compiled, stripped or compressed again.
%global debug_package %{{nil}}
%global __os_install_post %{{nil}}
%global _build_id_links none
%global _binary_payload w6.xzdio
%global _buildhost reproducible
%global use_source_date_epoch_as_buildtime 1
%global clamp_mtime_to_source_date_epoch 1

Name: {name}
Version: {version}
Release: 1
Summary: {summary}
License: MIT AND LicenseRef-netwatch-tray-components
Group: Productivity/Networking/Diagnostic
ExclusiveArch: {architecture}
AutoReqProv: no
{requires}
Recommends: ca-certificates
Recommends: iproute
Recommends: lsof
Recommends: xdg-utils

%description
{description}
%install
mkdir -p %{{buildroot}}
cp -a {tree}/. %{{buildroot}}/

%preun
{preun}

%files
{files}
"""
"""Template of the spec file. Licences of what the package contains are in /usr/lib/netwatch-tray/_internal/licences."""


def build(contents: Contents, *, work: Path, into: Path) -> Path:
    """Make the .rpm in `into` and return its path. Raise PackageError."""
    tree = work / "rpm-tree"
    put(contents, tree, zsh="site-functions")
    write(tree / "usr/share/licenses" / NAME / "LICENSE", (HERE.parent / "LICENSE").read_text("utf-8"))
    write_packed(tree / "usr/share/doc" / NAME / "NEWS.gz", (HERE.parent / "CHANGELOG.md").read_text("utf-8"))
    finish(tree, contents.epoch)
    architecture = platform.machine()
    text = _SPEC.format(
        name=NAME,
        version=contents.version,
        summary=SUMMARY[0].upper() + SUMMARY[1:],
        architecture=architecture,
        requires="\n".join(f"Requires: {each}" for each in requires(contents.folder)),
        description=DESCRIPTION,
        tree=tree,
        preun=(HERE / "rpm" / "preun").read_text("utf-8").partition("\n")[2].strip(),  # without the line of the shell
        files="\n".join(_files(tree)),
    )
    spec = work / f"{NAME}.spec"
    spec.write_text(text, encoding="utf-8")
    top = work / "rpm"
    shutil.rmtree(top, ignore_errors=True)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(contents.epoch), "LC_ALL": "C.UTF-8"}
    command: list[str | Path] = ["rpmbuild", "--quiet", "-bb", "--define", f"_topdir {top}", "--nodeps", spec]
    subprocess.run(command, check=True, env=environment)
    (made,) = (top / "RPMS" / architecture).glob("*.rpm")
    into.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(made, into / made.name))


def requires(folder: Path) -> Sequence[str]:
    """Return RPM's names (capabilities) of the libraries that files in the folder need and that are not in it. Raise
    PackageError for an unknown library."""
    needed = required(folder)
    sonames = sorted(name for name in needed.sonames if not name.startswith(_WITHOUT_CAPABILITY))
    major, minor = needed.glibc
    return [f"libc.so.6(GLIBC_{major}.{minor})(64bit)", *(f"{name}()(64bit)" for name in sonames)]


def _files(tree: Path) -> list[str]:
    """Return the lines of the section %files: directories that belong to the package alone as a whole, and single files
    in all others."""
    own = [f"usr/lib/{NAME}", f"usr/share/doc/{NAME}", f"usr/share/licenses/{NAME}"]
    others = [
        path
        for path in sorted(str(each.relative_to(tree)) for each in tree.rglob("*") if not each.is_dir())
        if not path.startswith(tuple(f"{place}/" for place in own))
    ]
    return ["%defattr(-,root,root)", *(f'"/{path}"' for path in (*own, *others))]
