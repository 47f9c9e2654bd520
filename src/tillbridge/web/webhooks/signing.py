"""Secrets and signatures as https://www.standardwebhooks.com has them (symmetric, scheme v1)."""

import base64
import random
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from standardwebhooks import Webhook

PREFIX: Final = "whsec_"

SECRET_BYTES: Final = 32
"""As many as the signature's hash has; the scheme allows 24 to 64."""

_SECRET: Final = re.compile(r"whsec_[A-Za-z0-9+/]{32,88}={0,2}", re.ASCII)


def new_secret(chance: random.Random) -> str:
    """A new secret, as receivers are given it."""
    return PREFIX + base64.b64encode(chance.randbytes(SECRET_BYTES)).decode()


def is_secret(text: str) -> bool:
    """Whether this is a secret that can sign."""
    return _SECRET.fullmatch(text) is not None


def sign(secrets: Sequence[str], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers of one attempt, with a signature for each secret that is valid: two while one is being replaced."""
    signatures = [Webhook(secret).sign(message_id, at, body.decode()) for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
