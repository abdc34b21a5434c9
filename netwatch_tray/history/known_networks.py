"""The networks in which usage was recorded, for the queries of `reader`."""

from __future__ import annotations

from netwatch_tray.history.codes import network_kind
from netwatch_tray.history.results import NOTHING, NetworkUse
from netwatch_tray.history.rows import Rows
from netwatch_tray.settings import Counts

_TYPES = (int, str, int, int, (int, type(None)))


def read(rows: Rows, *, with_names: bool) -> dict[int, NetworkUse]:
    """Return all networks by ID, with usage 0. Raise HistoryError.

    `with_names`: also read their names. Networks of the same name then share one object, so that they are summed.
    """
    names: dict[int, str] = {}
    if with_names:
        names = dict(rows.typed("names of networks", (int, str), "SELECT network, name FROM network_name"))
    query = "SELECT id, key, kind, row_number() OVER (PARTITION BY kind ORDER BY id), metered FROM network ORDER BY id"
    of_name: dict[str, NetworkUse] = {}
    found: dict[int, NetworkUse] = {}
    for place, key, kind, number, metered in rows.typed("networks", _TYPES, query):
        is_metered = None if metered is None else bool(metered)
        network = NetworkUse(key, network_kind(kind), NOTHING, number, is_metered, names.get(place))
        found[place] = network if network.name is None else of_name.setdefault(network.name, network)
    return found


def covered(rows: Rows, counts: Counts, network: str | None, *, with_names: bool) -> set[int] | None:
    """Return the IDs of the networks to include in a query, or `None` for all. Raise HistoryError.

    `counts`: with `metered`, only metered networks. `network`: key of the only network to include; None: not limited.
    `with_names`: include other networks of the same name as well.
    """
    if network is not None:
        return {place for place, each in read(rows, with_names=with_names).items() if each.key == network}
    if counts != "metered":
        return None
    return {place for (place,) in rows.query("SELECT id FROM network WHERE metered = 1")}
