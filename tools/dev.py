"""The developer's command: create the environment, then run, test, measure or draw the program.

Standard library only, because it runs before anything is installed. On a bare machine it creates `.venv` from
`requirements.lock` (every package pinned and hashed). It also installs the system packages that a subcommand needs, by
apt, dnf, zypper or pacman; without root, and for brew, it prints the command instead. Each step prints a line to stderr
when it starts, with the seconds since the command was started.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, NoReturn

from system_packages import (
    DESKTOP_PROGRAMS,
    ENSUREPIP,
    PACKAGE_CHECK_PROGRAMS,
    PACKAGE_LIBRARIES,
    PACKAGE_PROGRAMS,
    QT_LIBRARIES,
    RUN_PROGRAMS,
    TEST_FILES,
    TEST_PROGRAMS,
    Manager,
    Package,
    find_manager,
    name_for,
)

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCK = ROOT / "requirements.lock"
PACKAGE_VENV = ROOT / "build" / "venv"
PACKAGE_LOCK = ROOT / "requirements-package.lock"
# What the tests of a fleet run beside the program.
FLEET = ROOT / "build" / "fleet"
# Megabytes on disk, measured; most of it is Qt, and the compiler that builds packages.
SIZES = {LOCK: 500, PACKAGE_LOCK: 750}

_TEST_TYPE_OPTIONS = (
    # A test replaces what a module imports.
    "--implicit-reexport",
    # The type of a lambda that binds a loop variable as a default is not inferred.
    "--disable-error-code=misc",
    # A test calls functions that return nothing for their effect, in lambdas.
    "--disable-error-code=func-returns-value",
    # The program was checked before; without `misc` some of its ignores would be reported as unused.
    "--follow-imports=silent",
    # Options that differ invalidate the cache.
    "--cache-dir=.mypy_cache/tests",
)


_LIBRARIES = Path("/usr/lib")


class SvgPlugin(NamedTuple):
    """The plugin with which a toolkit draws SVG icons. Debian's panels do not depend on it."""

    library: str
    """Library of the toolkit, looked for below /usr/lib because PySide6 brings its own."""
    file: str
    """Path of the plugin, a pattern below /usr/lib."""
    package: str
    panel: str
    """A package whose programs need the library and, without the plugin, show no icon."""

    @property
    def is_there(self) -> bool:
        return any(_LIBRARIES.glob(self.file))

    @property
    def is_missing(self) -> bool:
        """Return whether the toolkit is installed without the plugin."""
        return any(_LIBRARIES.glob(f"*/{self.library}")) and not self.is_there


SVG_PLUGINS = (
    SvgPlugin("libQt6Svg.so.6", "*/qt6/plugins/iconengines/libqsvgicon.so", "qt6-svg-plugins", "lxqt-panel"),
    SvgPlugin(
        "libgdk_pixbuf-2.0.so.0",
        "*/gdk-pixbuf-2.0/*/loaders/libpixbufloader[-_]svg.so",
        "librsvg2-common",
        "mate-panel",
    ),
)

# Of administrators, and of desktops (Debian 13's mate-settings-daemon): not on every person's PATH.
_MORE_PATHS = ("/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/libexec")

_STARTED = time.monotonic()


def announce(step: str) -> None:
    """Print the name of a step that begins, with the seconds since the start of this command."""
    print(f"[{time.monotonic() - _STARTED:3.0f} s] {step}", file=sys.stderr, flush=True)


def fail(message: str) -> NoReturn:
    sys.exit(f"dev: {message}")


def is_installed(name: str) -> bool:
    """Return whether there is this file (a path), library (`lib….so.N`) or program."""
    if name.startswith("/"):
        return Path(name).exists()
    if ".so." not in name:
        paths = (os.environ.get("PATH", os.defpath), *_MORE_PATHS)
        return shutil.which(name, path=os.pathsep.join(paths)) is not None
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def missing_packages(*wanted: dict[str, Package]) -> list[str]:
    """Return this system's packages of the programs, libraries and files that are not installed, sorted."""
    manager = find_manager()
    if manager is None and sys.platform != "linux":
        return []
    names = [
        name_for(manager, name, package) for each in wanted for name, package in each.items() if not is_installed(name)
    ]
    if manager is not None and manager.program == "apt-get":
        if not PYTHON.exists() and not importlib.util.find_spec("ensurepip"):
            names.append(ENSUREPIP)
        for plugin in SVG_PLUGINS:
            # Debian 12 has no package of Qt 6's, and its LXQt needs none.
            is_coming = plugin.panel in names and _is_in_archive(plugin.package)
            if plugin.is_missing or (is_coming and not plugin.is_there):
                names.append(plugin.package)
    return sorted({name for name in names if name is not None})


