"""Entry point of the frozen program: corrects what PyInstaller changes in the process, then runs the program."""

import os
import sys
from pathlib import Path

_CERTIFICATES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # macOS, Alpine
)
"""Files with the certificates of the authorities that a system trusts, one of which is used. By default, the OpenSSL in
the frozen program looks where the building system has them."""


def _tidy_environment() -> None:
    # The loader has read it. Programs of the system that are started from here must not get our libraries.
    before = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
    os.environ.pop("LD_LIBRARY_PATH", None)
    if before:
        os.environ["LD_LIBRARY_PATH"] = before
    # Another process of this program is a program of its own, with libraries to find.
    os.environ["PYINSTALLER_RESET_ENVIRONMENT"] = "1"
    if "SSL_CERT_FILE" not in os.environ:
        found = next((file for file in _CERTIFICATES if Path(file).exists()), None)
        if found:
            os.environ["SSL_CERT_FILE"] = found


_tidy_environment()

if sys.argv[1:2] == ["--helper-service"]:  # helper_setup.FROZEN_SERVICE; nothing else of the program is loaded
    from netwatch_tray.helper import service

    sys.exit(service.main(sys.argv[2:]))

from netwatch_tray.cli import main  # noqa: E402  after the environment is what it should be

sys.exit(main())
