"""The registrable domain of a name: one label below a public suffix such as `co.uk`.

Importing this module loads the list of public suffixes, which takes 40 ms and 2 MB.
"""

from __future__ import annotations

import functools

from publicsuffixlist import PublicSuffixList

_NOT_REGISTERED = frozenset({"arpa", "local"})
"""Top-level labels below which nobody registers names: those of reverse lookups, and of the local network (RFC
6762)."""
_SUFFIXES = PublicSuffixList()


@functools.lru_cache(maxsize=256)  # programs request the same names again
def registrable(name: str) -> str | None:
    """Return the registrable domain of a name in lower case, or `None` if it has none."""
    if name.rpartition(".")[2] in _NOT_REGISTERED:
        return None
    return _SUFFIXES.privatesuffix(name)
