"""One-time passwords (RFC 6238): six digits, a new one every 30 seconds, each accepted once."""

import base64
import hmac
import io
import random
from datetime import datetime, timedelta
from typing import Final

import pyotp
import segno

from tillbridge.portal.accounts.model import Factor
from tillbridge.portal.accounts.secrets import to_bytes, to_text
from tillbridge.portal.vault import Vault

STEP_SECONDS: Final = 30
DIGITS: Final = 6
DRIFT: Final = 1
"""Steps that a telephone's clock may be off, either way (RFC 6238, section 5.2)."""

PENDING: Final = timedelta(minutes=10)
"""How long a generator that is shown waits for its first code."""

GROUP: Final = 4
SECRET_BYTES: Final = 20


def new_totp_secret(chance: random.Random) -> str:
    """A new shared secret of 160 bits in Base32 (RFC 4226, section 4)."""
    return base64.b32encode(chance.randbytes(SECRET_BYTES)).decode()


def seal_secret(vault: Vault, factor_id: str, secret: str) -> str:
    """The shared secret (Base32) as it is stored."""
    return to_text(vault.seal(secret.encode(), f"totp/{factor_id}"))


def open_secret(vault: Vault, one: Factor) -> str:
    """The shared secret in Base32."""
    return vault.unseal(to_bytes(one.sealed_secret or ""), f"totp/{one.id}").decode()


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """The time step whose code this is, within the drift; None for a wrong one. All steps are compared."""
    digits = "".join(code.split())
    generator = pyotp.TOTP(secret, digits=DIGITS, interval=STEP_SECONDS)
    current, found = int(now.timestamp()) // STEP_SECONDS, None
    for step in range(current - DRIFT, current + DRIFT + 1):
        if hmac.compare_digest(generator.generate_otp(step).encode(), digits.encode()):
            found = step
    return found


def code_at(secret: str, now: datetime) -> str:
    """What a generator with this secret (Base32) shows at this moment."""
    return pyotp.TOTP(secret, digits=DIGITS, interval=STEP_SECONDS).at(now)


def is_code(text: str) -> bool:
    """Whether it has the form of a one-time password (and not that of a recovery code)."""
    digits = "".join(text.split())
    return len(digits) == DIGITS and digits.isascii() and digits.isdigit()


def qr_code(secret: str, email: str, issuer: str) -> bytes:
    """What an authenticator app photographs, as SVG: black on white in any colour scheme, since cameras need it."""
    uri = pyotp.TOTP(secret, digits=DIGITS, interval=STEP_SECONDS).provisioning_uri(name=email, issuer_name=issuer)
    drawn = io.BytesIO()
    segno.make(uri, error="m", micro=False).save(drawn, kind="svg", scale=6, border=4, dark="#000", light="#fff")
    return drawn.getvalue()


def spaced(secret: str) -> str:
    """The secret in groups of four, for those who type it."""
    return " ".join(secret[at : at + GROUP] for at in range(0, len(secret), GROUP))
