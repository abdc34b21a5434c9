"""The commands of the system call bpf(2) that the helper needs, by ctypes: maps, programs, links and ring buffers.

All functions raise OSError if the kernel refuses. Linux 5.8 is the oldest kernel that has all of them.
"""

from __future__ import annotations

import _thread
import ctypes
import mmap
import os
import struct

HASH, ARRAY, LRU_HASH, RINGBUF = 1, 2, 9, 27
NO_PREALLOC = 1
"""Flag of a map: allocate the memory of an entry when it is created, not that of all entries at the start."""
CGROUP_SKB, CGROUP_SOCK, SOCK_OPS = 8, 9, 13
INGRESS, EGRESS, SOCK_CREATE, CGROUP_SOCK_OPS = 0, 1, 2, 3
STATISTICS_RUN_TIME = 0

_MAP_CREATE, _MAP_UPDATE, _MAP_LOOKUP, _MAP_DELETE = 0, 2, 1, 3
_PROG_LOAD, _MAP_LOOKUP_BATCH, _LINK_CREATE = 5, 24, 28
_PROG_QUERY, _OBJ_GET_INFO, _ENABLE_STATS = 16, 15, 32
_NUMBERS = {
    "x86_64": 321,
    "aarch64": 280,
    "riscv64": 280,
    "loongarch64": 280,
    "ppc64le": 361,
    "s390x": 351,
    "i686": 357,
    "armv7l": 386,
}
"""Number of the system call bpf(2) by machine, as uname(2) names it."""
_NAMES_32 = {"x86_64": "i686", "aarch64": "armv7l", "armv8l": "armv7l"}
"""The machine of a 32-bit process by what uname(2) names: the kernel may have 64 bits, as on a Raspberry Pi."""
_NAME = b"netwatch"
_LICENCE = ctypes.create_string_buffer(b"MIT")

_MAP = struct.Struct("=7I16s")
"""Attributes of BPF_MAP_CREATE: type, sizes of key and value, entries, flags, two that stay 0, name."""
_ELEMENT = struct.Struct("=I4xQQQ")
"""Attributes of the commands for one entry: descriptor of the map, addresses of key and value, flags."""
_BATCH = struct.Struct("=QQQQIIQQ")
"""Attributes of BPF_MAP_LOOKUP_BATCH: addresses of the position to begin at, of the position reached, of keys and of
values; number of entries, descriptor of the map, flags of both kinds."""
_BATCH_COUNT_OFFSET = 32
_PROGRAM = struct.Struct("=IIQQIIQII16sII")
"""Attributes of BPF_PROG_LOAD: type, number of instructions, their address, licence's address, log level, log size and
address, kernel version, flags, name, interface, attach type."""
_QUERY = struct.Struct("=IIIIQI")
"""Attributes of BPF_PROG_QUERY: control group, attach type, flags of the query and of the attachment, address of the
IDs, their number."""
_MOST_ATTACHED = 64
"""Most programs of one type on a control group (the kernel's BPF_CGROUP_MAX_PROGS)."""
_LOG_SIZE = 1 << 20
_POSITION_SIZE = 8

_libc = ctypes.CDLL(None, use_errno=True)


def call(command: int, attributes: bytes | ctypes.Array[ctypes.c_char]) -> int:
    """Make the system call bpf(2) and return its result. If `attributes` is a ctypes buffer, the kernel's output is in
    it afterwards."""
    size = len(attributes)
    buffer = ctypes.create_string_buffer(attributes, size) if isinstance(attributes, bytes) else attributes
    result: int = _libc.syscall(system_call(os.uname().machine), command, buffer, size)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def system_call(machine: str, pointer_size: int = struct.calcsize("P")) -> int:
    """Return the number of the system call bpf(2). `machine`: as uname(2) names it. Raise OSError if it is not known.
    `pointer_size`: of this process, in bytes."""
    if pointer_size == 4:
        machine = _NAMES_32.get(machine, machine)
    number = _NUMBERS.get(machine)
    if number is None:
        raise OSError(38, f"bpf(2) has no known number on {machine}")
    return number


