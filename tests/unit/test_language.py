from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from netwatch_tray import language, paths, wording
from netwatch_tray.model import GapReason, InterfaceTick, Why, WhyCode

_PLACE = re.compile(r"\{\w*\}")
_SAME = {"April", "August", "September", "November", "Diagnose…", "Offline: {reason}", "offline", "ok", "VLAN"}
_SAME |= {"Server [{address}]: "}


@pytest.fixture(params=["en", "de"])
def chosen(request: pytest.FixtureRequest) -> Iterator[str]:
    language.use(request.param)
    yield request.param
    language.use("en")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, []),
        ({"LANG": "C.UTF-8", "LANGUAGE": "de"}, []),
        ({"LANG": "de_AT.UTF-8"}, ["de"]),
        ({"LANG": "en_GB.UTF-8", "LC_MESSAGES": "de_DE@euro"}, ["de"]),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "fr_FR.UTF-8"}, ["fr"]),
        ({"LANG": "fr_FR.UTF-8", "LANGUAGE": "sv_SE:de:en"}, ["sv", "de", "en", "fr"]),
    ],
)
def test_languages_follow_the_environment(
    environ: dict[str, str], expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    assert language.system_languages(environ) == expected


@pytest.mark.parametrize(
    ("wanted", "system", "expected"),
    [
        ("de", ["en"], "de"),
        ("en", ["de"], "en"),
        ("auto", ["de"], "de"),
        ("auto", ["fr"], "en"),
        ("auto", ["fr", "de", "en"], "de"),
        ("auto", ["en", "de"], "en"),
        ("auto", [], "en"),
    ],
)
def test_the_setting_wins_over_the_system(
    wanted: str, system: list[str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(language, "system_languages", lambda: system)
    language.use(wanted)
    try:
        assert language.code == expected
    finally:
        language.use("en")


def test_texts_with_entities_and_line_breaks_are_read(tmp_path: Path) -> None:
    file = tmp_path / "netwatch-tray_eo.ts"
    file.write_text(
        "<TS><context><name>A</name><message><source>x &amp; &lt;y&gt;\nz</source>"
        "<translation>ĉ &amp; &lt;d&gt;\ne</translation></message>"
        '<message><source>new</source><translation type="unfinished"></translation></message></context>'
        "<context><name>B</name><message><source>s</source><translation>t</translation></message></context></TS>"
    )
    assert language.read(file) == {("A", "x & <y>\nz"): "ĉ & <d>\ne", ("B", "s"): "t"}
    assert language.read(file, {"B"}) == {("B", "s"): "t"}


def interface(name: str, why: Why, *, is_uplink: bool) -> InterfaceTick:
    zeros: dict[str, Any] = dict.fromkeys(
        "rx_bytes tx_bytes rx_packets tx_packets rx_errors tx_errors rx_drops tx_drops".split(), 0
    )
    return InterfaceTick(
        index=1, name=name, is_up=True, is_uplink=is_uplink, why=why, rx_rate=None, tx_rate=None, **zeros
    )


def reasons() -> list[str]:
    """Return the words of every code in the language in use."""
    found = [wording.gap(reason) for reason in GapReason]
    for code, names, is_uplink in product(WhyCode, (("wlan0",), ("wlan0", "eth0")), (True, False)):
        found += [wording.why(interface("wg0", Why(code, names), is_uplink=is_uplink))]
    return found


@pytest.mark.usefixtures("chosen")
def test_every_code_has_words_without_placeholders() -> None:
    for text in reasons():
        assert text.strip()
        assert not _PLACE.search(text), text


def test_no_code_has_the_same_words_in_both_languages() -> None:
    english = reasons()
    language.use("de")
    try:
        german = reasons()
    finally:
        language.use("en")
    assert [text for text, other in zip(english, german, strict=True) if text == other] == []


def test_no_text_of_tray_terminal_and_notifications_is_the_same_in_german() -> None:
    contexts = {"Argparse", "Facts", "Messages", "Terminal", "Tray"}
    german = language.read(paths.assets() / "translations" / "netwatch-tray_de.ts", contexts)
    assert {context for context, _text in german} == contexts
    assert {text for (_context, text), translation in german.items() if text == translation} == _SAME
