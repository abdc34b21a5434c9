"""Detects byte counters that do not change although packets are counted.

On some Macs the kernel counts the packets of an interface but not its bytes (aristocratos/btop#1850); a rate of 0 is
wrong there. Both dumps copy the same counters (XNU, if_data_internal_to_if_data64), so the other dump does not help,
and the fault is only reported. nettop counts by connection and is not affected.
"""

from __future__ import annotations

import logging

from netwatch_tray.collect.interface_source import InterfaceSource
from netwatch_tray.errors import message
from netwatch_tray.model import Sample

_log = logging.getLogger(__name__)

_PATIENCE = 20.0
"""Seconds in which packets but no bytes are counted, until the counters are reported as faulty."""
_ENOUGH_PACKETS = 64
"""Least number of packets counted in _PATIENCE seconds for a fault. Fewer may have less than the 1024 bytes to which
NET_RT_IFLIST2 rounds down."""
_DIRECTIONS = (("received", 0, 2), ("sent", 1, 3))
"""For each direction: its name, and the indexes of its packets and its bytes in a CounterRow."""


class LivenessGuard:
    """Wraps another source of interfaces. It passes on the samples, and sets `note` when an interface counts packets
    but no bytes."""

    def __init__(self, source: InterfaceSource) -> None:
        self.name = source.name
        self.note = source.note
        """For `doctor`: which counters of this machine are faulty; None if none was found."""
        self._source = source
        self._before: Sample | None = None
        self._has_settled = False

    def sample(self) -> Sample:
        """Return the next sample of the wrapped source, and check it unless a fault was found before. Raise
        CollectError if the source does."""
        sample = self._source.sample()
        if self._has_settled:
            return sample
        if self._before is None:
            self._before = sample
        elif sample.boottime - self._before.boottime >= _PATIENCE:
            before, self._before = self._before, sample
            if frozen := _frozen(before, sample):
                self._settle(frozen)
        return sample

    def close(self) -> None:
        self._source.close()

    def _settle(self, frozen: list[str]) -> None:
        self._has_settled, self._before = True, None
        self.note = message(
            "macOS counts packets but no bytes on {names}, in every list of interfaces: the rates there are too low. "
            "The bytes of each connection, on the Connections page, are not affected.",
            names=", ".join(frozen),
        )
        _log.warning("%s", self.note)


def _frozen(before: Sample, after: Sample) -> list[str]:
    """Return, in words, the interface and direction of each byte counter that did not change between two samples
    although enough packets were counted."""
    found = []
    for index, counters in after.counters.items():
        interface = after.interfaces.get(index)
        earlier = before.counters.get(index)
        if interface is None or earlier is None or interface.is_loopback:
            continue
        for direction, packets, octets in _DIRECTIONS:
            if counters[packets] - earlier[packets] >= _ENOUGH_PACKETS and counters[octets] == earlier[octets]:
                found.append(f"{interface.name} ({direction})")
    return sorted(found)
