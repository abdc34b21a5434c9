"""Finding the process of a socket, on a /proc made for the test and on the real one."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from netwatch_tray.collect.linux.control_groups import ControlGroups, unit_of
from netwatch_tray.collect.linux.process_map import ProcessMap
from netwatch_tray.collect.process import Process
from netwatch_tray.collect.sockets import Socket

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no symbolic links")


def of_inode(inode: int | None, *, uid: int | None = None, pid: int | None = None) -> Socket:
    return Socket(
        protocol="TCP", local_address="*", local_port=1, inode=inode, uid=os.getuid() if uid is None else uid, pid=pid
    )


class Proc:
    """A directory with the files of /proc that are read."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def add(self, pid: int, name: str, links: list[str], *, parent: int = 1, exe: str | None = None) -> None:
        directory = self.root / str(pid)
        (directory / "fd").mkdir(parents=True)
        (directory / "stat").write_text(
            f"{pid} ({name}) S {parent} 1 1 0 -1 4194304 0 0 0 0 3 1 0 0 20 0 1 0 500 8192 2 0\n"
        )
        (directory / "cgroup").write_text("0::/system.slice/nginx.service\n")
        (directory / "cmdline").write_bytes(b"python3\0-u\0/srv/manage.py\0run\0")
        if exe is not None:
            (directory / "exe").symlink_to(exe)
        for number, target in enumerate(links):
            (directory / "fd" / str(number)).symlink_to(target)


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    made = Proc(tmp_path)
    made.add(10, "init", ["/dev/null"])
    made.add(20, "a (b) c", ["socket:[201]", "socket:[202]", "pipe:[203]"], exe="/usr/bin/thing (deleted)")
    made.add(30, "python3", ["socket:[301]"], parent=20, exe="/usr/bin/python3.11")
    made.add(40, "gnome-terminal-", ["socket:[401]"], exe="/usr/libexec/gnome-terminal-server")
    (tmp_path / "not-a-process").mkdir()
    return made


def everything(finder: ProcessMap) -> dict[str, Process | None]:
    answers: dict[str, Process | None] = {}
    for _ in range(1000):
        answers.update(finder.search(0.05))
        if not finder.is_searching:
            return answers
    raise AssertionError("the search does not end")


def test_owners_have_all_readable_facts(proc: Proc) -> None:
    finder = ProcessMap(str(proc.root), sees_all=True)
    finder.look_for({"x": of_inode(202), "y": of_inode(301), "z": of_inode(401)})
    answers = everything(finder)
    assert answers["x"] == Process(
        pid=20, name="a (b) c", executable="/usr/bin/thing", parent=1, unit="nginx.service", script=None
    )
    python, terminal = answers["y"], answers["z"]
    assert python is not None
    assert (python.script, python.parent) == ("manage.py", 20)
    assert terminal is not None
    assert terminal.name == "gnome-terminal-server"


