"""An assembler for eBPF: translates text in the syntax that clang and bpftool print, as far as it is used here."""

from __future__ import annotations

import struct
from collections.abc import Mapping

_INSTRUCTION = struct.Struct("=BBhI")
"""struct bpf_insn (<linux/bpf.h>): opcode, source << 4 | destination, offset, immediate."""

_SIZES = {"u8": 0x10, "u16": 0x08, "u32": 0x00, "u64": 0x18}
_LOAD, _STORE_REGISTER, _STORE_NUMBER, _LOCKED_ADD = 0x61, 0x63, 0x62, 0xDB
_ALU = {"+=": 0x07, "-=": 0x17, "|=": 0x47, "&=": 0x57, "<<=": 0x67, ">>=": 0x77, "=": 0xB7}
_JUMPS = {"==": 0x15, ">": 0x25, ">=": 0x35, "&": 0x45, "!=": 0x55, "<": 0xA5, "<=": 0xB5}
"""Opcodes of conditional jumps that compare unsigned 64-bit numbers, by operator."""
_GOTO, _CALL, _EXIT, _TO_BIG_ENDIAN, _LOAD_64 = 0x05, 0x85, 0x95, 0xDC, 0x18
_OF_REGISTER = 0x08
"""Added to an opcode of arithmetic or a jump whose second operand is a register."""
_PSEUDO_MAP_FD, _PSEUDO_MAP_VALUE = 1, 2
"""Values of the source register in a 64-bit load. They mean that the immediate is the descriptor of a map, and that the
map itself, or the address of an array's only value, is loaded."""

_HELPERS = {
    "map_lookup_elem": 1,
    "map_update_elem": 2,
    "get_current_pid_tgid": 14,
    "get_current_uid_gid": 15,
    "get_current_comm": 16,
    "ktime_get_boot_ns": 125,
    "skb_load_bytes": 26,
    "get_socket_cookie": 46,
    "get_socket_uid": 47,
    "sock_ops_cb_flags_set": 59,
    "skb_cgroup_id": 79,
    "get_current_cgroup_id": 80,
    "get_netns_cookie": 122,
    "ringbuf_output": 130,
    "ringbuf_reserve": 131,
    "ringbuf_submit": 132,
    "ringbuf_discard": 133,
}
_PUNCTUATION = str.maketrans("*()", "   ")


def assemble(text: str, constants: Mapping[str, int], maps: Mapping[str, int]) -> bytes:
    """Return the machine code of a program. `text`: one statement a line, comments after `//`, labels end with a colon.

    `constants`: numbers by the names that stand for them in the text. `maps`: file descriptors by the names in
    `r1 = map NAME` (the map) and `r1 = value NAME` (the address of an array's only value). Raise ValueError for a line
    that is no statement, KeyError for an unknown name.
    """
    return _Program(constants, maps).assemble(text)


class _Program:
    def __init__(self, constants: Mapping[str, int], maps: Mapping[str, int]) -> None:
        self._constants, self._maps = constants, maps
        self._code: list[tuple[int, int, int, int]] = []
        self._labels: dict[str, int] = {}
        self._jumps: list[tuple[int, str]] = []

    def assemble(self, text: str) -> bytes:
        for line in text.splitlines():
            if words := line.partition("//")[0].translate(_PUNCTUATION).split():
                self._statement(words)
        for at, label in self._jumps:
            opcode, registers, _, number = self._code[at]
            self._code[at] = opcode, registers, self._labels[label] - at - 1, number
        return b"".join(_INSTRUCTION.pack(*each) for each in self._code)

    def _statement(self, words: list[str]) -> None:
        match words:
            case [label] if label.endswith(":"):
                self._labels[label[:-1]] = len(self._code)
            case ["exit"]:
                self._add(_EXIT)
            case ["call", name]:
                self._add(_CALL, number=_HELPERS[name])
            case ["goto", label]:
                self._jump(label)
                self._add(_GOTO)
            case ["if", left, comparison, right, "goto", label]:
                self._jump(label)
                self._operation(_JUMPS[comparison], left, right)
            case _:
                self._assignment(words)

    def _assignment(self, words: list[str]) -> None:
        match words:
            case [register, "=", "map" | "value" as kind, name]:
                source = _PSEUDO_MAP_FD if kind == "map" else _PSEUDO_MAP_VALUE
                self._add(_LOAD_64, _register(register), source, number=self._maps[name])
                self._add(0)
            case [register, "=", "be16" | "be32" as order, same] if same == register:
                self._add(_TO_BIG_ENDIAN, _register(register), number=int(order[2:]))
            case [register, "=", "u8" | "u16" | "u32" | "u64" as size, base, *offset]:
                self._add(_LOAD | _SIZES[size], _register(register), _register(base), self._sum(offset))
            case ["lock", "u64", base, *offset, "+=", register]:
                self._add(_LOCKED_ADD, _register(base), _register(register), self._sum(offset))
            case ["u8" | "u16" | "u32" | "u64" as size, base, *offset, "=", value]:
                self._store(size, _register(base), self._sum(offset), value)
            case [register, operator, value, *more] if operator in _ALU:
                self._operation(_ALU[operator], register, str(self._sum(["+", value, *more])) if more else value)
            case _:
                raise ValueError(f"not a statement: {' '.join(words)}")

    def _store(self, size: str, base: int, offset: int, value: str) -> None:
        if _is_register(value):
            self._add(_STORE_REGISTER | _SIZES[size], base, _register(value), offset)
        else:
            self._add(_STORE_NUMBER | _SIZES[size], base, 0, offset, self._number(value))

    def _add(self, opcode: int, destination: int = 0, source: int = 0, offset: int = 0, number: int = 0) -> None:
        self._code.append((opcode, source << 4 | destination, offset, number & 0xFFFFFFFF))

    def _jump(self, label: str) -> None:
        """Record that the next instruction jumps to this label; its offset is set when all labels are known."""
        self._jumps.append((len(self._code), label))

    def _operation(self, opcode: int, left: str, right: str) -> None:
        if _is_register(right):
            self._add(opcode | _OF_REGISTER, _register(left), _register(right))
        else:
            self._add(opcode, _register(left), number=self._number(right))

    def _sum(self, words: list[str]) -> int:
        """Return the value of an expression such as `+ NAME - 8`, given as words. `NAME` is a constant."""
        signs = {"+": 1, "-": -1}
        return sum(signs[sign] * self._number(term) for sign, term in zip(words[::2], words[1::2], strict=True))

    def _number(self, word: str) -> int:
        return self._constants[word] if word.isidentifier() else int(word, 0)


def _is_register(word: str) -> bool:
    return word[0] == "r" and word[1:].isdigit()


def _register(word: str) -> int:
    if not _is_register(word):
        raise ValueError(f"not a register: {word}")
    return int(word[1:])
