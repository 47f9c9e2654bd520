"""Where a packaged program finds the certificates of this computer; PyInstaller runs it before anything else.

The Python inside looks where the system of the build has them. Other systems have them elsewhere, and without them no
TLS server can be trusted. What a person has set stays.
"""

import os
import ssl
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

VARIABLE: Final = "SSL_CERT_FILE"

PLACES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, Red Hat
    "/etc/ssl/ca-bundle.pem",  # openSUSE
    "/etc/ssl/cert.pem",  # the usual name elsewhere
)


def certificates(environment: Mapping[str, str], places: Sequence[str] = PLACES) -> str | None:
    """The file to use, where the built-in place has none; None where nothing has to be set, or nothing is found."""
    known = ssl.get_default_verify_paths()
    if VARIABLE in environment or known.cafile:
        return None
    return next((place for place in places if Path(place).is_file()), None)


if __name__ == "__main__" and sys.platform != "win32":
    found = certificates(os.environ)
    if found is not None:
        os.environ[VARIABLE] = found
