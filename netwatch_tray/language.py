"""The user's language: translations for every process, read without Qt.

Texts are English in the sources. `use` chooses the language, and `translate` returns the translation of a text; if the
language is English nothing is loaded. The catalogue is `assets/translations/netwatch-tray_CODE.ts`, the format that Qt
Linguist edits.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from netwatch_tray import paths
from netwatch_tray.errors import Message

ENGLISH = "en"
code = ENGLISH
"""Code of the language in use."""
_translations: dict[tuple[str, str], str] = {}
_contexts: Collection[str] | None = None


def translate(context: str, text: str) -> str:
    """Return the translation of `text`, or the text itself if there is none. Both arguments must be literals, because
    `./dev translate` collects them."""
    return _translations.get((context, text), text)


def mark(_context: str, text: str) -> str:
    """Return the text unchanged. The call only makes `./dev translate` collect it; `translate` it later in the same
    context."""
    return text


def said(text: Message) -> str:
    """Return the text of a message, translated."""
    if not text.values:
        return translate("Messages", text.template)
    values = {name: said(value) if isinstance(value, Message) else value for name, value in text.values.items()}
    return translate("Messages", text.template).format(**values)


def translation(context: str, text: str) -> str | None:
    """Return the translation, or None if there is none."""
    return _translations.get((context, text))


def use(chosen: str, contexts: Collection[str] | None = None) -> None:
    """Use the language with this code from now on. `auto`: the first of the user's languages that has a translation,
    else English.

    `contexts`: load only the texts of these contexts; None loads all.
    """
    global code, _contexts, _translations  # noqa: PLW0603  one language a process
    wanted = next(filter(_has, system_languages() if chosen == "auto" else [chosen]), ENGLISH)
    if (wanted, contexts) != (code, _contexts):
        code, _contexts = wanted, contexts
        _translations = {} if wanted == ENGLISH else read(_file(wanted), contexts)


def _has(wanted: str) -> bool:
    return wanted == ENGLISH or _file(wanted).exists()


def _file(wanted: str) -> Path:
    return paths.assets() / "translations" / f"netwatch-tray_{wanted}.ts"


def system_languages(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Return the codes of the user's languages, preferred first, by gettext's rules (LANGUAGE, LC_ALL …)."""
    locale = next(filter(None, map(environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    if not locale and sys.platform == "darwin":  # a program that Finder or launchd starts has none
        return _apple_languages()
    if _base(locale) in ("", "C", "POSIX"):
        return []
    return [_base(each) for each in (*environ.get("LANGUAGE", "").split(":"), locale) if each]


def _base(locale: str) -> str:
    """Return the code of a locale's language: `de` for `de_AT.UTF-8@euro` and `de-AT`."""
    for separator in "@._-":
        locale = locale.partition(separator)[0]
    return locale


def _apple_languages() -> list[str]:
    """Return the languages of System Settings › Language & Region, as `defaults read -g AppleLanguages` prints them."""
    import plistlib  # noqa: PLC0415  for macOS alone

    try:
        with (Path.home() / "Library/Preferences/.GlobalPreferences.plist").open("rb") as file:
            return [_base(str(each)) for each in plistlib.load(file).get("AppleLanguages", ())]
    except (OSError, ValueError, AttributeError, TypeError):
        return []


def read(file: Path, contexts: Collection[str] | None = None) -> dict[tuple[str, str], str]:
    """Return the finished translations in a .ts file, by context and English text."""
    from xml.parsers import expat  # noqa: PLC0415  an English process does without

    found: dict[tuple[str, str], str] = {}
    now = {"name": "", "source": "", "translation": ""}
    inside = ""

    def start(tag: str, _attributes: object) -> None:
        nonlocal inside
        inside = tag
        if tag in now:
            now[tag] = ""

    def text(part: str) -> None:
        if inside in now:
            now[inside] += part

    def end(tag: str) -> None:
        nonlocal inside
        inside = ""
        if tag == "message" and now["translation"] and (contexts is None or now["name"] in contexts):
            found[now["name"], now["source"]] = now["translation"]

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.CharacterDataHandler, parser.EndElementHandler = start, text, end
    with file.open("rb") as opened:
        parser.ParseFile(opened)
    return found
