"""The person's language, where there is a translation into it; else English, which the texts are written in."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QTranslator

from netwatch_tray import paths

_WRITTEN_IN = "en"


class _Translation(QTranslator):
    """Answers from a .ts file as translators edit it: read at the start, instead of compiled for every package."""

    def __init__(self, file: Path, parent: QCoreApplication) -> None:
        from xml.etree import ElementTree as ET  # noqa: PLC0415  an English window does without, which saves 0.8 MB

        super().__init__(parent)
        self._translated: dict[tuple[str, str], str] = {}
        for context in ET.parse(file).iter("context"):  # noqa: S314  it came with the program
            name = context.findtext("name") or ""
            for message in context.iter("message"):
                if translation := message.findtext("translation"):
                    self._translated[name, message.findtext("source") or ""] = translation

    def isEmpty(self) -> bool:
        return False

    # None is Qt's null string: "ask the next one", which an empty text would not say.
    def translate(  # type: ignore[override]
        self, context: str, source: str, _disambiguation: str | None = None, _n: int = -1
    ) -> str | None:
        return self._translated.get((context, source))


def follow_system(application: QCoreApplication, locale: QLocale | None = None) -> None:
    """Takes the first language of the system's list that the window speaks. To be called before the first text.

    Qt's own words (menus of fields, the file dialog) follow as far as this Qt brings them along.
    """
    for language in (locale or QLocale.system()).uiLanguages():
        code = language.replace("-", "_")
        short = code.partition("_")[0]
        if short == _WRITTEN_IN:
            return
        files = [paths.assets() / "translations" / f"netwatch-tray_{each}.ts" for each in (code, short)]
        file = next((each for each in files if each.exists()), None)
        if file is None:
            continue
        qts = QTranslator(application)
        if qts.load(f"qtbase_{code}", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
            application.installTranslator(qts)
        application.installTranslator(_Translation(file, application))
        return
