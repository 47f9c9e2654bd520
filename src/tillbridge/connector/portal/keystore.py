"""What a connector keeps of its link: key, master token, an exchange under way. Sealed, durable, never in a log.

docs/reference/connector-portal.md, section 4. There is one file: every change writes all of it anew, so that key, token
and counter are always of one moment. What cannot be read is `KEYSTORE_UNREADABLE` (P208) for whoever asks, and stops
nothing else.
"""

import asyncio
import os
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from tillbridge.connector.portal.sealing import NoSealingKey, SealKind, best_source, file_seal, source_of
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link import master_token
from tillbridge.link.base64url import AsBase64Url, Bytes32
from tillbridge.link.keys import KeyPair
from tillbridge.link.pairing.words import Grant, GrantedService, Id, Line, Word
from tillbridge.link.scopes import ServiceState
from tillbridge.runtime.durable import read_bounded, write_durably
from tillbridge.runtime.effects import Runtime

KEYSTORE_FILE: Final = "portal-keystore.json"
ASIDE_FILE: Final = "portal-keystore.unreadable"

MOST_BYTES: Final = 256 * 1024
"""Of the file: a link and an exchange take some thousand."""

NONCE_BYTES: Final = 12
_PURPOSE: Final = "tillbridge portal keystore 1 "

log = structlog.get_logger(__name__)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Credential(_Part):
    """A private key with the master token that belongs to it. `repr` shows neither."""

    key: Annotated[Bytes32, Field(repr=False)]
    master_token: Annotated[str, Field(pattern=master_token.PATTERN, repr=False)]

    @property
    def pair(self) -> KeyPair:
        """The key, ready to sign."""
        return KeyPair.load(self.key)


class KeptService(_Part):
    """A service as the portal granted it last. Its access token is not kept: it lives for ten minutes."""

    service: Word
    state: ServiceState
    scope: str = ""

    @classmethod
    def of(cls, granted: GrantedService) -> "KeptService":
        """The part of a grant that is kept."""
        return cls(service=granted.service, state=granted.state, scope=granted.scope)


class KeptLink(_Part):
    """The link. `previous` is the credential before the last rotation, kept until the new one has been used.

    `acknowledged` says that the portal has seen this credential's first token request. `ended` says that the portal
    has called the link revoked: it is kept to be shown, and never used again.
    """

    link_id: Id
    address: str
    location_number: str
    location_name: Line
    tenant: Line
    credential: Credential
    previous: Credential | None = None
    services: tuple[KeptService, ...] = ()
    portal_jwks_thumbprint: str
    paired_at: AwareDatetime
    rotated_at: AwareDatetime
    acknowledged: bool = False
    ended: bool = False

    @classmethod
    def of(cls, grant: Grant, key: KeyPair, address: str, now: datetime) -> "KeptLink":
        """The link that a grant makes."""
        return cls(
            link_id=grant.link_id,
            address=address,
            location_number=grant.location.number,
            location_name=grant.location.name,
            tenant=grant.tenant,
            credential=Credential(key=key.dump(), master_token=grant.master_token),
            services=tuple(map(KeptService.of, grant.services)),
            portal_jwks_thumbprint=grant.portal_jwks_thumbprint,
            paired_at=now,
            rotated_at=now,
        )


class KeptFinish(_Part):
    """An exchange whose finish may have been sent: `dumped` is what `link.pairing.connector_side` repeats it from."""

    dumped: Annotated[AsBase64Url, Field(repr=False)]
    address: str
    location_number: str
    started_at: AwareDatetime


class KeptRotation(_Part):
    """A rotation whose request may have been sent: its body is repeated byte for byte until there is an answer."""

    key: Annotated[Bytes32, Field(repr=False)]
    exchange_key: Annotated[Bytes32, Field(repr=False)]
    body: Annotated[AsBase64Url, Field(repr=False)]
    started_at: AwareDatetime


class Kept(_Part):
    """All of it. `counter` is the number of the last token request, stored before that request is sent."""

    version: Literal[1] = 1
    connector_id: Id
    link: KeptLink | None = None
    finish: KeptFinish | None = None
    rotation: KeptRotation | None = None
    counter: Annotated[int, Field(ge=0, le=2**53)] = 0


class _Envelope(_Part):
    version: Literal[1] = 1
    seal: Annotated[SealKind, Field(strict=False)]
    nonce: AsBase64Url
    sealed: AsBase64Url


