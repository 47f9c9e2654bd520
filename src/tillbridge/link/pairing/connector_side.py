"""The connector's steps of a pairing (docs/reference/pairing-protocol.md, section 4).

`begin` with the PIN; `Begun.answer` with the portal's share; store the `KeptExchange` durably; send its `finish_body`,
as often as needed, always the same bytes; `KeptExchange.conclude` with the portal's reply.
"""

import hmac
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError
from tillbridge.domain.location_number import LocationNumber
from tillbridge.link.base64url import AsBase64Url, Bytes32
from tillbridge.link.keys import Entropy, KeyPair
from tillbridge.link.pairing.pake import BadShare, ConnectorPake
from tillbridge.link.pairing.schedule import (
    Identities,
    Label,
    Schedule,
    Unreadable,
    confirmation_a,
    confirmation_b,
    key_proof,
    seal,
    transcript_hash,
    unseal,
)
from tillbridge.link.pairing.words import (
    MAX_FINISH,
    ConnectorDescription,
    ConnectorFacts,
    FinishReply,
    FinishRequest,
    Grant,
    SessionId,
    StartReply,
    StartRequest,
    checked_pin,
    portal_host,
    read,
)

_UNPROVEN: Final = "the portal did not prove that it knows the PIN"


class Begun:
    """An exchange whose share is made. It lives in memory only, and it answers one share of a portal, ever."""

    __slots__ = ("_identities", "_pake", "_share", "location")

    def __init__(self, pin: str, location: LocationNumber, host: str, entropy: Entropy) -> None:
        self.location = location
        self._identities = Identities.of(location, portal_host(host))
        self._pake: ConnectorPake | None = ConnectorPake(
            checked_pin(pin), self._identities.connector, self._identities.portal, entropy
        )
        self._share = self._pake.share

    @property
    def request(self) -> StartRequest:
        """What is sent first."""
        return StartRequest(location_number=str(self.location), share_a=self._share)

    def meet(self, reply: StartReply) -> Schedule:
        """The keys that follow from the portal's share. The PIN is forgotten, whatever comes of it.

        `BridgeError(PORTAL_UNPROVEN)` for a share that no portal sends.
        """
        pake, self._pake = self._pake, None
        if pake is None:
            raise RuntimeError("an exchange meets one share: a second one would test a second PIN")
        try:
            secret = pake.finish(reply.share_b)
        except BadShare:
            raise BridgeError(Code.PORTAL_UNPROVEN, "the portal's share is none", place="share_b") from None
        transcript = transcript_hash(self._identities, self._share, reply.share_b, reply.session_id)
        return Schedule(secret, transcript)

    def answer(self, reply: StartReply, description: ConnectorDescription, key: KeyPair) -> "KeptExchange":
        """Seals what the connector is, with the public half of the new link's key, and proves the PIN.

        The result is stored durably before anything of it is sent. `BridgeError(PORTAL_UNPROVEN)` as in `meet`.
        """
        schedule = self.meet(reply)
        facts = ConnectorFacts(
            **description.model_dump(include=set(ConnectorDescription.model_fields)),
            jwk=key.public.jwk,
            proof=key.sign(key_proof(schedule.transcript)),
        )
        return keep(schedule, reply.session_id, facts.body(), key)


def begin(pin: str, location: LocationNumber, host: str, entropy: Entropy) -> Begun:
    """Starts an exchange for what a person typed. One press of theirs is one exchange, and one guess of the PIN.

    `BridgeError`: PAIRING_INPUT if this cannot be a PIN, FIELD_INVALID if `host` is no host name.
    """
    return Begun(pin, location, host, entropy)


@dataclass(frozen=True, slots=True)
class KeptExchange:
    """What a connector keeps, sealed on its disk, until it holds the grant.

    It is enough to repeat the finish and to read the reply, and nothing in it leads back to the PIN.
    """

    key: KeyPair
    session_id: str
    finish_body: bytes
    seal_b: bytes = field(repr=False)
    confirm_b: bytes = field(repr=False)
    transcript: bytes

    def conclude(self, reply: FinishReply) -> Grant:
        """What the portal granted. The portal's proof is checked first: nothing is opened for one that has none.

        `BridgeError(PORTAL_UNPROVEN)`: then all of this is thrown away.
        """
        request = FinishRequest.read(self.finish_body)
        expected = confirmation_b(self.confirm_b, self.transcript, request.confirm_a, reply.sealed_b)
        if not hmac.compare_digest(expected, reply.confirm_b):
            raise BridgeError(Code.PORTAL_UNPROVEN, _UNPROVEN)
        try:
            plain = unseal(self.seal_b, self.transcript, reply.sealed_b)
        except Unreadable:
            raise BridgeError(Code.PORTAL_UNPROVEN, _UNPROVEN) from None
        return read(Grant, plain, Code.PORTAL_UNPROVEN)

    def dump(self) -> bytes:
        """The whole as JSON. A secret: it is stored sealed."""
        kept = _Kept(
            key=self.key.dump(),
            session_id=self.session_id,
            finish_body=self.finish_body,
            seal_b=self.seal_b,
            confirm_b=self.confirm_b,
            transcript=self.transcript,
        )
        return kept.model_dump_json().encode()

    @classmethod
    def load(cls, dumped: bytes) -> Self:
        """What `dump` gave; `ValueError` for anything else, without a word of what stood there."""
        try:
            kept = _Kept.model_validate_json(dumped)
        except ValidationError:
            raise ValueError("this is no kept exchange") from None
        key = KeyPair.load(kept.key)
        return cls(key, kept.session_id, kept.finish_body, kept.seal_b, kept.confirm_b, kept.transcript)


def keep(schedule: Schedule, session_id: str, plain: bytes, key: KeyPair) -> KeptExchange:
    """Closes the connector's half of the exchange over `plain`, the text that is sealed for the portal."""
    transcript = schedule.transcript
    sealed_a = seal(schedule.key(Label.SEAL_A), transcript, plain)
    confirm_a = confirmation_a(schedule.key(Label.CONFIRM_A), transcript, sealed_a)
    finish = FinishRequest(confirm_a=confirm_a, sealed_a=sealed_a)
    return KeptExchange(
        key, session_id, finish.body(), schedule.key(Label.SEAL_B), schedule.key(Label.CONFIRM_B), transcript
    )


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    version: Literal[1] = 1
    key: Bytes32
    session_id: SessionId
    finish_body: Annotated[AsBase64Url, Field(max_length=MAX_FINISH)]
    seal_b: Bytes32
    confirm_b: Bytes32
    transcript: Bytes32
