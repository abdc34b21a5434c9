"""What runs beside servers of others is left to `./dev test fleet`, which builds them."""

from __future__ import annotations

import needs
import pytest


@pytest.fixture(autouse=True)
def _fleet() -> None:
    needs.fleet()