class Keystore:
    """The keystore of one data folder. Nothing touches the disk before `load`."""

    def __init__(self, folder: Path, runtime: Runtime, environment: Mapping[str, str] = os.environ) -> None:
        self._folder = folder
        self._path = folder / KEYSTORE_FILE
        self._entropy = runtime.chance.randbytes
        self._new_id = runtime.ids.new
        self._environment = environment
        self._one_at_a_time = threading.Lock()
        self._kept: Kept | None = None
        self._fault: BridgeError | None = None
        self._seal: SealKind | None = None

    def load(self) -> None:
        """Reads what is there. A fault is kept for whoever asks, and raised to nobody here."""
        try:
            self._kept, self._fault = self._read(), None
        except _Unreadable as error:
            self._fault = BridgeError(Code.KEYSTORE_UNREADABLE, str(error), place=str(self._path))
            log.warning("portal_keystore_unreadable", detail=str(error), file=str(self._path))

    @property
    def kept(self) -> Kept | None:
        """What is kept; None where nothing is yet. `BridgeError(KEYSTORE_UNREADABLE)` where it cannot be read."""
        if self._fault is not None:
            raise self._fault
        return self._kept

    @property
    def fault(self) -> BridgeError | None:
        """Why it cannot be read, if so."""
        return self._fault

    @property
    def seal(self) -> SealKind | None:
        """Who keeps the key that it is sealed with; None before anything is kept."""
        return self._seal

    @property
    def link(self) -> KeptLink:
        """The link; `BridgeError`: NOT_PAIRED where there is none, KEYSTORE_UNREADABLE as in `kept`."""
        kept = self.kept
        if kept is None or kept.link is None:
            raise BridgeError(Code.NOT_PAIRED)
        return kept.link

    async def change(self, edit: Callable[[Kept], Kept]) -> Kept:
        """Changes what is kept; it is on the disk when this returns, and only then counts here.

        In a thread: a slow disk holds up no payment. `BridgeError(KEYSTORE_UNREADABLE)` where the old content cannot
        be read, `FOLDER_UNUSABLE` where the new one cannot be written: then everything is as it was.
        """
        return await asyncio.to_thread(self._change, edit, False)

    async def begin_anew(self, edit: Callable[[Kept], Kept]) -> Kept:
        """As `change`, but a keystore that cannot be read is put aside first. For a new pairing alone."""
        return await asyncio.to_thread(self._change, edit, True)

    def _change(self, edit: Callable[[Kept], Kept], anew: bool) -> Kept:
        # The lock is a thread's: a caller that is cancelled leaves a thread behind that still writes what it began.
        with self._one_at_a_time:
            if self._fault is not None and not anew:
                raise self._fault
            if self._fault is not None:
                self._put_aside()
            kept = edit(self._kept or Kept(connector_id=self._new_id()))
            self._write(kept)
            self._kept, self._fault = kept, None
            return kept

    def _put_aside(self) -> None:
        # It may be readable again on another day, when the system gives its key back: nothing of it is destroyed.
        try:
            self._path.replace(self._folder / ASIDE_FILE)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise BridgeError(Code.FOLDER_UNUSABLE, f"it cannot be put aside: {error.strerror}") from None
        try:
            file_seal(self._folder).key()
        except NoSealingKey:
            file_seal(self._folder).forget()  # whatever stands there opens nothing and would only be in the way

    def _write(self, kept: Kept) -> None:
        source = best_source(self._folder, self._environment)
        try:
            key = source.made(self._entropy)
        except NoSealingKey as error:
            raise BridgeError(Code.KEYSTORE_UNREADABLE, str(error), place=str(self._path)) from None
        nonce = self._entropy(NONCE_BYTES)
        sealed = ChaCha20Poly1305(key).encrypt(nonce, kept.model_dump_json().encode(), _bound_to(source.kind))
        envelope = _Envelope(seal=source.kind, nonce=nonce, sealed=sealed)
        write_durably(self._path, envelope.model_dump_json().encode() + b"\n")
        self._seal = source.kind
        if source.kind is not SealKind.FILE:
            file_seal(self._folder).forget()

    def _read(self) -> Kept | None:
        try:
            content = read_bounded(self._path, MOST_BYTES)
        except OSError as error:
            raise _Unreadable(f"the file cannot be read: {error.strerror}") from None
        if content is None:
            return None
        try:
            envelope = _Envelope.model_validate_json(content)
            key = source_of(envelope.seal, self._folder, self._environment).key()
            plain = ChaCha20Poly1305(key).decrypt(envelope.nonce, envelope.sealed, _bound_to(envelope.seal))
            kept = Kept.model_validate_json(plain)
        except NoSealingKey as error:
            raise _Unreadable(str(error)) from None
        except InvalidTag:
            raise _Unreadable("it was sealed with another key, or changed") from None
        except (ValidationError, ValueError):
            raise _Unreadable("it is cut off, or was written by another version") from None
        self._seal = envelope.seal
        return kept


class _Unreadable(Exception):
    """Why a keystore cannot be read; never what stands in it."""


def _bound_to(kind: SealKind) -> bytes:
    """A sealed text cannot be moved under the name of another source."""
    return f"{_PURPOSE}{kind}".encode()