def _is_in_archive(package: str) -> bool:
    """Return whether apt's lists contain this package; False if there are no lists."""
    return subprocess.run(["apt-cache", "show", package], capture_output=True, check=False).returncode == 0


def install_system_packages(packages: list[str], *, required: bool, without: str = "") -> None:
    """Install packages if this runs as root. Otherwise print the command for it, and exit if they are required.

    `without`: describes what does not work until they are installed.
    """
    if not packages:
        return
    manager = find_manager()
    names = " ".join(packages)
    if manager is None:
        announce(f"Not installed, by Debian's names: {names}. {without}".strip())
        if required:
            fail("Install what your system calls these, then run this command again.")
    elif manager.as_root and os.geteuid() == 0:
        announce(f"Installing system packages: {names}")
        if not _install(manager, packages):
            fail(f"{manager.program} could not install the packages named above; its message says why.")
    else:
        command = shlex.join([*(["sudo"] if manager.as_root else []), *manager.install, *packages])
        if required:
            fail(f"System packages are missing. Run this, then try again:\n{command}")
        announce(f"{without} To change that, run: {command}".strip())


def _install(manager: Manager, packages: list[str]) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    if manager.update:
        # A machine image may carry package lists older than the archive; an update that fails may still leave enough.
        subprocess.run(manager.update, check=False, env=environment, stdout=sys.stderr)
    command = [*manager.install, *manager.quietly, *packages]
    return subprocess.run(command, check=False, env=environment, stdout=sys.stderr).returncode == 0


