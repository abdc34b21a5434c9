"""The reader of the helper's ring buffer, on memory with the layout that the kernel maps."""

from __future__ import annotations

import mmap
import os
import struct
import sys
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, strategies as st

from netwatch_tray.helper.bpf import RingReader

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memfd_create(2) is a system call of Linux")

PAGE = mmap.PAGESIZE
SIZE = 1 << 16
BUSY, DISCARDED = 1 << 31, 1 << 30


class Ring:
    """The writer's side of a ring, as in kernel/bpf/ringbuf.c of Linux: a page with the consumer's position, one with
    the producer's, then the data."""

    def __init__(self) -> None:
        self.fd = os.memfd_create("ring")
        os.truncate(self.fd, 2 * PAGE + SIZE)
        self.memory = mmap.mmap(self.fd, 2 * PAGE + SIZE)
        self.produced = 0

    def put(self, content: bytes, flags: int = 0) -> int:
        """Append a record and return the position of its header."""
        begin = self.produced
        self.header(begin, len(content) | flags)
        for number, byte in enumerate(content, begin + 8):
            self.memory[2 * PAGE + number % SIZE] = byte
        self.produced = (begin + 8 + len(content) + 7) & ~7
        struct.pack_into("=Q", self.memory, PAGE, self.produced)
        return begin

    def header(self, at: int, value: int) -> None:
        struct.pack_into("=I4x", self.memory, 2 * PAGE + at % SIZE, value)

    @property
    def consumed(self) -> int:
        consumed: int = struct.unpack_from("=Q", self.memory)[0]
        return consumed

    def close(self) -> None:
        self.memory.close()
        os.close(self.fd)


class Fenced(RingReader):
    """Calls `at_fence` with the number of each fence, so that a test can change the memory there."""

    at_fence: Callable[[int], None] = staticmethod(lambda _number: None)
    _number = 0

    def _fence(self) -> None:
        super()._fence()
        self._number += 1
        self.at_fence(self._number)


@pytest.fixture
def ring() -> Iterator[Ring]:
    made = Ring()
    yield made
    made.close()


def test_records_are_returned_once_and_in_order(ring: Ring) -> None:
    reader = RingReader(ring.fd, SIZE)
    assert reader.is_empty
    for content in (b"one", b"", b"three " * 100):
        ring.put(content)
    ring.put(b"gone", DISCARDED)
    assert not reader.is_empty
    assert reader.read(SIZE) == [b"one", b"", b"three " * 100]
    assert reader.is_empty
    assert reader.read(SIZE) == []
    assert ring.consumed == ring.produced


def test_record_that_is_being_written_holds_back_those_after_it(ring: Ring) -> None:
    reader = RingReader(ring.fd, SIZE)
    ring.put(b"before")
    at = ring.put(b"being written", BUSY)
    ring.put(b"after")
    assert reader.read(SIZE) == [b"before"]
    assert reader.read(SIZE) == []
    assert not reader.is_empty
    ring.header(at, len(b"being written"))
    assert reader.read(SIZE) == [b"being written", b"after"]


def test_read_stops_after_about_the_requested_bytes(ring: Ring) -> None:
    reader = RingReader(ring.fd, SIZE)
    for number in range(5):
        ring.put(bytes([number]) * 100)
    assert [len(reader.read(150)) for _ in range(4)] == [2, 2, 1, 0]


@given(st.lists(st.lists(st.tuples(st.binary(max_size=9000), st.booleans()), max_size=6), max_size=12))
def test_any_records_come_back_across_the_end_of_the_ring(rounds: list[list[tuple[bytes, bool]]]) -> None:
    ring = Ring()
    reader = RingReader(ring.fd, SIZE)
    for written in rounds:
        for content, is_discarded in written:
            ring.put(content, DISCARDED if is_discarded else 0)
        assert reader.read(SIZE) == [content for content, is_discarded in written if not is_discarded]
        assert ring.consumed == ring.produced
    ring.close()


def test_header_is_read_after_the_position_of_the_producer(ring: Ring) -> None:
    """Reads that the processor may reorder are separated by a fence: the memory changes there, and the later read
    returns what is there then."""
    reader = Fenced(ring.fd, SIZE)
    at = ring.put(b"complete", BUSY)

    def commit(number: int) -> None:
        if number == 1:
            ring.header(at, len(b"complete"))

    reader.at_fence = commit
    assert reader.read(SIZE) == [b"complete"]


def test_content_is_read_after_its_header_and_before_its_room_is_free(ring: Ring) -> None:
    reader = Fenced(ring.fd, SIZE)
    at = ring.put(b"old")
    consumed = []

    def write(number: int) -> None:
        consumed.append(ring.consumed)
        if number == 2:
            ring.memory[2 * PAGE + at + 8 : 2 * PAGE + at + 11] = b"new"
        if number == 3:
            ring.memory[2 * PAGE + at + 8 : 2 * PAGE + at + 11] = b"bad"

    reader.at_fence = write
    assert reader.read(SIZE) == [b"new"]
    assert consumed == [0, 0, 0]
    assert ring.consumed == ring.produced
