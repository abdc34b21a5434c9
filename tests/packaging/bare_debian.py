"""A Debian of one's own that has nothing but its base system: no Python, no X, no libraries of desktops.

Programs run in it by chroot(2), each in a mount namespace of its own, so that no mount outlives them. Needs root, the
network (packages come from deb.debian.org) and debootstrap. Building it takes a minute.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

MIRROR = "http://deb.debian.org/debian"
SUITES = ("bookworm", "trixie")
"""Debian 12 and 13."""

_ENTER = """
set -e
root=$1; shift
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
while [ "$1" != -- ]; do
    mkdir -p "$root$1"
    mount --bind "$1" "$root$1"
    shift
done
shift
exec chroot "$root" /usr/bin/env -u LD_LIBRARY_PATH -u PYTHONPATH PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
"""


class BareDebian:
    """A Debian without anything but its base system. `root`: its directory."""

    def __init__(self, root: Path, suite: str) -> None:
        self.root = root
        command: list[str | Path] = ["debootstrap", "--variant=minbase", suite, root, MIRROR]
        done = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr
        shutil.copyfile("/etc/resolv.conf", root / "etc" / "resolv.conf")

    def enter(self, *command: str, shared: tuple[str | Path, ...] = ()) -> list[str]:
        """Return the words that start `command` inside it, with these directories of the machine mounted."""
        places = map(str, shared)
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", _ENTER, "sh", str(self.root), *places,
                "--", *command]  # fmt: skip

    def run(self, *command: str, timeout: float = 60) -> str:
        """Run a command inside it. Return what it printed; fail if it does not succeed."""
        done = subprocess.run(self.enter(*command), capture_output=True, text=True, timeout=timeout, check=False)
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def apt(self, *words: str) -> str:
        options = ("-q", "-y", "-o", "Dpkg::Use-Pty=0")
        environment = ("env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8")
        return self.run(*environment, "apt-get", *options, *words, timeout=500)

    def files(self) -> set[str]:
        """Return the paths of all files, without those of the kernel's file systems."""
        shown = {"proc", "sys", "dev"}
        paths = (path.relative_to(self.root) for top in self.root.iterdir() if top.name not in shown
                 for path in (top, *top.rglob("*")))  # fmt: skip
        return {f"/{path}" for path in paths}
