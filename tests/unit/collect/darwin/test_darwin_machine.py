"""macOS's disks, clocks and version, on any system."""

from __future__ import annotations

import importlib.util
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from netwatch_tray import clock
from netwatch_tray.collect import disks, system

APFS = "rw,local,rootfs,dovolfs,journaled"
HIDDEN = "rw,local,dovolfs,dontbrowse,journaled"
PARTITIONS = (
    ("/dev/disk3s6", "/System/Volumes/VM", "apfs", HIDDEN),
    ("/dev/disk3s2", "/System/Volumes/Preboot", "apfs", HIDDEN),
    ("/dev/disk3s5", "/System/Volumes/Data", "apfs", "rw,local,dovolfs,journaled"),
    ("/dev/disk1s2", "/System/Volumes/xarts", "apfs", HIDDEN),
    ("/dev/disk3s1s1", "/", "apfs", "ro,local,rootfs,dovolfs,journaled"),
    ("/dev/disk5s1", "/Library/Developer/CoreSimulator/Volumes/iOS_23A343", "apfs", "ro,local,dontbrowse"),
    ("/dev/disk6s1", "/Volumes/Installer", "hfs", "ro,nosuid,local,quarantine"),
    ("/dev/disk8s1", "/Volumes/Work", "apfs", APFS),
    ("/dev/disk8s2", "/Volumes/Archive", "apfs", APFS),
    ("/dev/disk9s1", "/Volumes/STICK", "msdos", "rw,nosuid,local"),
    ("/dev/disk9s2", "/Volumes/CAMERA", "exfat", "rw,nosuid,local"),
    ("//user@server/share", "/Volumes/share", "smbfs", "rw,nosuid"),
)


def mounted(*rows: tuple[str, str, str, str]) -> list[disks.Mount]:
    return disks.real(
        disks.mac_mounts([SimpleNamespace(device=a, mountpoint=b, fstype=c, opts=d) for a, b, c, d in rows])
    )


@pytest.mark.parametrize("step", [1, -1])
def test_each_disk_of_a_mac_counts_once(step: int) -> None:
    found = {mount.point for mount in mounted(*PARTITIONS[::step])}
    work = {"/Volumes/Work"} if step == 1 else {"/Volumes/Archive"}
    assert found == {"/", "/Volumes/STICK", "/Volumes/CAMERA", *work}


def test_the_clock_of_a_mac_is_not_slewed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    monkeypatch.setattr(time, "CLOCK_MONOTONIC_RAW", 4, raising=False)
    assert clock.__file__ is not None
    spec = importlib.util.spec_from_file_location("clock_of_a_mac", Path(clock.__file__))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (module._BOOTTIME, module.uptime) == (4, time.monotonic)


def test_macos_version_is_read_from_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"machdep.cpu.brand_string": "Apple M4", "kern.osproductversion": "26.1"}
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(system, "_mac_sysctl", answers.get)
    monkeypatch.setattr(system, "open_readings", lambda: SimpleNamespace(memory=lambda: SimpleNamespace(total=1)))
    machine = system.machine()
    assert "macOS 26.1" in machine
    assert "Apple M4" in machine