def create_map(kind: int, key: int, value: int, entries: int, flags: int = 0) -> int:
    """Create a map and return its file descriptor. `key`, `value`: their sizes in bytes. `entries`: most entries; for a
    ring buffer its size in bytes, a power of two."""
    return call(_MAP_CREATE, _MAP.pack(kind, key, value, entries, flags, 0, 0, _NAME))


def load_program(kind: int, attach_type: int, code: bytes) -> int:
    """Load a program into the kernel and return its file descriptor. If the kernel's verifier rejects it, the OSError
    has the end of its log."""
    try:
        return _load(kind, attach_type, code, None)
    except OSError as refusal:
        log = ctypes.create_string_buffer(_LOG_SIZE)  # only now, because a log makes loading slow
        try:
            return _load(kind, attach_type, code, log)
        except OSError:
            text = log.value.decode("ascii", "replace")[-1500:]
            raise OSError(refusal.errno, f"{refusal.strerror}\n{text}".strip()) from refusal


def _load(kind: int, attach_type: int, code: bytes, log: ctypes.Array[ctypes.c_char] | None) -> int:
    text = ctypes.create_string_buffer(code, len(code))
    log_of = (0, 0, 0) if log is None else (1, len(log), ctypes.addressof(log))
    head = kind, len(code) // 8, ctypes.addressof(text), ctypes.addressof(_LICENCE)
    return call(_PROG_LOAD, _PROGRAM.pack(*head, *log_of, 0, 0, _NAME, 0, attach_type))


def attach(program: int, cgroup: int, attach_type: int) -> int:
    """Attach a program to a control group, in addition to those attached there. Return the file descriptor of the link.

    The program stays attached until this descriptor and all its copies are closed. `cgroup`: descriptor of the
    directory.
    """
    return call(_LINK_CREATE, struct.pack("=IIII", program, cgroup, attach_type, 0))


def attached(cgroup: int, attach_type: int) -> list[int]:
    """Return the IDs of the programs that are attached to the control group as `attach_type`."""
    ids = (ctypes.c_uint32 * _MOST_ATTACHED)()
    asked = _QUERY.pack(cgroup, attach_type, 0, 0, ctypes.addressof(ids), len(ids))
    attributes = ctypes.create_string_buffer(asked, len(asked))
    call(_PROG_QUERY, attributes)
    count: int = _QUERY.unpack(attributes.raw)[-1]
    return list(ids[:count])


def enable_statistics() -> int:
    """Make the kernel measure the run time of all programs while the returned file descriptor is open; see
    `run_time`."""
    return call(_ENABLE_STATS, struct.pack("=I", STATISTICS_RUN_TIME))


def run_time(program: int) -> tuple[int, int]:
    """Return the run time in nanoseconds and the number of runs of a program while statistics were enabled. `program`:
    its descriptor."""
    info = ctypes.create_string_buffer(232)
    call(_OBJ_GET_INFO, struct.pack("=IIQ", program, len(info), ctypes.addressof(info)))
    nanoseconds, runs = struct.unpack_from("=QQ", info, 192)
    return nanoseconds, runs


def lookup(fd: int, key: bytes, size: int) -> bytes:
    """Return the value of a key in the map with descriptor `fd`. `size`: bytes of a value. Raise FileNotFoundError if
    the map does not have the key."""
    value = ctypes.create_string_buffer(size)
    _element(_MAP_LOOKUP, fd, key, value)
    return value.raw


def update(fd: int, key: bytes, value: bytes) -> None:
    _element(_MAP_UPDATE, fd, key, ctypes.create_string_buffer(value, len(value)))


def delete(fd: int, key: bytes) -> None:
    """Delete a key from the map with descriptor `fd`; do nothing if the map does not have it."""
    try:
        _element(_MAP_DELETE, fd, key, None)
    except FileNotFoundError:
        return


def _element(command: int, fd: int, key: bytes, value: ctypes.Array[ctypes.c_char] | None) -> None:
    pointer = ctypes.create_string_buffer(key, len(key))
    address = 0 if value is None else ctypes.addressof(value)
    call(command, _ELEMENT.pack(fd, ctypes.addressof(pointer), address, 0))


