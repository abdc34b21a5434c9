from __future__ import annotations

from collections.abc import Iterator

import pytest

from netwatch_tray import language, wording
from netwatch_tray.engine import apps
from netwatch_tray.model import Connection


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
def test_names_of_programs_are_shown_unchanged(name: str) -> None:
    assert wording.app_name(name) == name


DURATIONS = [
    (0.0, "1 s"),
    (40.4, "40 s"),
    (119.4, "119 s"),
    (119.6, "2 min"),
    (130, "2 min 10 s"),
    (7199.6, "2 h"),
    (7800, "2 h 10 min"),
    (86_400, "24 h"),
    (3 * 86_400, "3 d"),
    (3 * 86_400 + 7200, "3 d 2 h"),
]


@pytest.mark.parametrize(("seconds", "text"), DURATIONS)
def test_a_duration_has_its_two_largest_units(seconds: float, text: str) -> None:
    assert wording.duration(seconds) == text


@pytest.mark.usefixtures("german")
@pytest.mark.parametrize(("seconds", "text"), DURATIONS)
def test_the_unit_of_days_is_translated(seconds: float, text: str) -> None:
    assert wording.duration(seconds) == text.replace("d", "T")


@pytest.mark.usefixtures("german")
def test_owner_of_a_connection_is_its_app_else_process_unit_or_user() -> None:
    def owner(**known: str) -> str | None:
        return wording.owner(
            Connection(
                key="1",
                protocol="TCP",
                local_address="192.0.2.1",
                local_port=1,
                remote_address=None,
                remote_port=None,
                state=None,
                pid=None,
                process=known.get("process"),
                app_name=known.get("app_name"),
                unit=known.get("unit"),
                user=known.get("user"),
            )
        )

    assert owner(app_name="talk.py", process="python3", unit="a.scope", user="ann") == "talk.py"
    assert owner(process="python3", unit="a.scope", user="ann") == "python3"
    assert owner(unit="a.service", user="ann") == "a.service"
    assert owner(user="ann") == "Benutzer ann"
    assert owner() is None
