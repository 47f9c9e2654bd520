"""The exchange of a link's credential, as bytes (docs/reference/portal-tokens.md, section 3).

Suite TB-ROTATE-1. Both sides' steps stand here; neither opens a socket or reads a clock. `ask` with the keys; store
all of it durably; send `RotationRequest.body` as often as needed, always the same bytes; `conclude` with the answer.
"""

import hashlib
from typing import Annotated, Final, Literal, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link import master_token
from tillbridge.link.base64url import KEY_BYTES, AsBase64Url, Bytes32
from tillbridge.link.keys import Entropy, KeyPair, PublicJwk, PublicKey
from tillbridge.link.pairing.words import read

SUITE: Final = "TB-ROTATE-1"
MAX_BODY: Final = 2048
"""Bytes of a request or of an answer: two keys and two signatures take about 600."""

_NONCE: Final = bytes(12)
"""The key follows from two keys that were made for this one text: it never seals a second one."""

Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Signature = Annotated[AsBase64Url, Field(min_length=64, max_length=64)]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    def body(self) -> bytes:
        """The message as it is sent."""
        return self.model_dump_json().encode()


class RotationRequest(_Message):
    """Connector to portal: the new key and a key for the answer, signed with the old and with the new one.

    `rotation_id` is the connector's name for this exchange, new for each one.
    """

    suite: Literal["TB-ROTATE-1"] = "TB-ROTATE-1"
    link_id: Id
    rotation_id: Id
    jwk: PublicJwk
    ephemeral: Bytes32
    signed_by_old: Signature
    signed_by_new: Signature

    @classmethod
    def read(cls, body: bytes) -> Self:
        """Reads a body; `BridgeError(FIELD_INVALID)` with the place and never with what stood there."""
        if len(body) > MAX_BODY:
            raise BridgeError(Code.BODY_TOO_LARGE, f"an exchange of a credential has at most {MAX_BODY} bytes")
        return read(cls, body, Code.FIELD_INVALID)

    @property
    def key(self) -> PublicKey:
        """The new key."""
        return PublicKey.of_jwk(self.jwk)

    def proven_by(self, old: PublicKey) -> bool:
        """Whether the holder of the old key wants exactly this, and holds the new key as well."""
        said = statement(self.link_id, self.rotation_id, self.key, self.ephemeral, old)
        return old.verifies(self.signed_by_old, said) and self.key.verifies(self.signed_by_new, said)


class RotationReply(_Message):
    """Portal to connector: its share of the sealing key, and what is sealed with it."""

    share: Bytes32
    sealed: Annotated[AsBase64Url, Field(min_length=16, max_length=1024)]


class RotationGrant(_Message):
    """What is sealed for the connector. It works from now on; its first use ends the old credential."""

    link_id: Id
    master_token: Annotated[str, Field(pattern=master_token.PATTERN, repr=False)]
    fingerprint: Annotated[str, Field(max_length=14)]
    server_time: AwareDatetime


def statement(link_id: str, rotation_id: str, new: PublicKey, ephemeral: bytes, old: PublicKey) -> bytes:
    """What both keys sign: every part has one length, so that no two requests have the same statement."""
    return _wish(link_id, rotation_id, new, ephemeral) + old.raw


def _wish(link_id: str, rotation_id: str, new: PublicKey, ephemeral: bytes) -> bytes:
    """What is asked for, in bytes that do not depend on how somebody writes JSON."""
    return SUITE.encode() + bytes.fromhex(link_id) + bytes.fromhex(rotation_id) + new.raw + ephemeral


def ask(link_id: str, rotation_id: str, old: KeyPair, new: KeyPair, ephemeral: X25519PrivateKey) -> RotationRequest:
    """The connector's request. It and the private keys are stored durably before anything is sent."""
    share = ephemeral.public_key().public_bytes_raw()
    said = statement(link_id, rotation_id, new.public, share, old.public)
    return RotationRequest(
        link_id=link_id,
        rotation_id=rotation_id,
        jwk=new.public.jwk,
        ephemeral=share,
        signed_by_old=old.sign(said),
        signed_by_new=new.sign(said),
    )


def answer(request: RotationRequest, grant: RotationGrant, entropy: Entropy) -> RotationReply:
    """The portal's answer, to be stored and repeated: the portal itself cannot open it again.

    `BridgeError(FIELD_INVALID)` for a key that would let anybody open it.
    """
    own = X25519PrivateKey.from_private_bytes(entropy(KEY_BYTES))
    share = own.public_key().public_bytes_raw()
    try:
        secret = own.exchange(X25519PublicKey.from_public_bytes(request.ephemeral))
    except ValueError:
        raise BridgeError(Code.FIELD_INVALID, "this key is none", place="ephemeral") from None
    key, bound = _sealing(secret, request, share)
    return RotationReply(share=share, sealed=ChaCha20Poly1305(key).encrypt(_NONCE, grant.body(), bound))


def conclude(body: bytes, request: RotationRequest, ephemeral: X25519PrivateKey) -> RotationGrant:
    """What the portal granted. `BridgeError(PORTAL_UNPROVEN)` for an answer to anything but this request."""
    if len(body) > MAX_BODY:
        raise BridgeError(Code.PORTAL_UNPROVEN, "the answer is too large")
    reply = read(RotationReply, body, Code.PORTAL_UNPROVEN)
    try:
        secret = ephemeral.exchange(X25519PublicKey.from_public_bytes(reply.share))
        key, bound = _sealing(secret, request, reply.share)
        plain = ChaCha20Poly1305(key).decrypt(_NONCE, reply.sealed, bound)
    except (InvalidTag, ValueError):
        raise BridgeError(Code.PORTAL_UNPROVEN, "the answer does not belong to this request") from None
    return read(RotationGrant, plain, Code.PORTAL_UNPROVEN)


def _sealing(secret: bytes, request: RotationRequest, share: bytes) -> tuple[bytes, bytes]:
    """The key, and what the sealed text is bound to: all that was asked for and the portal's share."""
    wish = _wish(request.link_id, request.rotation_id, request.key, request.ephemeral)
    bound = hashlib.sha256(wish + share).digest()
    derivation = HKDF(hashes.SHA256(), KEY_BYTES, salt=bound, info=f"{SUITE} seal".encode())
    return derivation.derive(secret), bound
