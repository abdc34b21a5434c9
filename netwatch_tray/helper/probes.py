"""Loads and attaches the eBPF programs, and reads their results from maps and a ring buffer.

A row is an entry of the map of flows (`layout.KEY`, `layout.VALUE`); a record is an entry of the ring buffer.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
from collections.abc import Set as AbstractSet

from . import bpf, layout, programs, streams

ENTRIES = 16384
"""Most flows (socket and peer) that can be counted at a time; a desktop has some hundreds."""
RING_SIZE = 1 << 20
"""Bytes of the ring buffer. It has room for about 460 ClientHellos, 1 800 DNS responses or 18 000 new sockets between
two readings."""

_MAKERS = 4096
"""Most new TCP sockets whose creator is remembered until they are connected."""
_HOMES = 64
_ROW_BATCH = 256
MOST_ROWS = 512 + _ROW_BATCH
"""Most rows that one call of `Probes.rows` returns."""
_ONLY_KEY = bytes(4)
"""The key of the only entry of an array."""
_TOUCHED = struct.Struct(f"={layout.STAMPS_OFFSET - 4}xI4xI")
"""Two fields of layout.VALUE: whether a TCP connection has closed, and the stamp of the last packet."""
_PROTOCOL_OFFSET = 28
"""Offset of the IP protocol in layout.KEY."""
_TCP = 6
_HOME = struct.Struct("=Q")
_OLDEST_KERNEL = (5, 8)
_INITIAL_CGROUP_NAMESPACE = "cgroup:[4026531835]"


class UnavailableError(Exception):
    """The eBPF programs cannot run on this system; the text is a sentence for the user."""


class Probes:
    """The attached eBPF programs and their results. The kernel detaches them at `close`, or when the process ends."""

    def __init__(self, cgroup: str, *, entries: int = ENTRIES, ring_size: int = RING_SIZE) -> None:
        """Load the programs and attach them to a control group, given by its directory. `entries`: most flows.
        `ring_size`: bytes of the ring buffer. Raise OSError."""
        self._maps: dict[str, int] = {}
        self._links: list[int] = []
        self.programs: dict[str, int] = {}
        """File descriptors of the programs by name: inbound, outbound, new_socket, and connections if the kernel
        permits that one."""
        self.reports_ends = False
        """Whether there are records with the final counters of closed TCP connections."""
        self.reports_elsewhere = False
        """Whether the rows contain TCP connections of other network namespaces."""
        self._homes: frozenset[int] = frozenset()
        try:
            self._maps["flows"] = bpf.create_map(bpf.HASH, layout.KEY.size, layout.VALUE.size, entries, bpf.NO_PREALLOC)
            self._maps["stamp"] = bpf.create_map(bpf.ARRAY, len(_ONLY_KEY), layout.STAMP.size, 1)
            self._maps["losses"] = bpf.create_map(bpf.ARRAY, len(_ONLY_KEY), layout.LOSSES.size, 1)
            self._maps["homes"] = bpf.create_map(bpf.HASH, _HOME.size, 1, _HOMES, bpf.NO_PREALLOC)
            self._maps["makers"] = bpf.create_map(bpf.LRU_HASH, _HOME.size, layout.MAKER.size, _MAKERS)
            self._maps["ring"] = bpf.create_map(bpf.RINGBUF, 0, 0, ring_size)
            self._load()
            self._attach(cgroup)
            self._rows = bpf.HashReader(self._maps["flows"], layout.KEY.size, layout.VALUE.size, _ROW_BATCH)
            self._ring = bpf.RingReader(self._maps["ring"], ring_size)
        except OSError:
            self.close()
            raise

    def _load(self) -> None:
        maps = self._maps
        try:
            new_socket = bpf.load_program(bpf.CGROUP_SOCK, bpf.SOCK_CREATE, programs.new_socket(maps, with_name=True))
        except OSError:
            new_socket = bpf.load_program(bpf.CGROUP_SOCK, bpf.SOCK_CREATE, programs.new_socket(maps, with_name=False))
        self.programs["new_socket"] = new_socket
        try:
            self._load_for_packets(directly=True)
        except OSError:
            if "inbound" in self.programs:
                os.close(self.programs.pop("inbound"))
            self._load_for_packets(directly=False)

        for elsewhere in (True, False):
            code = streams.connections(maps, elsewhere=elsewhere)
            with contextlib.suppress(OSError):
                self.programs["connections"] = bpf.load_program(bpf.SOCK_OPS, 0, code)
                self.reports_ends, self.reports_elsewhere = True, elsewhere
                return

    def _load_for_packets(self, *, directly: bool) -> None:
        inbound, outbound = (make(self._maps, directly=directly) for make in (programs.inbound, programs.outbound))
        self.programs["inbound"] = bpf.load_program(bpf.CGROUP_SKB, bpf.INGRESS, inbound)
        self.programs["outbound"] = bpf.load_program(bpf.CGROUP_SKB, bpf.EGRESS, outbound)

    def _attach(self, cgroup: str) -> None:
        directory = os.open(cgroup, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for name, where in (
                ("new_socket", bpf.SOCK_CREATE),
                ("inbound", bpf.INGRESS),
                ("outbound", bpf.EGRESS),
            ):
                self._links.append(bpf.attach(self.programs[name], directory, where))
            if self.reports_ends:
                self._links.append(bpf.attach(self.programs["connections"], directory, bpf.CGROUP_SOCK_OPS))
        finally:
            os.close(directory)

    def set_stamp(self, stamp: int) -> None:
        """Set the stamp that the programs write to each flow at its next packets."""
        bpf.update(self._maps["stamp"], _ONLY_KEY, layout.STAMP.pack(stamp, 0))

    def set_homes(self, homes: AbstractSet[int]) -> None:
        """Set the network namespaces in which agents run ("homes"), by cookie.

        An agent lists the TCP connections of its own namespace itself, so only those of other namespaces get rows. With
        several homes all get rows, because each home is another namespace for the agents of the others.
        """
        value = bytes([layout.ONLY_HOME if len(homes) == 1 else layout.ONE_HOME_OF_SEVERAL])
        with contextlib.suppress(OSError):  # no memory: then there are rows that nobody needs
            for netns in homes:
                bpf.update(self._maps["homes"], _HOME.pack(netns), value)
            for netns in self._homes - homes:
                bpf.delete(self._maps["homes"], _HOME.pack(netns))
        self._homes = frozenset(homes)

    def losses(self) -> tuple[int, int, int, int, int]:
        """Return what was lost since attaching: bytes received and sent, and datagrams received and sent, of flows for
        which the map had no room; number of records for which the ring had none."""
        found = bpf.lookup(self._maps["losses"], _ONLY_KEY, layout.LOSSES.size)
        ring_full, *amounts = layout.LOSSES.unpack(found)[:5]
        return (*amounts, ring_full)

    def rows(self, since: int, floor: int, position: int | None) -> tuple[bytearray, int | None]:
        """Return rows (keys and values, concatenated) of flows that had a packet since the stamp `since`, and the next
        position in the map. Delete idle flows.

        `position`: that of the previous call, None to begin; a returned None is the end. A call returns at most
        MOST_ROWS rows; calls from beginning to end return each flow once.

        `floor`: flows without a packet since this stamp are deleted (TCP connections only if they have closed). It must
        be older than any stamp that a running program may still write.
        """
        rows = bytearray()
        row_size = layout.KEY.size + layout.VALUE.size
        while True:
            keys, values, position = self._rows.read(position)
            for number, (is_closed, touched) in enumerate(_TOUCHED.iter_unpack(values)):
                if touched >= since:
                    rows += keys[number * layout.KEY.size : (number + 1) * layout.KEY.size]
                    rows += values[number * layout.VALUE.size : (number + 1) * layout.VALUE.size]
                if touched < floor:
                    key = bytes(keys[number * layout.KEY.size : (number + 1) * layout.KEY.size])
                    if is_closed or key[_PROTOCOL_OFFSET] != _TCP:
                        bpf.delete(self._maps["flows"], key)
            if position is None or len(rows) > (MOST_ROWS - _ROW_BATCH) * row_size:
                return rows, position

    @property
    def has_records(self) -> bool:
        """Return whether the ring buffer has records, or a program is writing one."""
        return not self._ring.is_empty

    def records(self, most: int) -> list[bytes]:
        """Remove and return the oldest records, in all about `most` bytes. Each has the layout PACKET (with a payload),
        OWNER or TCP_END of `layout`."""
        return [_without_slack(record) for record in self._ring.read(most)]

    def close(self) -> None:
        for fd in (*self._links, *self.programs.values(), *self._maps.values()):
            os.close(fd)
        self._links, self.programs, self._maps = [], {}, {}


def _without_slack(record: bytes) -> bytes:
    """Return a record cut off after its payload. Records are reserved in one of three sizes, so what follows the
    payload may be old data of another user."""
    if layout.RECORD.unpack_from(record)[2] in {layout.NEW_SOCKET, layout.TCP_ENDED}:
        return record
    return record[: layout.PACKET.size + layout.PACKET.unpack_from(record)[-3]]


def root_cgroup() -> str:
    """Return the directory where the control groups of version 2 are mounted. They may exist beside version 1.

    Raise UnavailableError if they are not mounted.
    """
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            if " - cgroup2 " in line:
                return _unescaped(line.split()[4])
    raise UnavailableError("This system has no control groups of version 2, at which the counters are attached.")


def covers_system() -> bool:
    """Return whether `root_cgroup` is the root of the whole system, not only that of a container."""
    return os.readlink("/proc/self/ns/cgroup") == _INITIAL_CGROUP_NAMESPACE


def attach() -> Probes:
    """Load the programs and attach them to `root_cgroup`. Raise UnavailableError."""
    cgroup = root_cgroup()
    try:
        return Probes(cgroup)
    except OSError as error:
        raise UnavailableError(_reason(error)) from error


def _reason(error: OSError) -> str:
    release = os.uname().release
    if _version(release) < _OLDEST_KERNEL:
        return f"The counters need Linux 5.8 or newer; this is {release}."
    if error.errno == errno.EPERM:
        return (
            "The kernel permits no eBPF programs here: containers usually cannot load them, and elsewhere CAP_BPF and "
            "CAP_NET_ADMIN are needed."
        )
    if error.errno == errno.ENOSYS:
        return "This kernel has no bpf(2)."
    complaint, _, _verifiers_log = (error.strerror or "no reason given").partition("\n")
    return f"The kernel refused the eBPF programs: {complaint}."


def _version(release: str) -> tuple[int, int]:
    major, minor = (release + ".0").split(".")[:2]
    digits = "".join(each for each in minor if each.isdigit())
    return int(major), int(digits or 0)


def _unescaped(path: str) -> str:
    """Decode a path in /proc/self/mountinfo, in which spaces and some other characters are octal escapes."""
    head, *rest = path.split("\\")
    return head + "".join(chr(int(part[:3], 8)) + part[3:] for part in rest)
