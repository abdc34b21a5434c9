"""The kernel's table of PPPoE sessions, /proc/net/pppoe (drivers/net/ppp/pppoe.c, pppoe_seq_show)."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from netwatch_tray.kinds import InterfaceKind
from netwatch_tray.model import Interface
from netwatch_tray.text import decoded

TABLE = Path("/proc/net/pppoe")


def parse_pppoe(content: bytes) -> list[str]:
    """Return the network card of each PPPoE session, from the last of the three columns (ID, address of the peer,
    card).

    The first line has the headings. Malformed lines are skipped.
    """
    rows = [line.split() for line in content.split(b"\n")[1:]]
    return [decoded(row[2]) for row in rows if len(row) == 3]


def card_of_pppoe(interfaces: Collection[Interface]) -> int | None:
    """Return the interface index of the network card that this machine's PPPoE connection runs over; None if it has
    none or the card is uncertain. `interfaces`: all interfaces of the machine.

    The table names the card of each session, but not its PPP interface. So the card is certain only if there are as
    many sessions as PPP interfaces, all on one card.
    """
    try:
        cards = parse_pppoe(TABLE.read_bytes())
    except OSError:
        return None
    if len(set(cards)) != 1 or len(cards) != sum(each.kind == InterfaceKind.PPP for each in interfaces):
        return None
    return next((each.index for each in interfaces if each.name == cards[0]), None)
