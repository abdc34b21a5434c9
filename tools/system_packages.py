"""One table of the system packages that `./dev` needs, and how each package manager installs them.

A key is what is looked for: a library (`lib….so.N`), a program, or a file by its path. Its value names the package.
dnf and zypper take what is looked for itself, a soname or /usr/bin/NAME, so they need no names of packages.
"""

from __future__ import annotations

import shutil
import sys
from typing import NamedTuple


class Package(NamedTuple):
    """The names of a package in the package managers; None where there is no such package or it is not needed."""

    apt: str
    pacman: str | None = None
    brew: str | None = None


class Manager(NamedTuple):
    """The commands of a package manager. The words of `quietly` are left out where the user types the command."""

    program: str
    install: tuple[str, ...]
    quietly: tuple[str, ...] = ()
    update: tuple[str, ...] = ()
    """Command that updates the manager's lists of packages; empty if it needs none."""
    as_root: bool = True


MANAGERS = (
    Manager(
        "apt-get",
        ("apt-get", "install", "--no-install-recommends"),
        ("-y", "-q", "-o", "DPkg::Lock::Timeout=300"),
        ("apt-get", "update", "-q", "-o", "DPkg::Lock::Timeout=300"),
    ),
    Manager("dnf", ("dnf", "install", "--setopt=install_weak_deps=False"), ("-y",)),
    Manager("zypper", ("zypper", "install", "--no-recommends", "--capability"), ("--no-confirm",)),
    Manager("pacman", ("pacman", "-S", "--needed"), ("--noconfirm",)),
    Manager("brew", ("brew", "install"), as_root=False),
)
"""The known package managers, in the order in which they are looked for."""