def make_environment(place: Path = VENV, lock_file: Path = LOCK) -> None:
    """Create a virtual environment, or create it again if its lock file or the interpreter has changed."""
    stamp = place / "stamp"
    wanted = hashlib.sha256(lock_file.read_bytes() + sys.version.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    if not importlib.util.find_spec("ensurepip"):
        fail("This Python has no ensurepip (Debian: python3-venv), so no environment can be made.")
    announce(f"Creating {place.relative_to(ROOT)} from {lock_file.name} (about {SIZES[lock_file]} MB on disk)")
    venv.create(place, with_pip=True, clear=True)
    announce("Downloading and installing its packages")
    pip: list[str | Path] = [place / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install"]
    bar = "on" if sys.stderr.isatty() else "off"
    install = [*pip, f"--progress-bar={bar}", "--require-hashes", "--only-binary=:all:", "-r", lock_file]
    if subprocess.run(install, check=False, stdout=sys.stderr).returncode:
        fail(f"The packages of {lock_file.name} could not be installed; pip's message above says why.")
    if place == VENV:
        # The checkout itself, importable from anywhere, without a build.
        site = next((place / "lib").glob("python3*/site-packages"))
        (site / "netwatch_tray_checkout.pth").write_text(f"{ROOT}\n")
    stamp.write_text(wanted)


def prepare(*, tests: bool) -> None:
    """Install the system packages that are needed, or print how to, and create the environment."""
    if tests:
        without = "Tests of programs that are not installed are left out."
        wanted = [TEST_PROGRAMS, QT_LIBRARIES, TEST_FILES]
    else:
        without = "The window and some process names may be missing."
        has_display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
        wanted = [RUN_PROGRAMS, QT_LIBRARIES] if has_display else []
    packages = missing_packages(*wanted)
    install_system_packages(packages, required=ENSUREPIP in packages, without=without)
    if packages and os.geteuid() == 0:  # what was installed may need more
        install_system_packages(missing_packages(*wanted), required=False, without=without)
    make_environment()


def call(*command: str | Path) -> None:
    """Run a command in the checkout; exit with its code if it fails."""
    code = subprocess.run(command, cwd=ROOT, check=False).returncode
    if code:
        sys.exit(code if code > 0 else 1)


def become(*command: str | Path) -> None:
    os.execv(command[0], [str(word) for word in command])


def run(arguments: list[str]) -> None:
    """start the program (the tray; live rates in the terminal where there is no display): ./dev run [SUBCOMMAND ...]"""
    prepare(tests=False)
    become(PYTHON, "-m", "netwatch_tray", *arguments)


def lint(_arguments: list[str]) -> None:
    """ruff, mypy for Linux, for macOS and of the tests, the import contracts, and the sizes of modules and classes"""
    prepare(tests=False)
    tools = VENV / "bin"
    announce("Checking formatting")
    call(tools / "ruff", "format", "--check", "--quiet", ".")
    announce("Checking style")
    call(tools / "ruff", "check", "--quiet", ".")
    # Of Linux with the Python that runs this, of macOS with a newer one: their standard libraries have other types.
    for name, options in (("Linux", ["--platform=linux"]), ("macOS", ["--platform=darwin", "--python-version=3.13"])):
        announce(f"Type-checking for {name}")
        call(tools / "mypy", *options)
    announce("Type-checking the tests")
    call(tools / "mypy", *_TEST_TYPE_OPTIONS, "tests")
    announce("Checking import contracts")
    call(tools / "lint-imports", "--no-logo")
    announce("Checking sizes of modules and classes")
    call(PYTHON, ROOT / "tools" / "limits.py")


def test(arguments: list[str]) -> None:
    """all checks; some: ./dev test tests/unit -k rate; ./dev test desktops [--repeat 10] [-k kde]; ./dev test fleet"""
    if sys.platform == "linux" and os.geteuid() != 0:
        announce("Not root: leaving out the tests of network namespaces, mounts and other users")
    prepare(tests=True)
    if arguments[:1] == ["desktops"]:
        install_system_packages(missing_packages(DESKTOP_PROGRAMS), required=True)
        arguments = ["tests/e2e/test_desktops.py", *_with_repeats(arguments[1:])]
    if arguments[:1] == ["fleet"]:
        _build_fleet()
        os.environ["NETWATCH_FLEET"] = "1"
        arguments = ["tests/fleet", *arguments[1:]]
    if not arguments:
        lint([])
        # Most tests wait for other programs, so one process more than there are cores keeps all of them busy.
        workers = min(4, (os.cpu_count() or 1) + 1)
        arguments = [f"--numprocesses={workers}", "--dist=worksteal"]
    announce("Running the tests")
    become(PYTHON, "-m", "pytest", *arguments)


def _with_repeats(arguments: list[str]) -> list[str]:
    """Return the arguments without `--repeat N`, which sets how often each panel is killed, and started late."""
    repeats = "1"
    if "--repeat" in arguments:
        at = arguments.index("--repeat")
        repeats = "".join(arguments[at + 1 : at + 2])
        if not repeats.isdecimal() or repeats == "0":
            fail("--repeat needs a number: ./dev test desktops --repeat 10")
        arguments = arguments[:at] + arguments[at + 2 :]
    os.environ["NETWATCH_REPEATS"] = repeats
    return arguments


def _build_fleet() -> None:
    """Build what the tests of tests/fleet run beside the program, once, into build/fleet; print what cannot be built.

    A directory there with a go.mod or Cargo.toml becomes the program build/fleet/NAME.
    """
    FLEET.mkdir(parents=True, exist_ok=True)
    _unpack_prometheus()
    for file in sorted((ROOT / "tests" / "fleet").glob("*/*")):
        name, source = file.parent.name, file.parent
        if file.name == "go.mod":
            _build_once(name, source, ["go", "build", "-trimpath", "-o", FLEET / name, "."])
        elif file.name == "Cargo.toml":
            target = FLEET / f"{name}.target"
            command: list[str | Path] = ["cargo", "build", "--locked", "--release", "--target-dir", target]
            if _build_once(name, source, command):
                built = next(
                    each for each in (target / "release").iterdir() if each.is_file() and os.access(each, os.X_OK)
                )
                shutil.copy2(built, FLEET / name)


def _build_once(name: str, source: Path, command: list[str | Path]) -> bool:
    """Run the compiler unless the program was built from the same sources; return whether it built one."""
    program, stamp = FLEET / name, FLEET / f"{name}.stamp"
    files = sorted(each for each in source.rglob("*") if each.is_file() and "target" not in each.parts)
    wanted = hashlib.sha256(b"".join(each.read_bytes() for each in files)).hexdigest()
    if program.exists() and stamp.exists() and stamp.read_text() == wanted:
        return False
    compiler = str(command[0])
    program.unlink(missing_ok=True)
    if not shutil.which(compiler):
        announce(f"Leaving out the tests of {name}: {compiler} is not installed")
        return False
    announce(f"Building {name} with {compiler} (the first time some minutes, to download and compile)")
    if subprocess.run(command, cwd=source, check=False, stdout=sys.stderr).returncode:
        announce(f"Leaving out the tests of {name}: it could not be built; the message above says why")
        return False
    stamp.write_text(wanted)
    return True


def _unpack_prometheus() -> None:
    """Unpack Debian's package of Prometheus, unless it is installed. Installing it would start it, listening on every
    address."""
    if all(is_installed(name) or (FLEET / name).exists() for name in ("prometheus", "promtool")):
        return
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        announce("Leaving out the tests of Prometheus: it is not installed")
        return
    announce("Downloading Debian's package of Prometheus (19 MB, and 200 MB unpacked)")
    package = FLEET / "prometheus.package"
    shutil.rmtree(package, ignore_errors=True)
    package.mkdir()
    if os.geteuid() == 0:
        subprocess.run(["apt-get", "-q", "update"], check=False, stdout=sys.stderr)
    download = ["apt-get", "-q", "download", "prometheus"]
    if subprocess.run(download, cwd=package, check=False, stdout=sys.stderr).returncode == 0:
        unpack: list[str | Path] = ["dpkg-deb", "--extract", next(package.glob("*.deb")), package]
        if subprocess.run(unpack, check=False, stdout=sys.stderr).returncode == 0:
            for name in ("prometheus", "promtool"):
                shutil.move(package / "usr" / "bin" / name, FLEET / name)
    shutil.rmtree(package)
    if not (FLEET / "promtool").exists():
        announce("Leaving out the tests of Prometheus: its package could not be unpacked")


def shots(arguments: list[str]) -> None:
    """draw the pictures of README and docs"""
    prepare(tests=True)
    become(PYTHON, ROOT / "tools" / "shots.py", *arguments)


def benchmarks() -> dict[str, str]:
    """Return the modules of `benchmarks` to run, by the names that `./dev bench` takes."""
    folder = ROOT / "benchmarks"
    names = [file.stem for file in folder.glob("[!_]*.py")] + [
        file.parent.name for file in folder.glob("*/__main__.py")
    ]
    return {**{name: name for name in names}, "all": "_all", "compare": "_compare"}


def bench(arguments: list[str]) -> None:
    """measure: ./dev bench NAME [--json]; bench all [NAME ...] [--json FILE]; bench compare OLD NEW"""
    prepare(tests=True)
    modules = benchmarks()
    if not arguments or arguments[0] not in modules:
        fail(f"Which benchmark? One of: {', '.join(sorted(modules))}")
    become(PYTHON, "-m", f"benchmarks.{modules[arguments[0]]}", *arguments[1:])


def assets(arguments: list[str]) -> None:
    """draw every size of the program's icon from its masters: ./dev assets [DIRECTORY]"""
    prepare(tests=True)
    become(PYTHON, ROOT / "tools" / "assets.py", *arguments)


def translate(arguments: list[str]) -> None:
    """bring the translations in assets/translations up to date with the texts of the program"""
    prepare(tests=False)
    become(PYTHON, ROOT / "tools" / "translations.py", *arguments)


def package(arguments: list[str]) -> None:
    """build for users: ./dev package wheel|folder|deb|rpm|appdir|app; or build and check all: ./dev package check"""
    check = arguments[:1] == ["check"]
    if check:
        prepare(tests=True)
    programs = PACKAGE_CHECK_PROGRAMS if check else PACKAGE_PROGRAMS
    install_system_packages(missing_packages(programs, PACKAGE_LIBRARIES), required=True)
    make_environment()
    make_environment(PACKAGE_VENV, PACKAGE_LOCK)
    if check:
        become(PYTHON, "-m", "pytest", "-m", "", "tests/packaging", *arguments[1:])
    become(PACKAGE_VENV / "bin" / "python", ROOT / "packaging" / "make.py", *arguments)


def lock(_arguments: list[str]) -> None:
    """pin the newest allowed packages, and check that Linux and macOS have wheels of each, on x86-64 and arm64"""
    prepare(tests=False)
    uv = VENV / "bin" / "uv"
    compile_command: list[str | Path] = [
        uv,
        "pip",
        "compile",
        "--quiet",
        "--universal",
        "--python-version",
        "3.11",
        "--generate-hashes",
    ]
    extras = ["--extra", "opentelemetry", "--extra", "countries"]
    call(*compile_command, "--upgrade", "--group", "dev", *extras, "pyproject.toml", "-o", LOCK.name)
    # Packages contain the versions that are tested.
    packing = ["--constraints", LOCK.name, "--group", "package", "pyproject.toml", "-o", PACKAGE_LOCK.name]
    call(*compile_command, "--upgrade", *packing)
    # Above 6.8.0, PySide6 asks for glibc 2.39 on arm64.
    linux = ("x86_64-manylinux_2_34", "aarch64-manylinux_2_39")
    for platform in (*linux, "aarch64-apple-darwin", "x86_64-apple-darwin"):
        wheels: list[str | Path] = [
            uv,
            "pip",
            "install",
            "--quiet",
            "--dry-run",
            "--only-binary",
            ":all:",
            "--python-version",
            "3.11",
        ]
        call(*wheels, "--target", VENV / "nowhere", "--python-platform", platform, "-r", LOCK)


COMMANDS: dict[str, Callable[[list[str]], None]] = {
    command.__name__: command for command in (run, test, lint, shots, bench, assets, translate, package, lock)
}


def main() -> None:
    if sys.version_info < (3, 11):
        fail(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}.")
    command = COMMANDS.get(sys.argv[1] if len(sys.argv) > 1 else "help")
    if command is None:
        print("usage: ./dev COMMAND [...]\n")
        for name, function in COMMANDS.items():
            print(f"  {name:7} {function.__doc__}")
        sys.exit(0 if sys.argv[1:] in ([], ["help"], ["-h"], ["--help"]) else 2)
    try:
        command(sys.argv[2:])
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
