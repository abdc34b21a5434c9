"""Other programs that measure traffic, each run as its manual says and read by what it prints for programs."""

from __future__ import annotations

import re
import signal
import socket
import struct
import time

from benchmarks.accuracy.amounts import Both, Seen, Unit, added
from benchmarks.accuracy.observers import Observer
from benchmarks.accuracy.parsers import (
    bandwhich_seen,
    bmon_total,
    conky_total,
    first_number,
    iftop_total,
    nethogs_apps,
    nethogs_rows,
    rustnet_seen,
    vnstat_total,
)
from benchmarks.accuracy.processes import run, within
from benchmarks.accuracy.record import AF_PACKET

_FE80 = bytes.fromhex("fe80") + bytes(14)
_LINK_LOCAL = bytes(12) + struct.pack("!HIHBB", 0x86DD, 6 << 28, 0, 59, 1) + _FE80 + _FE80
"""A frame with an IPv6 packet without content."""


class VnStat(Observer):
    name, program = "vnStat", "vnstatd"
    about = (
        "Its daemon with the shortest intervals that it accepts (2 s). Totals of interfaces since months, no apps: of "
        "the interfaces it lists, the uplinks are added up here, which it leaves to the user."
    )

    @classmethod
    def version(cls) -> str:
        return first_number(run("vnstat", "--version"))

    def _start(self) -> None:
        self._config = self.directory / "vnstat.conf"
        database = self.directory / "database"
        database.mkdir()
        self._config.write_text(
            f'DatabaseDir "{database}"\nUseLogging 0\nUpdateInterval 2\nPollInterval 2\nSaveInterval 1\n'
        )
        self._daemon = self.run("vnstatd", "--nodaemon", "--config", str(self._config))
        self._begun = time.monotonic()

    def is_ready(self) -> bool:
        return time.monotonic() > self._begun + 3 and self._shown().total is not None

    def read(self) -> Seen:
        """Make vnstatd write what it has in memory, by a signal; then read that."""
        self._daemon.signal(signal.SIGHUP)
        time.sleep(1.5)
        return self._shown()

    def _shown(self) -> Seen:
        try:
            printed = run("vnstat", "--config", str(self._config), "--json", namespace=self.world.near)
        except RuntimeError:
            return Seen()
        return Seen(vnstat_total(printed, self.world.uplinks))


class Bmon(Observer):
    name, program = "bmon", "bmon"
    about = "Counters of interfaces, no apps. Read by its format output; the uplinks are added up here."

    @classmethod
    def version(cls) -> str:
        return first_number(run("bmon", "-V"))

    def _start(self) -> None:
        form = "format:fmt=$(element:name) $(attr:rx:bytes) $(attr:tx:bytes)\\n"
        self._printed = self.run("bmon", "-p", "uplink*", "-r", "1", "-o", form)

    def is_ready(self) -> bool:
        return len(self._printed.lines()) >= 3

    def read(self) -> Seen:
        return Seen(bmon_total(self._printed.lines()))


class Conky(Observer):
    name, program = "conky", "conky"
    about = "`totaldown` and `totalup` of the uplinks, as bytes on the console, each second; no apps."

    @classmethod
    def version(cls) -> str:
        return first_number(run("conky", "--version"))

    def _start(self) -> None:
        config = self.directory / "conky.conf"
        words = " ".join(f"${{totaldown {name}}} ${{totalup {name}}}" for name in self.world.uplinks)
        config.write_text(
            "conky.config = { out_to_console = true, out_to_x = false, background = false, update_interval = 1, "
            f"format_human_readable = false }}\nconky.text = [[{words}]]\n"
        )
        self._printed = self.run("conky", "-c", str(config))

    def is_ready(self) -> bool:
        return len(self._printed.lines()) >= 3

    def read(self) -> Seen:
        return Seen(conky_total(self._printed.lines()))


