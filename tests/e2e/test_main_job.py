"""The whole way from the kernel's counters to what a user sees, in real panels."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from desktop import PATIENCE, Session, wait_for
from networks import FAR, PACED_SENDER, RECEIVER, Wire, inside, wire

PROGRAM = [sys.executable, "-m", "netwatch_tray"]
SPEED = 5_000_000
PORT = 5201
DOWNLOAD_LINE = (0x14, 0x63, 0xBD)
UNITS = {"B/s": 1, "kB/s": 1e3, "MB/s": 1e6, "GB/s": 1e9}


@pytest.fixture
def network() -> Iterator[Wire]:
    with wire() as made:
        yield made


@contextlib.contextmanager
def transfer(network: Wire, seconds: float) -> Iterator[subprocess.Popen[str]]:
    """Transfer data at SPEED from `far` to `near`. Yield the receiver, which ends by itself."""
    sender = network.python(network.far, PACED_SENDER, FAR, str(PORT), str(SPEED), str(seconds))
    receiver = None
    try:
        assert sender.stdout is not None
        assert sender.stdout.readline() == "ready\n"
        receiver = network.python(network.near, RECEIVER, FAR, str(PORT))
        yield receiver
    finally:
        for process in filter(None, (sender, receiver)):
            process.kill()
            process.communicate()


def rates(text: str) -> tuple[float, float]:
    """Return download and upload in bytes/s of `↓ 5.00 MB/s ↑ 12.0 kB/s`."""
    found = re.findall(r"[↓↑] ([\d.]+) (\w*B/s)", text)
    assert len(found) >= 2, text
    (down, down_unit), (up, up_unit) = found[:2]
    return float(down) * UNITS[down_unit], float(up) * UNITS[up_unit]


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def descendants(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


@pytest.mark.parametrize("host", ["xfce", "lxqt"])
def test_kernel_counters_reach_the_window(host: str, network: Wire, tmp_path: Path) -> None:
    with Session(netns=network.near) as desktop:
        runtime = Path(desktop.environment["XDG_RUNTIME_DIR"]) / "netwatch-tray"
        desktop.start_host(host)
        agent = desktop.spawn("agent", PROGRAM)
        desktop.wait_for(desktop.items, 10, "the icon registers")
        place = desktop.wait_for(desktop.find_icon, 10, "the icon is seen on the screen")

        with transfer(network, 600):
            # The tooltip tells the speed that is known here.
            def told() -> bool:
                with contextlib.suppress(AssertionError):
                    return abs(rates(desktop.tooltip())[0] / SPEED - 1) < 0.05
                return False

            desktop.wait_for(told, 15, f"the tooltip tells {SPEED} B/s")
            assert "uplink" in desktop.tooltip()

            # A click opens the window; its chart and its table show that traffic and that connection.
            desktop.click(*place)
            desktop.wait_for(lambda: desktop.windows("NetWatch"), 15, "the click opens the window")
            desktop.wait_for(lambda: desktop.find_colour(DOWNLOAD_LINE, 50), 10, "the chart shows the download")
            assert shown_connection(desktop) == f"{FAR}:{PORT}"
            desktop.screenshot(tmp_path / f"{host}.png")

            # Starting it a second time raises that window and ends.
            desktop.spawn("second", PROGRAM)
            assert desktop.wait_exit("second", 15) == 0
            assert len(desktop.windows("NetWatch")) == 1

            # A panel that dies and comes back has the icon again.
            desktop.stop(host, signal.SIGKILL)
            desktop.start_host(host)
            desktop.wait_for(desktop.items, 10, "the icon registers again")
            desktop.wait_for(desktop.find_icon, 10, "the icon is seen again")
            desktop.wait_for(told, 10, "the tooltip is live again")

        # Quit ends everything and leaves nothing.
        family = descendants(agent)
        assert family, "the window runs"
        desktop.pick("Quit NetWatch")
        assert desktop.wait_exit("agent") == 0
        desktop.wait_for(lambda: not any(map(is_alive, family)), 10, "the window closes as well")
        assert list(runtime.iterdir()) == []
        assert "Traceback" not in desktop.log("agent")


def shown_connection(desktop: Session) -> str:
    """Return the remote end of the only row that the filter leaves in the connection table, copied as a user does."""
    desktop.key("ctrl+2")
    desktop.key("ctrl+f")
    desktop.type(str(PORT))

    def copied() -> str:
        desktop.key("Tab", "Home", "ctrl+c")
        return desktop.clipboard()

    desktop.wait_for(lambda: FAR in copied(), 15, "the table shows the connection")
    (remote,) = re.findall(rf"{re.escape(FAR)}:{PORT}", desktop.clipboard())
    return str(remote)


def watch(network: Wire, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*inside(network.near), *PROGRAM, "watch", "--json", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
    )


def is_all(tick: dict[str, Any], counters: dict[str, int]) -> bool:
    """Return whether a tick has these counters of the uplink."""
    uplink = next(each for each in tick["interfaces"] if each["name"] == "uplink")
    return {field: uplink[field] for field in counters} == counters


def test_watch_shows_the_kernels_bytes_to_the_byte(network: Wire) -> None:
    before = network.counters()
    process = watch(network, "--interval", "0.5")
    assert process.stdout is not None
    ticks = [json.loads(process.stdout.readline()) for _ in range(2)]
    with transfer(network, 1.5) as receiver:
        assert receiver.wait(PATIENCE) == 0
    deadline = time.monotonic() + PATIENCE
    # The kernel sends something itself now and then: a tick between two such packets has all there is.
    while ticks[-1]["total"]["rx_rate"] != 0 or len(ticks) < 8 or not is_all(ticks[-1], after := network.counters()):
        ticks.append(json.loads(process.stdout.readline()))
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGINT)
    process.stdout.read()
    assert process.wait(PATIENCE) == 0
    process.stdout.close()

    uplinks = [next(each for each in tick["interfaces"] if each["name"] == "uplink") for tick in ticks]
    assert uplinks[0]["rx_rate"] is None  # nothing to compare the first with
    assert uplinks[0]["rx_bytes"] >= before["rx_bytes"]
    for earlier, later, tick in zip(uplinks, uplinks[1:], ticks[1:], strict=False):
        for way in ("rx", "tx"):
            rate = (later[f"{way}_bytes"] - earlier[f"{way}_bytes"]) / tick["interval_s"]
            assert later[f"{way}_rate"] == rate
            assert tick["total"][f"{way}_rate"] == rate
    assert sum(tick["total"]["rx_rate"] * tick["interval_s"] for tick in ticks[1:]) == pytest.approx(
        after["rx_bytes"] - uplinks[0]["rx_bytes"], abs=0.01
    )
    assert after["rx_bytes"] - before["rx_bytes"] > SPEED


def test_watch_once_takes_two_samples(network: Wire) -> None:
    process = watch(network, "--once")
    out, _ = process.communicate(timeout=PATIENCE)
    (line,) = out.splitlines()
    tick = json.loads(line)
    assert process.returncode == 0
    assert tick["interval_s"] > 0.5
    assert tick["total"]["rx_rate"] is not None
    assert tick["total"]["uplinks"] == ["uplink"]


def test_without_a_display_one_line_explains_it_and_rates_run_until_ctrl_c(network: Wire) -> None:
    with Session(display=False, netns=network.near) as desktop:
        desktop.spawn("terminal", PROGRAM)
        wait_for(lambda: desktop.log("terminal").count("↓") >= 3, 15, "rates in the terminal")
        assert desktop.stop("terminal", signal.SIGINT) == 0
        complaint, *lines = desktop.log("terminal").splitlines()
        assert complaint.startswith("No display here")
        assert all(re.fullmatch(r"\d\d:\d\d:\d\d  ↓ .*  ↑ .* uplink", line) for line in lines), lines


@pytest.mark.parametrize("first", ["lock", "feed"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_the_agent_cleanly(network: Wire, number: signal.Signals, first: str) -> None:
    with Session(display=False, netns=network.near) as desktop:
        runtime = Path(desktop.environment["XDG_RUNTIME_DIR"]) / "netwatch-tray"
        desktop.spawn("agent", [*PROGRAM, "agent", "--headless"])
        desktop.wait_for((runtime / first).exists, 10, f"{first} is there")
        assert desktop.stop("agent", number) == 0
        assert list(runtime.iterdir()) == []


def test_subcommands_reach_the_running_agent(network: Wire) -> None:
    with Session(display=False, netns=network.near) as desktop:

        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            command = [*inside(network.near), *PROGRAM, *arguments]
            return subprocess.run(
                command, env=desktop.environment, capture_output=True, text=True, timeout=PATIENCE, check=False
            )

        gone = run("status")
        assert (gone.returncode, gone.stdout) == (3, "")
        assert gone.stderr.startswith("The agent is not running. Start it with: netwatch-tray ")
        assert run("quit").returncode == 3
        assert run("dance").returncode == 2

        desktop.spawn("agent", [*PROGRAM, "agent", "--headless"])
        desktop.wait_for(lambda: run("status").returncode == 0, 15, "the agent answers")
        status = json.loads(run("status", "--json").stdout)
        assert status["pid"] == desktop.pid("agent")
        assert status["interfaces"] == "rtnetlink RTM_GETSTATS"
        assert status["pss_bytes"] > 1 << 20
        again = run("agent", "--headless")
        assert (again.returncode, again.stderr) == (1, "netwatch-tray: The agent is running already.\n")
        lines = [json.loads(line) for line in run("watch", "--json", "--count", "2").stdout.splitlines()]
        assert [line["total"]["uplinks"] for line in lines] == [["uplink"]] * 2
        doctor = run("doctor")
        assert doctor.returncode == 0
        assert "rtnetlink RTM_GETSTATS: in use" in doctor.stdout
        assert "counted: carries the default route" in doctor.stdout
        assert "Run: netwatch-tray desktop install" in doctor.stdout
        assert run("quit").returncode == 0
        assert desktop.wait_exit("agent") == 0


def test_settings_with_a_fault_are_reported_and_stop_nothing(network: Wire) -> None:
    with Session(display=False, netns=network.near) as desktop:

        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            command = [*inside(network.near), *PROGRAM, *arguments]
            return subprocess.run(
                command, env=desktop.environment, capture_output=True, text=True, timeout=PATIENCE, check=False
            )

        def fault() -> str:
            told = run("status", "--json")
            return str(json.loads(told.stdout)["settings_fault"] or "") if told.returncode == 0 else ""

        file = Path(desktop.environment["XDG_CONFIG_HOME"]) / "netwatch-tray" / "settings.toml"
        file.parent.mkdir(parents=True)
        file.write_text(faulty := "[units]\nbits = 'yes'\nbinary = true\n[upload]\non = true\n")
        desktop.spawn("agent", [*PROGRAM, "agent", "--headless"])
        desktop.wait_for(fault, 15, "the agent runs, and tells the fault")
        assert f"Fault in the settings file {file}: units.bits must be true or false." in fault()
        assert json.loads(run("status", "--json").stdout)["upload"] is None
        assert "units.bits must be true or false" in desktop.log("agent")

        watched = run("watch", "--once")
        assert (watched.returncode, watched.stderr.count("units.bits must be true or false")) == (0, 1)
        assert "↓" in watched.stdout
        assert "units.bits must be true or false" in run("doctor").stdout
        for action in ("on", "off", "setup"):
            refused = run("upload", action)
            assert (refused.returncode, refused.stdout) == (1, "")
            assert "units.bits must be true or false" in refused.stderr
        assert file.read_text() == faulty

        # The agent sees by itself what somebody writes into the file.
        file.write_text("[units]\nbits = true\n")
        desktop.wait_for(lambda: not fault(), 15, "what was mended is seen")
        file.write_text("[units\n")
        desktop.wait_for(fault, 15, "the next fault is seen")
        assert "The previous settings stay in use." in fault()
        assert "Traceback" not in desktop.log("agent")