# Libraries that PySide6 links against, by the name that the loader looks up.
QT_LIBRARIES = {
    "libdbus-1.so.3": Package("libdbus-1-3", "dbus"),
    "libEGL.so.1": Package("libegl1", "libglvnd"),
    "libfontconfig.so.1": Package("libfontconfig1", "fontconfig"),
    "libfreetype.so.6": Package("libfreetype6", "freetype2"),
    "libGL.so.1": Package("libgl1", "libglvnd"),
    "libglib-2.0.so.0": Package("libglib2.0-0", "glib2"),
    "libOpenGL.so.0": Package("libopengl0", "libglvnd"),
    "libxkbcommon.so.0": Package("libxkbcommon0", "libxkbcommon"),
    "libxcb-cursor.so.0": Package("libxcb-cursor0", "xcb-util-cursor"),
    "libxcb-icccm.so.4": Package("libxcb-icccm4", "xcb-util-wm"),
    "libxcb-image.so.0": Package("libxcb-image0", "xcb-util-image"),
    "libxcb-keysyms.so.1": Package("libxcb-keysyms1", "xcb-util-keysyms"),
    "libxcb-render-util.so.0": Package("libxcb-render-util0", "xcb-util-renderutil"),
    "libxcb-shape.so.0": Package("libxcb-shape0", "libxcb"),
    "libxcb-xinerama.so.0": Package("libxcb-xinerama0", "libxcb"),
    "libxcb-xkb.so.1": Package("libxcb-xkb1", "libxcb"),
    "libxkbcommon-x11.so.0": Package("libxkbcommon-x11-0", "libxkbcommon-x11"),
    "libwayland-client.so.0": Package("libwayland-client0", "wayland"),
    "libwayland-cursor.so.0": Package("libwayland-cursor0", "wayland"),
}
RUN_PROGRAMS = {"lsof": Package("lsof", "lsof")}
# Real panels, screens and networks for the tests, and a compiler for the lower bounds of the benchmarks.
TEST_PROGRAMS = {
    **RUN_PROGRAMS,
    "Xvfb": Package("xvfb", "xorg-server-xvfb"),
    "cc": Package("gcc", "gcc"),
    "conky": Package("conky-std", "conky"),
    "dbus-daemon": Package("dbus", "dbus"),
    "desktop-file-validate": Package("desktop-file-utils", "desktop-file-utils", "desktop-file-utils"),
    "dunst": Package("dunst", "dunst"),
    "fc-match": Package("fontconfig", "fontconfig"),
    "gdbus": Package("libglib2.0-bin", "glib2"),
    "git": Package("git", "git", "git"),
    "grim": Package("grim", "grim"),
    "i3": Package("i3-wm", "i3-wm"),
    "import": Package("imagemagick", "imagemagick"),
    "ip": Package("iproute2", "iproute2"),
    "lxqt-panel": Package("lxqt-panel", "lxqt-panel"),
    "marco": Package("marco", "marco"),
    "mate-panel": Package("mate-panel", "mate-panel"),
    "mate-settings-daemon": Package("mate-settings-daemon", "mate-settings-daemon"),
    "openbox": Package("openbox", "openbox"),
    "openssl": Package("openssl", "openssl", "openssl"),
    "polybar": Package("polybar", "polybar"),
    "setpriv": Package("util-linux", "util-linux"),
    "strace": Package("strace", "strace"),
    "sway": Package("sway", "sway"),
    "sysctl": Package("procps", "procps-ng"),
    "tint2": Package("tint2", "tint2"),
    "tmux": Package("tmux", "tmux", "tmux"),
    "trayer": Package("trayer", "trayer"),
    "waybar": Package("waybar", "waybar"),
    "xclip": Package("xclip", "xclip"),
    "xdotool": Package("xdotool", "xdotool"),
    "xfce4-panel": Package("xfce4-panel", "xfce4-panel"),
}
TEST_FILES = {
    "/usr/share/xfce4/panel/plugins/netload.desktop": Package("xfce4-netload-plugin", "xfce4-netload-plugin"),
    "/usr/share/dbus-1/services/ca.desrt.dconf.service": Package("dconf-service", "dconf"),
    "/usr/share/mate-panel/applets/org.mate.applets.IndicatorComplete.mate-panel-applet": Package(
        "mate-indicator-applet"
    ),
    "/usr/libexec/ayatana-indicator-application/ayatana-indicator-application-service": Package(
        "ayatana-indicator-application"
    ),
    "/usr/include/linux/inet_diag.h": Package("linux-libc-dev", "linux-api-headers"),
    "/usr/include/stdio.h": Package("libc6-dev", "glibc"),
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf": Package("fonts-dejavu-core"),
}
# The three most used desktops of Debian, 1.3 GB: installed by `./dev test desktops` alone.
DESKTOP_PROGRAMS = {
    "cinnamon": Package("cinnamon"),
    "/usr/libexec/xapps/sn-watcher/xapp-sn-watcher": Package("xapp-sn-watcher"),
    "gnome-shell": Package("gnome-shell"),
    "/usr/share/gnome-shell/extensions/ubuntu-appindicators@ubuntu.com": Package("gnome-shell-extension-appindicator"),
    "kded5": Package("kded5"),
    "kwin_x11": Package("kwin-x11"),
    "plasmashell": Package("plasma-workspace"),
    "/usr/share/color-schemes/BreezeLight.colors": Package("breeze"),
    "/usr/share/icons/breeze": Package("breeze-icon-theme"),
    "/usr/share/plasma/shells/org.kde.plasma.desktop": Package("plasma-desktop"),
}
PACKAGE_PROGRAMS = {
    "git": Package("git", "git", "git"),
    "objdump": Package("binutils", "binutils"),
    "strip": Package("binutils", "binutils"),
    "dpkg-deb": Package("dpkg", "dpkg"),
}
# Debian links its Python statically, and the frozen program is started by the shared library.
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
PACKAGE_LIBRARIES = {**QT_LIBRARIES, f"libpython{_PYTHON}.so.1.0": Package(f"libpython{_PYTHON}", "python")}
# For the checks of finished packages, on Debian; debootstrap makes the bare Debian that they are installed into.
PACKAGE_CHECK_PROGRAMS = {
    **PACKAGE_PROGRAMS,
    "appstreamcli": Package("appstream"),
    "bsdtar": Package("libarchive-tools"),
    "debootstrap": Package("debootstrap"),
    "desktop-file-validate": Package("desktop-file-utils"),
    "fish": Package("fish"),
    "groff": Package("groff"),
    "lintian": Package("lintian"),
    "mksquashfs": Package("squashfs-tools"),
    "nix-instantiate": Package("nix-bin"),
    "rpmbuild": Package("rpm"),
    "ruby": Package("ruby"),
    "shellcheck": Package("shellcheck"),
    "zsh": Package("zsh"),
}
ENSUREPIP = "python3-venv"
"""Debian's package with the module ensurepip; in other distributions, Python itself has it."""

_SAME_PATHS = ("/usr/include/",)
"""Files below these are at the same path in every distribution."""


def find_manager() -> Manager | None:
    """Return the package manager of this system; None if it has none that is known here."""
    return next((manager for manager in MANAGERS if shutil.which(manager.program)), None)


def name_for(manager: Manager | None, wanted: str, package: Package) -> str | None:
    """Return what to install for `wanted`, a key of the tables; without a manager, the name of Debian's package."""
    if manager is None or manager.program == "apt-get":
        return package.apt
    if manager.program in ("dnf", "zypper"):
        return _capability(wanted)
    return package.brew if manager.program == "brew" else package.pacman


def _capability(wanted: str) -> str | None:
    if ".so." in wanted:
        return f"{wanted}()(64bit)"
    if wanted.startswith("/"):
        return wanted if wanted.startswith(_SAME_PATHS) else None
    return f"/usr/bin/{wanted}"
