"""The developer's command: what it takes for installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dev
import needs
import pytest
import tray_sheet
from system_packages import Package

ROOT = Path(__file__).parents[2]


def test_a_program_in_libexec_counts_as_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(dev, "_MORE_PATHS", (str(tmp_path / "libexec"),))
    assert not dev.is_installed("settings-daemon")
    assert "settings-daemon" in needs.left_out(["settings-daemon"])
    (tmp_path / "libexec").mkdir()
    (tmp_path / "libexec" / "settings-daemon").touch(0o755)
    assert dev.is_installed("settings-daemon")
    assert "settings-daemon" not in needs.left_out(["settings-daemon"])


@pytest.mark.parametrize("name", dev.benchmarks().values())
def test_a_benchmark_starts_without_the_path_of_pytest(name: str) -> None:
    place = ROOT / "benchmarks" / name.replace(".", "/")
    files = [place.with_suffix(".py"), *place.glob("*.py")]
    if any("PySide6" in file.read_text("utf-8") for file in files if file.exists()):
        needs.qt()
    command = [sys.executable, "-m", f"benchmarks.{name}", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_a_benchmark_may_start_a_panel_without_the_path_of_pytest() -> None:
    code = f"import sys; sys.path.append({str(ROOT / 'tests')!r}); import needs; needs.panel('sh')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_the_test_that_takes_the_pictures_of_desktops_exists() -> None:
    assert f"def {tray_sheet.TEST}(" in (ROOT / "tests/e2e/test_desktops.py").read_text("utf-8")


def test_benchmarks_are_modules_and_packages() -> None:
    assert {"accuracy", "counters"} <= set(dev.benchmarks())
    assert not {"limits", "_harness"} & set(dev.benchmarks())


def test_a_program_of_the_fleet_is_built_again_only_after_its_sources_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dev, "FLEET", tmp_path)
    source = tmp_path / "source"
    source.mkdir()
    (source / "main").write_text("one")
    copy: list[str | Path] = ["cp", "main", tmp_path / "program"]
    assert [dev._build_once("program", source, copy) for _ in range(2)] == [True, False]
    (source / "main").write_text("two")
    assert dev._build_once("program", source, copy)
    assert (tmp_path / "program").read_text() == "two"
    (source / "main").unlink()  # now the compiler fails, and no program of other sources is left for the tests
    assert not dev._build_once("program", source, copy)
    assert not (tmp_path / "program").exists()
    assert not dev._build_once("program", source, ["compiler-that-nobody-has"])


WANTED = {
    "libEGL.so.1": Package("libegl1", "libglvnd"),
    "Xvfb": Package("xvfb", "xorg-server-xvfb"),
    "tmux": Package("tmux", "tmux", "tmux"),
    "/usr/include/stdio.h": Package("libc6-dev", "glibc"),
    "/usr/share/only/of/debian": Package("of-debian"),
}


@pytest.mark.parametrize(
    ("program", "packages"),
    [
        ("apt-get", ["libc6-dev", "libegl1", "of-debian", "tmux", "xvfb"]),
        ("dnf", ["/usr/bin/Xvfb", "/usr/bin/tmux", "/usr/include/stdio.h", "libEGL.so.1()(64bit)"]),
        ("zypper", ["/usr/bin/Xvfb", "/usr/bin/tmux", "/usr/include/stdio.h", "libEGL.so.1()(64bit)"]),
        ("pacman", ["glibc", "libglvnd", "tmux", "xorg-server-xvfb"]),
        ("brew", ["tmux"]),
    ],
)
def test_each_package_manager_gets_its_own_package_names(
    program: str,
    packages: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / program).touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(dev, "is_installed", lambda _name: False)
    monkeypatch.setattr(dev, "PYTHON", Path(sys.executable))
    monkeypatch.setattr(dev, "SVG_PLUGINS", ())
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert dev.missing_packages(WANTED) == packages
    dev.install_system_packages(packages, required=False, without="Less works.")
    line = capsys.readouterr().err
    assert line.partition("run: ")[2].startswith("brew" if program == "brew" else f"sudo {program} ")


@pytest.mark.parametrize(
    ("is_library_installed", "is_in_archive", "names"),
    [
        (False, True, ["panel", "plugin"]),
        (False, False, ["panel"]),
        (True, False, ["panel", "plugin"]),
    ],
)
def test_plugin_of_a_panel_is_named_together_with_the_panel(
    is_library_installed: bool,
    is_in_archive: bool,
    names: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for program, code in (("apt-get", 0), ("apt-cache", 0 if is_in_archive else 100)):
        (tmp_path / program).write_text(f"#!/bin/sh\nexit {code}\n")
        (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(dev, "is_installed", lambda _name: False)
    (tmp_path / "any").mkdir()
    if is_library_installed:
        (tmp_path / "any" / "libit.so.6").touch()
    monkeypatch.setattr(dev, "_LIBRARIES", tmp_path)
    monkeypatch.setattr(dev, "PYTHON", Path(sys.executable))
    monkeypatch.setattr(dev, "SVG_PLUGINS", (dev.SvgPlugin("libit.so.6", "nowhere/*.so", "plugin", "panel"),))
    assert dev.missing_packages({"panel": Package("panel")}) == names


def test_root_installs_with_the_package_manager_of_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dnf").write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\n')
    (tmp_path / "dnf").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    dev.install_system_packages(["/usr/bin/lsof"], required=True)
    calls = (tmp_path / "calls").read_text("utf-8").splitlines()
    assert calls == ["install --setopt=install_weak_deps=False -y /usr/bin/lsof"]


def test_an_unknown_system_gets_the_names_of_debian(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(SystemExit, match="what your system calls these"):
        dev.install_system_packages(["libegl1"], required=True)
    assert "by Debian's names: libegl1" in capsys.readouterr().err