class HashReader:
    """Reads a hash map in batches, into the same buffers each time."""

    def __init__(self, fd: int, key: int, value: int, most: int) -> None:
        """`fd`: descriptor of the map. `key`, `value`: their sizes in bytes. `most`: entries to read at a time. It must
        be more than are ever in one bucket of the hash map, because the kernel returns whole buckets."""
        self._fd, self._key, self._value, self._most = fd, key, value, most
        self._keys = ctypes.create_string_buffer(key * most)
        self._values = ctypes.create_string_buffer(value * most)
        self._position = ctypes.create_string_buffer(max(key, _POSITION_SIZE))

    def read(self, position: int | None) -> tuple[memoryview, memoryview, int | None]:
        """Return keys and values of the next entries, and the position after them. `position`: that of the previous
        call, None to begin; a returned None is the end.

        The memoryviews are valid until the next call. Calls from beginning to end return each entry exactly once,
        unless it is created or deleted meanwhile.
        """
        reached = ctypes.addressof(self._position)
        begin = 0
        if position is not None:
            struct.pack_into("=I", self._position, 0, position)
            begin = reached
        keys, values = ctypes.addressof(self._keys), ctypes.addressof(self._values)
        asked = _BATCH.pack(begin, reached, keys, values, self._most, self._fd, 0, 0)
        attributes = ctypes.create_string_buffer(asked, len(asked))
        following: int | None = None
        try:
            call(_MAP_LOOKUP_BATCH, attributes)
            following = struct.unpack_from("=I", self._position)[0]
        except FileNotFoundError:  # the end; the last entries are in the buffers all the same
            pass
        count = struct.unpack_from("=I", attributes, _BATCH_COUNT_OFFSET)[0]
        return memoryview(self._keys)[: count * self._key], memoryview(self._values)[: count * self._value], following


class RingReader:
    """Reads records from a ring buffer, to which eBPF programs write (Documentation/bpf/ringbuf.rst in Linux).

    Others map the pages twice in a row, so that a record across the end of the ring is contiguous. Here they are mapped
    once, and such a record is joined, because mapped pages count as memory of this process.
    """

    _BUSY, _DISCARDED, _LENGTH = 1 << 31, 1 << 30, (1 << 30) - 1
    _HEADER = struct.Struct("=I4x")

    def __init__(self, fd: int, size: int) -> None:
        self._size = size
        self._lock = _thread.allocate_lock()  # as threading.Lock, without loading threading
        self._lock.acquire()
        page = mmap.PAGESIZE
        self._consumer = mmap.mmap(fd, page)
        self._producer = mmap.mmap(fd, page + size, mmap.MAP_SHARED, mmap.PROT_READ, offset=page)
        # A store of 64 bits in one instruction, so that the kernel never reads half a position.
        self._consumed = ctypes.c_uint64.from_buffer(self._consumer)

    @property
    def is_empty(self) -> bool:
        return bool(self._consumed.value == self._produced)

    @property
    def _produced(self) -> int:
        produced: int = struct.unpack_from("=Q", self._producer)[0]
        return produced

    def read(self, most: int) -> list[bytes]:
        """Remove and return the oldest records, in all about `most` bytes."""
        finished = []
        at = self._consumed.value
        produced = self._produced
        self._fence()
        while most > 0 and at != produced:
            header = self._HEADER.unpack_from(self._producer, mmap.PAGESIZE + at % self._size)[0]
            if header & self._BUSY:
                break
            length = header & self._LENGTH
            if not header & self._DISCARDED:
                finished.append((at + self._HEADER.size, length))
                most -= length
            at += (self._HEADER.size + length + 7) & ~7
        self._fence()
        records = [self._bytes(*each) for each in finished]
        self._fence()
        self._consumed.value = at
        return records

    def _fence(self) -> None:
        """Complete all reads of the ring that precede this call before any access that follows it.

        The kernel publishes a record after its contents are written. A processor such as arm64 may nevertheless read
        the contents first, and see old bytes. Python has no fence, but to release a lock and then acquire it is one.
        """
        self._lock.release()
        self._lock.acquire()

    def _bytes(self, at: int, length: int) -> bytes:
        begin = at % self._size
        first = min(length, self._size - begin)
        page = mmap.PAGESIZE
        return self._producer[page + begin : page + begin + first] + self._producer[page : page + length - first]
