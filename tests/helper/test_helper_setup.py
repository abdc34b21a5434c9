"""Installing and removing the helper in a mount namespace, so that nothing of it stays on the machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import needs
import nobody
import pytest
from helper_service import need_ebpf

from netwatch_tray import helper_setup

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")

ROOT = Path(__file__).parents[2]
PROGRAM = f"{sys.executable} -m netwatch_tray"
CODE, UNITS = Path("/usr/local/lib/netwatch-tray/helper"), Path("/etc/systemd/system")
_PRIVATE = f"""
mount -t tmpfs -o mode=755 tmpfs {UNITS}
mount -t tmpfs -o mode=755 tmpfs {CODE.parents[1]}
mount -t tmpfs -o mode=755 tmpfs /run
"""
_LIST = f"find {UNITS} {CODE.parents[1]} -mindepth 1 -printf '%M %u %g %p\\n' | sort"


def sh(script: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a script as root, in a mount namespace in which the directories that a setup changes are private, and without
    a running systemd."""
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-e", "-c", _PRIVATE + script]
    inherited = {name: value for name, value in os.environ.items() if name not in {"SUDO_UID", "PKEXEC_UID"}}
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=inherited | environment, timeout=60, check=False
    )


def need_setup() -> None:
    need_ebpf()
    needs.programs("unshare", "systemctl")
    if reason := helper_setup.refusal():
        pytest.skip(reason)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a directory that only root can change, as well as all its parents."""
    needs.root()
    if helper_setup.changeable(tmp_path):
        pytest.skip(f"{tmp_path} is not root's alone")
    return tmp_path


def test_files_that_only_root_can_change_are_trusted(place: Path) -> None:
    file = place / "directory" / "file"
    file.parent.mkdir(mode=0o755)
    file.write_text("")
    file.chmod(0o644)
    assert helper_setup.changeable(file) is None
    link = place / "link"
    link.symlink_to("directory/../directory/file")
    assert helper_setup.changeable(link) is None
    file.chmod(0o664)  # by group root
    assert helper_setup.changeable(file) is None


@pytest.mark.parametrize(
    ("part", "uid", "gid", "mode"),
    [
        ("directory", nobody.UID, 0, 0o755),
        ("directory", 0, nobody.UID, 0o775),
        ("directory", 0, 0, 0o757),
        ("directory/file", nobody.UID, 0, 0o644),
        ("directory/file", 0, nobody.UID, 0o664),
        ("directory/file", 0, 0, 0o646),
        ("directory/file", 0, 0, 0o1646),
    ],
)
def test_files_that_others_can_change_are_not_trusted(place: Path, part: str, uid: int, gid: int, mode: int) -> None:
    file = place / "directory" / "file"
    file.parent.mkdir(mode=0o755)
    file.write_text("")
    file.chmod(0o644)
    (place / part).chmod(mode)
    os.chown(place / part, uid, gid)
    assert helper_setup.changeable(file) == place / part
    # Also when a link of root's leads there, and when the way there goes through a link of theirs.
    (place / "link").symlink_to(file)
    assert helper_setup.changeable(place / "link") == place / part


def test_path_through_a_link_of_another_user_is_not_trusted(place: Path) -> None:
    (place / "real").write_text("")
    (place / "theirs").symlink_to(place / "real")
    os.chown(place / "theirs", nobody.UID, 0, follow_symlinks=False)
    (place / "ours").symlink_to("theirs")
    assert helper_setup.changeable(place / "ours") == place / "theirs"
    (place / "circle").symlink_to("circle")
    assert helper_setup.changeable(place / "circle") == place / "circle"
    with pytest.raises(FileNotFoundError):
        helper_setup.changeable(place / "none")


def test_root_installs_the_helper_for_the_invoking_user_and_removes_it() -> None:
    need_setup()
    done = sh(f"""
        {PROGRAM} helper install
        {PROGRAM} helper install --user nobody
        {_LIST}
        cat {UNITS}/netwatch-tray-helper.service.d/users.conf
        {PROGRAM} helper status || echo "status: $?"
        echo 'print("stale")' > {CODE}/service.py
        {PROGRAM} helper status || true
        {PROGRAM} helper remove
        {PROGRAM} helper remove
        echo left:
        {_LIST}
    """, SUDO_UID="1234")  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    listed = done.stdout
    for file in (UNITS / "netwatch-tray-helper.socket", UNITS / "netwatch-tray-helper.service", CODE / "service.py"):
        assert f"-rw-r--r-- root root {file}\n" in listed
    assert not re.search(r"^[^l].{4}w|^[^l].{7}w", listed, re.MULTILINE)
    assert f"{UNITS}/sockets.target.wants/netwatch-tray-helper.socket" in listed
    assert 'Environment="NETWATCH_TRAY_USERS=1234 65534"\n' in listed
    assert "set up for root, 1234, nobody" in listed
    assert "The helper is not set up.\nserves  root, 1234, nobody\nstatus: 1\n" in listed
    assert listed.count("Of another version") == 1
    after = listed.partition("left:\n")
    assert "The helper is removed.\nNothing to remove.\n" in after[0]
    assert after[2] == ""


def test_the_units_are_valid_and_confined(tmp_path: Path) -> None:
    needs.programs("systemd-analyze")
    if os.geteuid() != 0 and not Path("/run/systemd").exists():
        pytest.skip("systemd is not running: systemd-analyze makes /run/systemd")
    for unit in (ROOT / "assets/linux").glob("netwatch-tray-helper.*"):
        shutil.copy(unit, tmp_path)
    service = tmp_path / "netwatch-tray-helper.service"
    if not Path("/usr/bin/python3").exists():
        service.write_text(service.read_text().replace("/usr/bin/python3", "/bin/true"))
    units = [str(tmp_path / "netwatch-tray-helper.socket"), str(service)]
    command = ["systemd-analyze", "verify", "--man=no", *units]
    verified = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    complaints = [line for line in verified.stderr.splitlines() if "netwatch" in line]
    assert (verified.returncode, complaints) == (0, [])
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(service)]
    exposure = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout
    found = re.search(r"exposure level for \S+: ([0-9.]+)", exposure)
    assert found, exposure
    assert float(found[1]) <= 2.0


def test_code_that_a_user_can_change_is_not_run_as_root(place: Path) -> None:
    """The commands that are printed instead run no code of that user as root, and install the same files."""
    need_setup()
    theirs = place / "theirs"
    for part in ("netwatch_tray", "assets"):
        shutil.copytree(ROOT / part, theirs / part, ignore=shutil.ignore_patterns("__pycache__"))
    os.chown(theirs, nobody.UID, nobody.UID)
    run = f"PYTHONPATH={theirs} {sys.executable} -P -m netwatch_tray"
    done = sh(f"""
        cd /run
        {run} helper install >commands 2>reason && exit 9
        cat reason
        {run} helper run && exit 9
        cat commands
        sed -e 's/sudo //g' -e '/^systemctl/d' commands | sh -e
        {_LIST}
        cat {UNITS}/*/users.conf
        {run} helper remove > commands 2>reason && exit 9
        grep -c systemctl commands
        sed -e 's/sudo //g' -e '/^systemctl/d' commands | sh -e
        echo left:
        {_LIST}
    """, SUDO_UID="1234")  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Other users than root can change {theirs}, so root must not run this program." in done.stdout
    assert f"Other users than root can change {theirs}" in done.stderr
    assert "NETWATCH_TRAY_USERS=1234" in done.stdout
    assert "sudo systemctl enable --now netwatch-tray-helper.socket\n" in done.stdout
    for file in (UNITS / "netwatch-tray-helper.service", CODE / "service.py", CODE / "__main__.py"):
        assert f"-rw-r--r-- root root {file}\n" in done.stdout
    assert done.stdout.endswith("left:\n")


def test_another_user_gets_commands_to_run_and_changes_nothing() -> None:
    needs.root()
    needs.readable_checkout()
    before = helper_setup.is_installed()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": "/nonexistent"}
    command = nobody.subcommand("helper", "install")
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", env=environment, timeout=60, check=False)
    assert (done.returncode, helper_setup.is_installed()) == (1, before)
    assert re.search("needs root|root must not", done.stderr)
    assert re.search(r"^sudo \S", done.stdout)


def test_helper_run_serves_in_a_terminal() -> None:
    need_setup()
    done = sh(f"""
        {PROGRAM} helper status || echo "before: $?"
        {PROGRAM} helper run --user nobody > /run/log 2>&1 &
        for _ in $(seq 200); do [ -S /run/netwatch-tray-helper.socket ] && break; sleep 0.05; done
        {PROGRAM} helper status
        {PROGRAM} helper run && exit 9
        {PROGRAM} helper status
        kill -TERM $!
        wait $! || echo "ended with $?"
        cat /run/log
        rm /run/log
        echo left:
        ls /run
    """)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "helper        The helper is not set up.\n" in done.stdout
    assert "before: 1\n" in done.stdout
    assert len(re.findall(r"^helper +Running since \d\d:\d\d:\d\d, process \d+", done.stdout, re.MULTILINE)) == 2
    assert "A helper serves already" in done.stderr
    assert done.stdout.endswith("\nServing root, nobody until Ctrl-C.\nleft:\n")
    assert "ended with" not in done.stdout


def test_user_who_became_root_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SUDO_UID", "PKEXEC_UID"):
        monkeypatch.delenv(name, raising=False)
    assert helper_setup.invoking_user() is None
    for value, expected in (("1000", 1000), ("0", None), ("x", None), ("-1", None), ("", None)):
        monkeypatch.setenv("PKEXEC_UID", value)
        assert helper_setup.invoking_user() == expected
    monkeypatch.setenv("SUDO_UID", "1001")
    assert helper_setup.invoking_user() == 1001
