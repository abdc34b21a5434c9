"""The registrable domain of a name: what somebody registered, one label below a public suffix such as `co.uk`."""

from __future__ import annotations

from publicsuffixlist import PublicSuffixList

_NOT_REGISTERED = frozenset({"arpa", "local"})
"""Last labels of names that nobody registers: reverse lookups, which are long, and the local network's (RFC 6762)."""


class Domains:
    """Loads the list of public suffixes, a few megabytes; so only where a helper runs."""

    def __init__(self) -> None:
        self._suffixes = PublicSuffixList()

    def of(self, name: str) -> str | None:
        """Return the registrable domain of a name in lower case; `None`: it has none."""
        if name.rpartition(".")[2] in _NOT_REGISTERED:
            return None
        return self._suffixes.privatesuffix(name)
