"""A software authenticator: what a passkey in a telephone does, with its own keys (WebAuthn level 2, section 6)."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

ORIGIN = "http://localhost:8480"

_PRESENT, _VERIFIED, _ATTESTED = 0x01, 0x04, 0x40


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass(slots=True)
class Authenticator:
    """One passkey. `verifies` False: it does not ask for a finger; `count` is what it says that it signed."""

    origin: str = ORIGIN
    rp_id: str = "localhost"
    verifies: bool = True
    counts: bool = True
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    credential_id: bytes = b"credential-0001"
    user_handle: bytes = b""
    count: int = 0

    def make(self, options: str) -> str:
        """The answer to `navigator.credentials.create`."""
        asked = json.loads(options)
        self.user_handle = _bytes(asked["user"]["id"])
        point = self.key.public_key().public_numbers()
        cose = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)})
        told = self._told(_ATTESTED)
        told += bytes(16) + len(self.credential_id).to_bytes(2) + self.credential_id + cose
        client = self._client("webauthn.create", asked["challenge"])
        attested = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": told})
        return self._answer(clientDataJSON=_text(client), attestationObject=_text(attested))

    def prove(self, options: str, **changed: Any) -> str:
        """The answer to `navigator.credentials.get`."""
        asked = json.loads(options)
        client, told = self._client("webauthn.get", asked["challenge"]), self._told(0)
        signature = self.key.sign(told + sha256(client).digest(), ec.ECDSA(SHA256()))
        response = {
            "clientDataJSON": _text(client),
            "authenticatorData": _text(told),
            "signature": _text(signature),
            "userHandle": _text(self.user_handle),
        }
        return self._answer(**(response | changed))

    def _told(self, flags: int) -> bytes:
        if self.counts:
            self.count += 1
        said = flags | _PRESENT | (_VERIFIED if self.verifies else 0)
        return sha256(self.rp_id.encode()).digest() + bytes([said]) + self.count.to_bytes(4)

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()

    def _answer(self, **response: Any) -> str:
        named = _text(self.credential_id)
        return json.dumps({"id": named, "rawId": named, "type": "public-key", "response": response})
