"""The number of the system call bpf(2), which differs between machines."""

from __future__ import annotations

import pytest

from netwatch_tray.helper import bpf


@pytest.mark.parametrize(
    ("machine", "pointer_size", "number"),
    [
        ("x86_64", 8, 321), ("aarch64", 8, 280), ("riscv64", 8, 280), ("ppc64le", 8, 361), ("s390x", 8, 351),
        ("i686", 4, 357), ("armv7l", 4, 386),
    ],
)  # fmt: skip
def test_number_of_bpf_by_machine(machine: str, pointer_size: int, number: int) -> None:
    assert bpf.system_call(machine, pointer_size) == number


@pytest.mark.parametrize(("machine", "number"), [("x86_64", 357), ("aarch64", 386), ("armv8l", 386)])
def test_32_bit_process_on_a_64_bit_kernel_has_numbers_of_its_own(machine: str, number: int) -> None:
    """On aarch64, 280 would be waitid(2) for such a process."""
    assert bpf.system_call(machine, 4) == number


def test_unknown_machine_raises_os_error() -> None:
    with pytest.raises(OSError, match="no known number on vax"):
        bpf.system_call("vax")
