"""The eBPF programs that are attached, and the maps and the ring buffer in which the helper reads their results."""

from __future__ import annotations

import contextlib
import errno
import os
import struct
from collections.abc import Set as AbstractSet

from . import bpf, layout, programs, streams

ENTRIES = 16384
"""Flows (socket and peer) that can be counted at a time; a desktop has some hundreds."""
RING_SIZE = 1 << 20
"""Bytes. Between two readings it holds some 460 ClientHellos, or 1 800 DNS answers, or 18 000 new sockets."""

_MAKERS = 4096
"""New TCP sockets whose maker is kept until they are connected."""
_HOMES = 64
_ROW_BATCH = 256
MOST_ROWS = 512 + _ROW_BATCH
"""Rows that `Probes.rows` returns at most."""
_ONLY_KEY = bytes(4)
"""The key of an array with one entry."""
_TOUCHED = struct.Struct(f"={layout.STAMPS_OFFSET - 4}xI4xI")
"""Of layout.VALUE: whether a TCP connection has closed, and the stamp of the last packet."""
_PROTOCOL_OFFSET = 28
"""Of layout.KEY."""
_TCP = 6
_HOME = struct.Struct("=Q")
_OLDEST_KERNEL = (5, 8)
_INITIAL_CGROUP_NAMESPACE = "cgroup:[4026531835]"


class UnavailableError(Exception):
    """The programs cannot run here; the text is a sentence for the user."""


class Probes:
    """The kernel's programs, attached from creation until `close` or the end of the process, however it ends."""

    def __init__(self, cgroup: str, *, entries: int = ENTRIES, ring_size: int = RING_SIZE) -> None:
        """Load the programs and attach them to the control group of this directory. Raise OSError."""
        self._maps: dict[str, int] = {}
        self._links: list[int] = []
        self.programs: dict[str, int] = {}
        """File descriptors by name: inbound, outbound, new_socket; connections, where the kernel permits it."""
        self.reports_ends = False
        """The last counters of TCP connections are reported."""
        self.reports_elsewhere = False
        """The counters of TCP connections of other network namespaces are in the rows."""
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
        """Make the programs put this stamp on every flow that has a packet from now on."""
        bpf.update(self._maps["stamp"], _ONLY_KEY, layout.STAMP.pack(stamp, 0))

    def set_homes(self, homes: AbstractSet[int]) -> None:
        """Set the network namespaces in which agents run, by cookie. An agent itself lists the connections of its own.

        New connections of all other namespaces have rows. With several homes all new connections have rows, because
        each home is another namespace for the agents of the others.
        """
        value = bytes([layout.ONLY_HOME if len(homes) == 1 else layout.ONE_HOME_OF_SEVERAL])
        with contextlib.suppress(OSError):  # no memory: then there are rows that nobody needs
            for netns in homes:
                bpf.update(self._maps["homes"], _HOME.pack(netns), value)
            for netns in self._homes - homes:
                bpf.delete(self._maps["homes"], _HOME.pack(netns))
        self._homes = frozenset(homes)

    def losses(self) -> tuple[int, int, int, int, int]:
        """Return losses since attaching: bytes and datagrams, received and sent, of flows for which the map had no
        room; records for which the ring had none."""
        found = bpf.lookup(self._maps["losses"], _ONLY_KEY, layout.LOSSES.size)
        ring_full, *amounts = layout.LOSSES.unpack(found)[:5]
        return (*amounts, ring_full)

    def rows(self, since: int, floor: int, position: int | None) -> tuple[bytearray, int | None]:
        """Return the rows (key and value) of flows with a packet since the stamp `since`, from a position in the map,
        and the next position.

        As argument, None is the beginning of the map; as result, its end. There are at most MOST_ROWS rows. A walk over
        all positions has each flow once.

        Also delete the flows without a packet since the stamp `floor`, TCP connections only if they have closed. A
        deleted flow is in the returned rows if it had a packet since `since`. `floor` must be older than any stamp that
        a running program may still write.
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
        """Return whether there are records to take, or one is being written."""
        return not self._ring.is_empty

    def records(self, most: int) -> list[bytes]:
        """Take the oldest records, about so many bytes: layout.PACKET with a payload, layout.OWNER, layout.TCP_END."""
        return [_without_slack(record) for record in self._ring.read(most)]

    def close(self) -> None:
        for fd in (*self._links, *self.programs.values(), *self._maps.values()):
            os.close(fd)
        self._links, self.programs, self._maps = [], {}, {}


def _without_slack(record: bytes) -> bytes:
    """Return a record without the unused part of its buffer. Buffers have one of three sizes, and the part behind the
    payload may hold data of another user."""
    if layout.RECORD.unpack_from(record)[2] in {layout.NEW_SOCKET, layout.TCP_ENDED}:
        return record
    return record[: layout.PACKET.size + layout.PACKET.unpack_from(record)[-3]]


def root_cgroup() -> str:
    """Return the directory of the root of the control groups (version 2), also where version 1 is used beside them.

    Raise UnavailableError where there is none.
    """
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            if " - cgroup2 " in line:
                return _unescaped(line.split()[4])
    raise UnavailableError("This system has no control groups of version 2, at which the counters are attached.")


def covers_system() -> bool:
    """Return whether the visible root is that of the whole system, not of a container."""
    return os.readlink("/proc/self/ns/cgroup") == _INITIAL_CGROUP_NAMESPACE


def attach() -> Probes:
    """Attach to the root of the control groups. Raise UnavailableError."""
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
    """Decode a path of /proc/self/mountinfo, where spaces and such are octal."""
    head, *rest = path.split("\\")
    return head + "".join(chr(int(part[:3], 8)) + part[3:] for part in rest)
