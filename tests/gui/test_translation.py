from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QTranslator
from PySide6.QtWidgets import QApplication
from windows import Open, interface, tick, uplink

from netwatch_tray.feed.protocol import TickMessage
from netwatch_tray.model import Why, WhyCode
from netwatch_tray.window.shell import language
from netwatch_tray.window.widgets.text import Text

_ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.append(str(_ROOT / "tools"))

import translations  # noqa: E402  a tool of the checkout, no package

_FILES = sorted(translations.TRANSLATIONS.glob("*.ts"))
_PLACES = re.compile(r"\{[^}]*\}")


@pytest.fixture
def german(application: QApplication) -> Iterator[None]:
    before = application.findChildren(QTranslator)
    language.install(application, "de")
    added = [each for each in application.findChildren(QTranslator) if each not in before]
    assert added
    yield
    for each in added:
        application.removeTranslator(each)
        each.deleteLater()
    language.install(application, "en")


@pytest.mark.parametrize("file", _FILES, ids=lambda file: file.stem)
def test_every_text_is_translated_with_its_places_for_values(file: Path) -> None:
    translated, wanted = translations.read(file), translations.messages()
    assert len(wanted) > 400
    assert set(translated) == set(wanted), "run ./dev translate, then translate what is unfinished"
    for message, translation in translated.items():
        assert sorted(_PLACES.findall(message.source)) == sorted(_PLACES.findall(translation)), message
        for edge in (str.lstrip, str.rstrip):
            assert (edge(message.source) != message.source) == (edge(translation) != translation), message
        assert ("\n" in message.source) == ("\n" in translation), message


def test_tool_keeps_translations_and_marks_missing_ones(tmp_path: Path) -> None:
    file = tmp_path / "netwatch-tray_eo.ts"
    file.touch()
    first, second, third = (translations.Message("Page", text) for text in ("One", "<Two> & {three}", "Three"))
    assert translations.write(file, [first, second]) == 2
    file.write_text(
        file.read_text().replace('<translation type="unfinished"></translation>', "<translation>Unu</translation>", 1)
    )
    assert translations.read(file) == {first: "Unu"}
    assert translations.write(file, [first, third]) == 1
    assert translations.read(file) == {first: "Unu"}
    assert "Two" not in file.read_text()
    done = subprocess.run([sys.executable, "-c", "import translations"], cwd=_ROOT / "tools", check=False)
    assert done.returncode == 0


def test_text_that_is_not_a_plain_string_stops_the_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translations, "ROOT", tmp_path)
    monkeypatch.setattr(translations, "SOURCES", tmp_path)
    source = tmp_path / "page.py"
    source.write_text(
        'class Page:\n    def say(self):\n        return f"{self.tr(\'in it\')}" + self.tr("a " "whole")\n'
    )
    assert [tuple(each) for each in translations.messages()] == [("Page", "in it"), ("Page", "a whole")]
    source.write_text('class Page:\n    def say(self, word):\n        return self.tr(f"not {word}")\n')
    with pytest.raises(SystemExit, match=r"page\.py:3"):
        translations.messages()


def test_an_english_window_has_no_translator(application: QApplication) -> None:
    before = application.findChildren(QTranslator)
    language.install(application, "fr")
    assert application.findChildren(QTranslator) == before


@pytest.mark.usefixtures("german")
def test_window_texts_are_german(open_window: Open) -> None:
    opened = open_window()
    opened.say(
        TickMessage(
            tick(
                uplink(2, "eth0", 1e6, 1e3),
                interface(3, "wg0", 1.0, 1.0, why=Why(WhyCode.COUNTED_BELOW, ("eth0", "eth1"))),
            )
        )
    )
    page = opened.window.interfaces
    said = " | ".join(each.text() for each in opened.window.findChildren(Text))
    assert "Nur eth0. 1 Schnittstelle zählt nicht." in said
    assert "Live, alle 1 s   1 Punkt = 1 s" in said
    model = page.table.model()
    told = [str(model.index(row, len(model.columns) - 1).data()) for row in range(2)]
    assert "Nicht gezählt: der Verkehr von wg0 läuft schon über eth0 und eth1" in told
    assert page.range_chart.chart.accessibleName() == "Gesamtrate, letzte Minute"


@pytest.mark.usefixtures("german")
def test_the_settings_are_german_where_the_tray_opens_them(open_window: Open) -> None:
    opened = open_window()
    opened.window.turn_to_settings()
    page = opened.window.settings
    assert page.isVisible()
    said = {each.text() for each in page.findChildren(Text)}
    assert {"Allgemein", "Infobereich"} <= said