class Nethogs(Observer):
    name, program = "nethogs", "nethogs"
    app_unit = Unit.FRAMES
    about = (
        "Traced with total bytes, TCP and UDP, on all interfaces but the loopback (its default), as root. It shows six "
        "digits, and the bytes of frames. Its total is the sum of its rows. It does not claim loopback."
    )

    @classmethod
    def version(cls) -> str:
        return first_number(run("nethogs", "-V"))

    def _start(self) -> None:
        self._printed = self.run("nethogs", "-t", "-v", "2", "-d", "1", "-C", "-l")

    def is_ready(self) -> bool:
        return sum(line.startswith("Refreshing") for line in self._printed.lines()) >= 3

    def read(self) -> Seen:
        rows = nethogs_rows(self._printed.lines())
        apps, unnamed = nethogs_apps(rows)
        return Seen(added(rows.values()), apps, unnamed, digits=6)


class Iftop(Observer):
    name, program = "iftop", "iftop"
    unit = Unit.IP
    about = "Text output of the first uplink, bytes, as root. It shows three digits and counts IP packets; no apps."

    @classmethod
    def version(cls) -> str:
        found = re.search(r"version (\S+)", run("sh", "-c", "iftop -h || true"))
        return "?" if found is None else found[1]

    def _start(self) -> None:
        self._printed = self.run("stdbuf", "-oL", "iftop", "-t", "-B", "-n", "-N", "-i", self.world.uplinks[0])
        self._begun = time.monotonic()

    def is_ready(self) -> bool:
        return time.monotonic() > self._begun + 3

    def read_first(self) -> Seen:
        return Seen(Both())

    def read(self) -> Seen:
        """Wait until iftop prints. It prints every few seconds, but only if IP packets pass, so packets are sent that
        it does not count: those of link-local addresses."""
        before, deadline = self._prints(), time.monotonic() + 12
        with within(self.world.far):
            sender = socket.socket(AF_PACKET, socket.SOCK_RAW)
        with sender:
            sender.bind(("peer0", 0))
            while self._prints() < before + 2 and time.monotonic() < deadline:  # the first may be half filled
                sender.send(_LINK_LOCAL)
                time.sleep(0.25)
        return Seen(iftop_total(self._printed.text()), digits=3)

    def _prints(self) -> int:
        return self._printed.text().count("Cumulative")


class Bandwhich(Observer):
    name, program = "bandwhich", "bandwhich"
    unit = app_unit = Unit.SEGMENTS
    about = (
        "Raw output with cumulative amounts, as root, on its default interfaces. It counts packets without their IP "
        "header, and adds rates that it cuts to whole bytes. Its total is the sum of its connections."
    )

    @classmethod
    def version(cls) -> str:
        return first_number(run("bandwhich", "--version"))

    def _start(self) -> None:
        self._printed = self.run("bandwhich", "--raw", "--no-resolve", "--total-utilization")

    def is_ready(self) -> bool:
        return self._printed.text().count("Refreshing") >= 3

    def read(self) -> Seen:
        return bandwhich_seen(self._printed.lines())


class Rustnet(Observer):
    name, program = "rustnet", "rustnet"
    app_unit = Unit.FRAMES
    about = (
        "Headless output of connections on the first uplink, as root, without its sandbox, so that it may look up the "
        "processes of other users. Where the kernel refuses its eBPF programs, as here, it looks them up in /proc, and "
        "says so. It counts frames; its total is the sum of its connections."
    )

    @classmethod
    def version(cls) -> str:
        return first_number(run("rustnet", "--version"))

    def _start(self) -> None:
        options = "--headless --output jsonl --refresh-interval 1000 --no-resolve-dns --no-dpi --no-geoip"
        more = "--no-uid-drop --no-sandbox"
        self._printed = self.run(
            "rustnet",
            *options.split(),
            *more.split(),
            "--interface",
            self.world.uplinks[0],
            environment={"HOME": str(self.directory)},
        )

    def is_ready(self) -> bool:
        return len(self._printed.lines()) >= 3

    def read(self) -> Seen:
        return rustnet_seen(self._printed.lines())


# iftop is last: for what it shows packets must pass, which the others would count.
PEERS: tuple[type[Observer], ...] = (VnStat, Bmon, Conky, Nethogs, Bandwhich, Rustnet, Iftop)
NOT_RUN = {
    "nload": "shows no more than bmon, and not to programs",
    "picosnitch": "2.2.1 (PyPI) did not start here: the kernel refuses its tracing programs (fexit, kprobes)",
}