def test_a_socket_found_nowhere_is_reported_once_and_not_searched_again(
    proc: Proc, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("netwatch_tray.collect.linux.process_map.time.monotonic", lambda: now)
    finder = ProcessMap(str(proc.root), sees_all=True)
    finder.look_for({"x": of_inode(999)})
    assert everything(finder) == {"x": None}
    assert not finder.is_searching
    # The next full scan is due in five seconds; until then the other stages try, once.
    finder.look_for({"y": of_inode(201)})
    assert everything(finder) == {}
    assert not finder.is_searching
    now += 5
    assert finder.is_searching
    answers = everything(finder)
    assert answers["y"] is not None
    assert finder.search(1) == {}


def test_socket_of_a_recent_owner_is_found_without_a_full_scan(proc: Proc, monkeypatch: pytest.MonkeyPatch) -> None:
    finder = ProcessMap(str(proc.root), sees_all=True)
    finder.look_for({"x": of_inode(201)})
    everything(finder)
    monkeypatch.setattr("netwatch_tray.collect.linux.process_map.os.stat", None)  # the second stage would use it
    finder.look_for({"y": of_inode(202)})
    answer = everything(finder)["y"]
    assert answer is not None
    assert answer.pid == 20


def test_new_process_is_searched_again_although_it_has_as_many_files(
    proc: Proc, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("netwatch_tray.collect.linux.process_map.time.monotonic", lambda: now)
    finder = ProcessMap(str(proc.root), sees_all=True)
    finder.look_for({"x": of_inode(999)})
    assert everything(finder) == {"x": None}, "the full scan, the next one is due in five seconds"
    now += 1
    proc.add(50, "curl", ["/etc/hosts"])
    finder.look_for({"y": of_inode(998)})
    assert everything(finder) == {}
    now += 1
    (proc.root / "50" / "fd" / "0").unlink()
    (proc.root / "50" / "fd" / "0").symlink_to("socket:[501]")
    finder.look_for({"z": of_inode(501)})
    answer = everything(finder)["z"]
    assert answer is not None
    assert answer.pid == 50


def test_sockets_of_unreadable_processes_are_not_searched(proc: Proc) -> None:
    finder = ProcessMap(str(proc.root), sees_all=False)
    finder.look_for({"others": of_inode(201, uid=os.getuid() + 1), "closing": of_inode(None), "own": of_inode(202)})
    answers = everything(finder)
    assert answers["others"] is None
    assert answers["closing"] is None
    assert answers["own"] is not None


def test_the_pid_that_a_source_reports_is_used(proc: Proc) -> None:
    finder = ProcessMap(str(proc.root), sees_all=True)
    finder.look_for({"x": of_inode(None, pid=30), "gone": of_inode(None, pid=31)})
    answers = everything(finder)
    assert answers["x"] is not None
    assert answers["gone"] is None


def test_pids_of_exited_processes_are_returned(proc: Proc) -> None:
    assert ProcessMap(str(proc.root), sees_all=True).ended({10, 20, 77}) == {77}


def test_forgotten_sockets_are_not_returned(proc: Proc) -> None:
    finder = ProcessMap(str(proc.root), sees_all=True)
    finder.look_for({"x": of_inode(201), "y": of_inode(None)})
    finder.forget({"x": of_inode(201), "y": of_inode(None)})
    assert everything(finder) == {}


def test_a_search_stops_when_its_time_is_up(proc: Proc) -> None:
    finder = ProcessMap(str(proc.root), sees_all=True)
    finder.look_for({"x": of_inode(999)})
    assert finder.search(0) == {}
    assert finder.is_searching
    assert everything(finder) == {"x": None}


@pytest.fixture
def child() -> Iterator[tuple[int, int]]:
    """Start a process that opens a socket on request and writes its inode. Yield its PID and a descriptor to send
    requests."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if not pid:
        held = []
        while theirs.recv(1):
            held.append(socket.socket())
            theirs.send(str(os.fstat(held[-1].fileno()).st_ino).encode())
        os._exit(0)
    try:
        yield pid, ours.fileno()
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        ours.close()
        theirs.close()


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_socket_is_found_in_a_process_whose_number_of_files_changed(
    child: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    pid, talk = child
    if not Path(f"/proc/{pid}/fd").stat().st_size:
        pytest.skip("this kernel does not tell the number of open files")
    finder = ProcessMap()
    finder.look_for({"nowhere": of_inode(1)})
    everything(finder)
    monkeypatch.setattr(finder, "_may_scan_all", lambda: False)
    os.write(talk, b"+")
    finder.look_for({"x": of_inode(int(os.read(talk, 20)))})
    answer = everything(finder)["x"]
    assert answer is not None
    assert answer.pid == pid
    assert answer.executable == str(Path(f"/proc/{os.getpid()}/exe").readlink())


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_invalid_utf8_in_process_names_is_replaced(tmp_path: Path) -> None:
    """Any user can give such a name to a program, a process and, where one is delegated, a control group."""
    program = os.fsencode(tmp_path) + b"/odd\xff\x1b\n.bin"
    shutil.copy(os.fsencode(shutil.which("sleep") or "sleep"), program)
    process = subprocess.Popen([program, "60"])
    try:
        found = ProcessMap().process(process.pid)
    finally:
        process.kill()
        process.wait()
    assert found is not None
    assert found.name == "odd\ufffd\x1b\n.bin"
    assert found.executable == f"{tmp_path}/odd\ufffd\x1b\n.bin"


def test_invalid_utf8_in_control_group_names_is_replaced(tmp_path: Path) -> None:
    group = os.fsencode(tmp_path) + b"/odd\xff\xe2\x80\xa8.service"
    os.mkdir(group)  # noqa: PTH102  pathlib takes no bytes
    assert ControlGroups(str(tmp_path)).unit(os.stat(group).st_ino) == "odd\ufffd\u2028.service"  # noqa: PTH116  as above


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        ("/", None),
        ("/init.scope", None),
        ("/system.slice/nginx.service", "nginx.service"),
        ("/system.slice/system-openvpn.slice/openvpn@work.service", "openvpn@work.service"),
        ("/user.slice/user-1000.slice/session-3.scope", None),
        ("/user.slice/user-1000.slice/user@1000.service", None),
        ("/user.slice/user-1000.slice/user@1000.service/app.slice/app-firefox-77.scope", "app-firefox-77.scope"),
        ("/user.slice/user-1000.slice/user@1000.service/app.slice/a\\x2db.service", "a-b.service"),
        ("/system.slice/gr\\xc3\\xb6\\xc3\\x9fe\\xff.service", "größe\ufffd.service"),
        ("/system.slice/docker-" + "0123456789abcdef" * 4 + ".scope", "docker 0123456789ab"),
        ("/docker/" + "0123456789abcdef" * 4, "container 0123456789ab"),
        ("/machine.slice/machine-debian.scope", "machine debian"),
        ("/lxc.payload.web/system.slice/nginx.service", "nginx.service"),
    ],
)
def test_control_group_paths_map_to_unit_names(path: str, unit: str | None) -> None:
    assert unit_of(path) == unit


def test_control_group_is_found_by_the_inode_of_its_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("netwatch_tray.collect.linux.control_groups.time.monotonic", lambda: now)
    group = tmp_path / "system.slice" / "nginx.service"
    group.mkdir(parents=True)
    groups = ControlGroups(str(tmp_path))
    assert groups.unit(group.stat().st_ino) == "nginx.service"
    later = tmp_path / "system.slice" / "cups.service"
    later.mkdir()
    assert groups.unit(later.stat().st_ino) is None  # walked just now
    now += 5
    assert groups.unit(later.stat().st_ino) == "cups.service"
