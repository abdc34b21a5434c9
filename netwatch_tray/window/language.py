"""The person's language, where there is a translation into it; else English, which the texts are written in."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, QTranslator

from netwatch_tray.window import assets

_WRITTEN_IN = "en"


def follow_system(application: QCoreApplication, locale: QLocale | None = None) -> None:
    """Takes the first language of the system's list that the window speaks. To be called before the first text.

    Qt's own words (menus of fields, the file dialog) follow as far as this Qt brings them along.
    """
    places = {
        "netwatch-tray": str(assets.directory() / "translations"),
        "qtbase": QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath),
    }
    for language in (locale or QLocale.system()).uiLanguages():
        code = language.replace("-", "_")
        if code.partition("_")[0] == _WRITTEN_IN:
            return
        ours, qts = QTranslator(), QTranslator()
        if not ours.load(f"netwatch-tray_{code}", places["netwatch-tray"]):
            continue
        translators = [qts, ours] if qts.load(f"qtbase_{code}", places["qtbase"]) else [ours]
        for translator in translators:
            translator.setParent(application)
            application.installTranslator(translator)
        return
