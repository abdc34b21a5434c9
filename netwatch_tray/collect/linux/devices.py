"""Facts about the device below an interface, from /sys/class/net (kernel:
Documentation/ABI/testing/sysfs-class-net)."""

from __future__ import annotations

from pathlib import Path

_CLAIMED_SPEEDS = frozenset(
    "virtio_net vmxnet3 hv_netvsc vif".split()  # a host's choice; traffic between its machines is not bound by it
    + "cdc_ether cdc_ncm cdc_mbim rndis_host".split()  # what a gadget or modem announced
)
"""Drivers of virtual devices that report a speed although there is no wire."""


def is_physical(device: Path) -> bool:
    """Return whether an interface has a driver that is none of `_CLAIMED_SPEEDS`. Then a speed that it reports was
    negotiated on a wire; wireless cards report none. `device`: /sys/class/net/NAME.

    Most virtual interfaces have no driver. The speeds that they report, and those of `_CLAIMED_SPEEDS`, limit nothing.
    """
    try:
        driver = (device / "device" / "driver").readlink()
    except OSError:
        return False
    return driver.name not in _CLAIMED_SPEEDS


def number_in(file: Path) -> int | None:
    """Return the number in a file of sysfs, or None if it cannot be read: drivers fail with EINVAL for the speed of
    wireless links, and of links that are down."""
    try:
        return int(file.read_text(), 0)
    except (OSError, ValueError):
        return None
