"""Imports of other packages without the modules that they load and this program does not need."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


@contextmanager
def without(name: str) -> Iterator[None]:
    """Context manager: let imports of this module fail, as if it were not installed. If it is loaded already, they get
    it."""
    with _instead_of(name, None):
        yield


@contextmanager
def reduced(name: str, **members: Any) -> Iterator[None]:
    """Context manager: let imports of this module return one that has these members only. If it is loaded already, they
    get it."""
    module = ModuleType(name)
    vars(module).update(members)
    with _instead_of(name, module):
        yield


@contextmanager
def _instead_of(name: str, module: ModuleType | None) -> Iterator[None]:
    if name in sys.modules:
        yield
        return
    sys.modules[name] = module  # type: ignore[assignment]  # for None, the import system raises ModuleNotFoundError
    try:
        yield
    finally:
        del sys.modules[name]
