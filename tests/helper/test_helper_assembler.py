"""Instructions against the encoding in the kernel's Documentation/bpf/standardization/instruction-set.rst."""

from __future__ import annotations

import pytest

from netwatch_tray.helper.assembler import assemble


def code(text: str) -> list[str]:
    raw = assemble(text, {"FOUR": 4, "EIGHT": 8}, {"flows": 21})
    return [raw[at : at + 8].hex() for at in range(0, len(raw), 8)]


@pytest.mark.parametrize(
    ("statement", "encoded"),
    [
        ("r1 = r6", "bf61000000000000"),
        ("r1 = -1", "b7010000ffffffff"),
        ("r2 += 8", "0702000008000000"),
        ("r2 += EIGHT + FOUR - 1", "070200000b000000"),
        ("r9 -= r7", "1f79000000000000"),
        ("r7 &= 15", "570700000f000000"),
        ("r7 <<= 2", "6707000002000000"),
        ("r4 >>= r1", "7f14000000000000"),
        ("r5 = be16 r5", "dc05000010000000"),
        ("r2 = be32 r2", "dc02000020000000"),
        ("r8 = *(u8 *)(r10 - 9)", "71a8f7ff00000000"),
        ("r8 = *(u16 *)(r10 - EIGHT + FOUR)", "69a8fcff00000000"),
        ("r8 = *(u32 *)(r6 + 0)", "6168000000000000"),
        ("r8 = *(u64 *)(r6 + EIGHT)", "7968080000000000"),
        ("*(u64 *)(r10 - 8) = 0", "7a0af8ff00000000"),
        ("*(u32 *)(r0 + FOUR) = r1", "6310040000000000"),
        ("*(u8 *)(r0 + 1) = FOUR", "7200010004000000"),
        ("lock *(u64 *)(r0 + EIGHT) += r9", "db90080000000000"),
        ("call skb_load_bytes", "850000001a000000"),
        ("exit  // permits", "9500000000000000"),
    ],
)
def test_single_instruction_is_assembled(statement: str, encoded: str) -> None:
    assert code(statement) == [encoded]


def test_maps_take_two_instructions() -> None:
    assert code("r1 = map flows") == ["1811000015000000", "0000000000000000"]
    assert code("r1 = value flows") == ["1821000015000000", "0000000000000000"]


def test_jumps_go_to_labels() -> None:
    assert code("""
    again:
        if r1 == r2 goto out
        if r3 != 0x86dd goto out
        goto again
    out:
        exit
    """) == ["1d21020000000000", "55030100dd860000", "0500fdff00000000", "9500000000000000"]


@pytest.mark.parametrize("text", ["r1", "r1 = = r2", "x1 = 5", "call nothing", "goto nowhere", "r1 = map none",
                                  "r1 = NAMELESS", "*(u8 *)(r1) + 2 = 3 4", "if r1 ~ r2 goto out"])  # fmt: skip
def test_malformed_programs_are_refused(text: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        code(text)
