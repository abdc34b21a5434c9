"""Sets the language of the window: its own texts come from `netwatch_tray.language`, Qt's texts from Qt's
translations."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QTranslator

from netwatch_tray import language


class _Translation(QTranslator):
    """Makes Qt's `tr` return translations of the catalogue that all processes of the program share."""

    def isEmpty(self) -> bool:
        return False

    # None is Qt's null string, for which Qt asks the next translator; an empty text would be used as the translation.
    def translate(  # type: ignore[override]
        self, context: str, source: str, _disambiguation: str | None = None, _n: int = -1
    ) -> str | None:
        return language.translation(context, source)


def install(application: QCoreApplication, chosen: str) -> None:
    """Set the language of the program and, if Qt has translations, of Qt's own texts (menus of text fields, file
    dialog). Call this before any widget is created.

    `chosen`: the code of a language, or `auto` for that of the system.
    """
    language.use(chosen)
    if language.code == language.ENGLISH:
        return
    qts = QTranslator(application)
    if qts.load(f"qtbase_{language.code}", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
        application.installTranslator(qts)
    application.installTranslator(_Translation(application))
