"""A second try is never a secret, and never a third."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from desktop import first_failures, tried_twice


@pytest.fixture(autouse=True)
def _not_told() -> Iterator[None]:
    before = len(first_failures)
    yield
    del first_failures[before:]


@pytest.mark.parametrize("good_from", [1, 2, 3])
def test_it_is_tried_twice_and_the_first_failure_is_kept(good_from: int) -> None:
    tries = []
    before = len(first_failures)

    @tried_twice
    def case() -> None:
        tries.append(1)
        assert len(tries) >= good_from, "the icon is not there"

    if good_from > 2:
        with pytest.raises(AssertionError):
            case()
    else:
        case()
    assert len(tries) == min(good_from, 2)
    told = first_failures[before:]
    assert len(told) == (good_from > 1)
    if told:
        assert "the icon is not there" in told[0][1]
        assert "load" in told[0][1]
