from __future__ import annotations

from collections.abc import Iterator

import pytest

from netwatch_tray import language, wording
from netwatch_tray.engine import apps


@pytest.fixture
def german() -> Iterator[None]:
    language.use("de")
    yield
    language.use("en")


@pytest.mark.usefixtures("german")
def test_names_given_to_unknown_programs_are_translated() -> None:
    names = [apps.UNSEEN.name, apps.SEARCHING.name, apps.OTHERS.name, apps.app_of_user("mallory").name]
    assert [wording.app_name(name) for name in names] == [
        "Beendet, bevor sie gesehen wurden", "Wird gesucht", "Andere Apps", "Benutzer mallory",
    ]  # fmt: skip


@pytest.mark.usefixtures("german")
@pytest.mark.parametrize("name", ["firefox", "user", "useradd", ""])
def test_names_of_programs_stay(name: str) -> None:
    assert wording.app_name(name) == name
