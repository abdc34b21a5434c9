"""The resident agent in a real panel (xfce4-panel, private X server and session bus), at its 1 Hz.

Beside it, each in a session of its own and at 1 Hz as well, run conky and the Xfce panel with its netload plugin. conky
has the settings that it ships with (`conky -C`) and shows what our icon, its text and its tooltip show: the rates of
both directions as text and as pictures. Their CPU time includes that of their X server, which draws for them alone; the
panel's memory is that of the panel and its plugin. The last rows are ours divided by theirs.

Twice a minute's worth: with a different rate each second, so that tooltip, label and icon change all the time, and with
nothing changing at all. CPU time is the scheduler's own accounting of all threads (/proc/PID/task/*/schedstat),
wake-ups are voluntary context switches, PSS comes from smaps_rollup.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks._harness import HERE, Row, options, report

sys.path.insert(0, str(HERE.parent / "tests"))

from desktop import Session
from networks import FAR, Wire, wire

SECONDS = 60
SETTLE = 5
PROGRAM = [sys.executable, "-m", "netwatch_tray"]

CHANGING_TRAFFIC = """
import itertools, socket, sys, time
socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for step in itertools.count():
    for _ in range(1 + step * 7919 % 40 ** (1 + step % 3)):
        socket.sendto(bytes(1000), (sys.argv[1], 9))
    time.sleep(1)
"""
"""A few datagrams a second, never as many as the second before."""


CONKY_TEXT = """conky.text = [[
↓ ${downspeed uplink}  ↑ ${upspeed uplink}
${downspeedgraph uplink 40,100} ${upspeedgraph uplink 40,100}
]]
"""
NETLOAD = """<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p=6;x=0;y=0"/>
      <property name="length" type="uint" value="100"/>
      <property name="size" type="uint" value="32"/>
      <property name="plugin-ids" type="array"><value type="int" value="1"/></property>
    </property>
  </property>
  <property name="plugins" type="empty"><property name="plugin-1" type="string" value="netload"/></property>
</channel>
"""
NETLOAD_SETTINGS = """Use_Label=true
Show_Values=true
Show_Bars=true
Network_Device=uplink
Update_Interval=1000
"""


class Usage(NamedTuple):
    cpu_ns: int
    wakeups: int

    @classmethod
    def of(cls, *pids: int) -> Usage:
        tasks = [task for pid in pids for task in Path(f"/proc/{pid}/task").iterdir()]
        cpu = sum(int((task / "schedstat").read_text().split()[0]) for task in tasks)
        fields = [line.split() for task in tasks for line in (task / "status").read_text().splitlines()]
        return cls(cpu, sum(int(field[1]) for field in fields if field[0] == "voluntary_ctxt_switches:"))


class Measured(NamedTuple):
    cpu: float
    """CPU time, ms per minute."""
    wakeups: float
    """Voluntary context switches of its threads, per second."""


def pss_mb(*pids: int) -> float:
    lines = [line for pid in pids for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1000


def measure(*programs: tuple[int, ...]) -> list[Measured]:
    """Measure each program over the same SECONDS. A program may be several processes."""
    before = [Usage.of(*pids) for pids in programs]
    time.sleep(SECONDS)
    after = [Usage.of(*pids) for pids in programs]
    return [
        Measured((new.cpu_ns - old.cpu_ns) / 1e6 * 60 / SECONDS, (new.wakeups - old.wakeups) / SECONDS)
        for old, new in zip(before, after, strict=True)
    ]


@contextmanager
def conky(network: Wire) -> Iterator[tuple[int, ...]]:
    """Yield the PIDs of conky and of its X server."""
    with Session(netns=network.near) as desktop:
        shipped = subprocess.run(["conky", "-C"], capture_output=True, text=True, check=True).stdout
        file = desktop.directory / "conky.conf"
        # Not as a part of the desktop: such a window may be made before the window manager looks, and never be shown.
        window = "conky.config.own_window_type = 'normal'\n"
        file.write_text(shipped.partition("conky.text")[0] + window + CONKY_TEXT)
        pid = desktop.spawn("conky", ["conky", "-c", str(file)])
        desktop.wait_for(lambda: desktop.windows("conky"), 20, "conky is there")
        yield pid, desktop.pid("display")


@contextmanager
def netload(network: Wire) -> Iterator[tuple[int, ...]]:
    """Yield the PIDs of the X server, of the panel and of its plugin."""
    with Session(netns=network.near) as desktop:
        configuration = Path(desktop.environment["XDG_CONFIG_HOME"])
        (configuration / "xfce4" / "xfconf" / "xfce-perchannel-xml" / "xfce4-panel.xml").write_text(NETLOAD)
        (configuration / "xfce4" / "panel").mkdir()
        (configuration / "xfce4" / "panel" / "netload-1.rc").write_text(NETLOAD_SETTINGS)
        pid = desktop.spawn("panel", ["xfce4-panel", "--disable-wm-check"])
        panel = psutil.Process(pid)

        def plugin() -> list[psutil.Process]:
            return [child for child in panel.children() if "netload" in " ".join(child.cmdline())]

        (found,) = desktop.wait_for(plugin, 20, "the plugin runs")
        yield desktop.pid("display"), pid, found.pid


@contextmanager
def traffic(network: Wire) -> Iterator[None]:
    sender = network.python(network.near, CHANGING_TRAFFIC, FAR)
    try:
        yield
    finally:
        sender.kill()
        sender.communicate()


def main() -> None:
    chosen = options(__doc__)
    subprocess.run([sys.executable, "-m", "compileall", "-q", HERE.parent / "netwatch_tray"], check=True)
    with wire() as network, conky(network) as their_conky, netload(network) as their_panel:
        network.run(network.near, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
        network.run(network.far, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
        with Session(netns=network.near) as desktop:
            desktop.start_host("xfce")
            pid = desktop.spawn("agent", PROGRAM)
            desktop.wait_for(desktop.items, 20, "the icon registers")
            start = Usage.of(pid).cpu_ns / 1e6
            # The history is opened when the first minute is over, which is a part of starting and not of each minute.
            history = Path(desktop.environment["XDG_STATE_HOME"], "netwatch-tray")
            desktop.wait_for(lambda: any(history.glob("*-wal")), 70, "the first minute is stored")
            time.sleep(SETTLE)
            (unchanged,) = measure((pid,))
            with traffic(network):
                time.sleep(SETTLE)
                changing, of_conky, of_panel = measure((pid,), their_conky, their_panel)
            memory, of_panel_memory = pss_mb(pid), pss_mb(*their_panel[1:])
            desktop.stop("agent")
    report(
        [
            Row("agent.pss_mb", memory, "MB"),
            Row("agent.cpu_ms_per_min", changing.cpu, "ms/min"),
            Row("agent.cpu_ms_per_min_unchanged", unchanged.cpu, "ms/min"),
            Row("agent.wakeups_per_s", changing.wakeups, "1/s"),
            Row("agent.wakeups_per_s_unchanged", unchanged.wakeups, "1/s"),
            Row("agent.start_cpu_ms", start, "ms"),
            Row("agent.vs_conky_cpu", changing.cpu / of_conky.cpu, "x"),
            Row("agent.vs_netload_cpu", changing.cpu / of_panel.cpu, "x"),
            Row("agent.vs_netload_pss", memory / of_panel_memory, "x"),
        ],
        chosen,
    )


if __name__ == "__main__":
    main()
