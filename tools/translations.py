"""Updates the translations to the texts of the program: `./dev translate`.

Read every `self.tr("…")`, `translate("Context", "…")` and `mark("Context", "…")` of the program, the template of every
`message("…", …)` and of every error for the user (context `Messages`), and the help texts of argparse (`Terminal`).
Bring `assets/translations/*.ts` up to date, which the program reads as they are. Qt's own lupdate does not read
f-strings. To begin a language, make an empty file `assets/translations/netwatch-tray_LANGUAGE.ts`.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, NoReturn
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "netwatch_tray"
TRANSLATIONS = ROOT / "assets" / "translations"

_BY_CONTEXT = ("translate", "mark", "QT_TRANSLATE_NOOP")
MARKED = ("Argparse", "EventWords", "Facts", "Filter", "Messages", "Terminal", "Tray")
"""Contexts of texts that are marked in one place and translated in another."""
_FIELD = re.compile(r"\{(\w+)")
_WORD = re.compile(r"[A-Za-z]{2}")


class Message(NamedTuple):
    """A text of the program. `context`: the class whose `tr` translates it, or the context that
    `translate` is given."""

    context: str
    source: str


def messages() -> list[Message]:
    """Return all texts, in the order of files and lines."""
    found: dict[Message, None] = {}
    for file in sorted(SOURCES.rglob("*.py")):
        found |= dict.fromkeys(_of_class(ast.parse(file.read_text("utf-8")), "", file))
    return sorted(found, key=lambda message: message.context)


def _of_class(tree: ast.AST, name: str, file: Path) -> Iterator[Message]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Call):
            yield from _of_call(node, name, file)
        yield from _of_class(node, node.name if isinstance(node, ast.ClassDef) else name, file)


def _of_call(call: ast.Call, class_name: str, file: Path) -> Iterator[Message]:
    function = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if function == "message" or (function.endswith("Error") and function in _reported_errors()):
        yield from _of_message(call, file)
        return
    if function in ("add_argument", "add_parser", "Parser"):
        yield from _of_help(call, file)
        return
    texts = [each.value if isinstance(each, ast.Constant) else None for each in call.args]
    if function == "tr" and texts:
        texts.insert(0, class_name)
    elif function not in _BY_CONTEXT:
        return
    match texts:
        case [str(context), str(source)]:
            yield Message(context, source)
        case [str(context), None] if context not in MARKED:
            _stop(file, call, "a text to translate is a plain string")


def _of_message(call: ast.Call, file: Path) -> Iterator[Message]:
    """Yield the template of a message or of an error; see netwatch_tray.errors.message."""
    match call.args:
        case [ast.Constant(value=str(template))]:
            given = {keyword.arg for keyword in call.keywords}
            if given != set(_FIELD.findall(template)):
                _stop(file, call, "the template has other places than there are values")
            if _WORD.search(re.sub(r"\{[^}]*\}", "", template)):
                yield Message("Messages", template)
        case [ast.JoinedStr() | ast.BinOp()]:
            _stop(file, call, "a message is a template and its values")


def _of_help(call: ast.Call, file: Path) -> Iterator[Message]:
    """Yield the help texts of argparse, which `_HelpFormatter` translates."""
    for keyword in call.keywords:
        if keyword.arg in ("help", "description"):
            if isinstance(keyword.value, ast.Constant):
                yield Message("Terminal", str(keyword.value.value))
            elif isinstance(keyword.value, ast.JoinedStr):
                _stop(file, call, "a help text is a plain string")


@lru_cache(maxsize=1)
def _reported_errors() -> frozenset[str]:
    """Return the names of the errors whose text users read. Those of malformed data only have English details."""
    found = {"NetWatchError"}
    classes = [
        node
        for file in sorted(SOURCES.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    for _ in range(3):  # depth of the hierarchy
        found |= {each.name for each in classes if any(getattr(base, "id", "") in found for base in each.bases)}
    return frozenset(found - {"ParseError", "CorruptRowError", "FilterError"})


def _stop(file: Path, call: ast.Call, why: str) -> NoReturn:
    sys.exit(f"{file.relative_to(ROOT)}:{call.lineno}: {why}")


def read(file: Path) -> dict[Message, str]:
    """Return the translations in a .ts file."""
    text = file.read_text("utf-8")
    found = {}
    for context in ET.fromstring(text).iter("context") if text.strip() else ():  # noqa: S314  our own file
        for message in context.iter("message"):
            translation = message.findtext("translation") or ""
            if translation:
                found[Message(context.findtext("name") or "", message.findtext("source") or "")] = translation
    return found


def write(file: Path, wanted: list[Message]) -> int:
    """Update the file: add new texts as unfinished and remove texts that are gone. Return how many are unfinished."""
    known = read(file)
    root = ET.Element("TS", version="2.1", language=file.stem.partition("_")[2], sourcelanguage="en")
    contexts: dict[str, ET.Element] = {}
    for message in wanted:
        if message.context not in contexts:
            contexts[message.context] = ET.SubElement(root, "context")
            ET.SubElement(contexts[message.context], "name").text = message.context
        element = ET.SubElement(contexts[message.context], "message")
        ET.SubElement(element, "source").text = message.source
        translation = ET.SubElement(element, "translation")
        translation.text = known.get(message)
        if not translation.text:
            translation.set("type", "unfinished")
    ET.indent(root, "  ")
    text = ET.tostring(root, encoding="unicode", short_empty_elements=False)
    file.write_text(f'<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE TS>\n{text}\n', "utf-8")
    return sum(message not in known for message in wanted)


def main() -> None:
    wanted = messages()
    for file in sorted(TRANSLATIONS.glob("*.ts")):
        unfinished = write(file, wanted)
        print(f"{file.relative_to(ROOT)}: {len(wanted)} texts, {unfinished} to translate")


if __name__ == "__main__":
    main()
