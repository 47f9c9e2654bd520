"""The portal's steps of a pairing (docs/reference/pairing-protocol.md, section 4).

`begin` with the open PIN, or with one drawn for nobody where there is none; keep the `PortalState` sealed for at most
two minutes; count the try, and then ask `PortalState.judge`; `Judged.reply` once the link is made. Start and finish may
reach two replicas, so each step's state can be written down and read again.
"""

import hmac
from dataclasses import dataclass, field
from typing import Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError
from tillbridge.link.base64url import Bytes32
from tillbridge.link.keys import Entropy, PublicKey
from tillbridge.link.pairing.pake import BadShare, portal_finish
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
    SESSION_SECONDS,
    ConnectorFacts,
    FinishReply,
    FinishRequest,
    Grant,
    SessionId,
    StartReply,
    StartRequest,
    checked_location,
    checked_pin,
    portal_host,
    read,
)


@dataclass(frozen=True, slots=True)
class PortalState:
    """A session between start and finish: the common secret, and neither the PIN nor what would test one."""

    session_id: str
    schedule: Schedule

    def judge(self, finish: FinishRequest) -> "Judged | None":
        """Whether the other side knew the PIN; None says no, and nothing was opened.

        The caller has counted the try, durably, before it asks. `BridgeError(PAIRING_INPUT)` says that it did know the
        PIN and sent something unreadable, or a key that is not its own.
        """
        transcript = self.schedule.transcript
        expected = confirmation_a(self.schedule.key(Label.CONFIRM_A), transcript, finish.sealed_a)
        if not hmac.compare_digest(expected, finish.confirm_a):
            return None
        facts = self._open(finish.sealed_a)
        if not PublicKey.of_jwk(facts.jwk).verifies(facts.proof, key_proof(transcript)):
            raise BridgeError(Code.PAIRING_INPUT, "the connector did not prove that the key is its own", place="proof")
        return Judged(
            facts, finish.confirm_a, transcript, self.schedule.key(Label.SEAL_B), self.schedule.key(Label.CONFIRM_B)
        )

    def dump(self) -> bytes:
        """The state as JSON. A secret: it is stored sealed, and erased after the finish or two minutes."""
        kept = _State(session_id=self.session_id, secret=self.schedule.secret, transcript=self.schedule.transcript)
        return kept.model_dump_json().encode()

    @classmethod
    def load(cls, dumped: bytes) -> Self:
        """What `dump` gave; `ValueError` for anything else."""
        kept = _load(_State, dumped)
        return cls(kept.session_id, Schedule(kept.secret, kept.transcript))

    def _open(self, sealed_a: bytes) -> ConnectorFacts:
        try:
            plain = unseal(self.schedule.key(Label.SEAL_A), self.schedule.transcript, sealed_a)
        except Unreadable:
            raise BridgeError(Code.PAIRING_INPUT, "this cannot be opened", place="sealed_a") from None
        return read(ConnectorFacts, plain, Code.PAIRING_INPUT)


@dataclass(frozen=True, slots=True)
class Judged:
    """A connector that has proven the PIN and its key. It holds what the one reply is made with, and no more."""

    facts: ConnectorFacts
    confirm_a: bytes
    transcript: bytes
    seal_b: bytes = field(repr=False)
    confirm_b: bytes = field(repr=False)

    @property
    def key(self) -> PublicKey:
        """The public key of the new link. People on both sides compare its fingerprint."""
        return PublicKey.of_jwk(self.facts.jwk)

    def reply(self, grant: Grant) -> bytes:
        """The body that answers the finish. Its keys seal this one text: make it once, store it, and repeat the bytes.

        After that the keys are erased, and the portal itself cannot open what it stored.
        """
        return self.reply_with(grant.body()).body()

    def reply_with(self, plain: bytes) -> FinishReply:
        """The reply over this text."""
        sealed_b = seal(self.seal_b, self.transcript, plain)
        confirm_b = confirmation_b(self.confirm_b, self.transcript, self.confirm_a, sealed_b)
        return FinishReply(confirm_b=confirm_b, sealed_b=sealed_b)

    def dump(self) -> bytes:
        """The whole as JSON, for a decision that a person takes later. A secret: it is stored sealed."""
        kept = _Judged(
            facts=self.facts,
            confirm_a=self.confirm_a,
            transcript=self.transcript,
            seal_b=self.seal_b,
            confirm_b=self.confirm_b,
        )
        return kept.model_dump_json().encode()

    @classmethod
    def load(cls, dumped: bytes) -> Self:
        """What `dump` gave; `ValueError` for anything else."""
        kept = _load(_Judged, dumped)
        return cls(kept.facts, kept.confirm_a, kept.transcript, kept.seal_b, kept.confirm_b)


def begin(
    request: StartRequest, pin: str, host: str, session_id: str, entropy: Entropy
) -> tuple[StartReply, PortalState]:
    """Answers a start. With a PIN that nobody was given the answer looks the same, and no finish will ever fit.

    `host` is one of the portal's own names, from its settings. `session_id` comes from `words.new_session_id`.
    `BridgeError(PAIRING_INPUT)` for a share that is none: it costs no try.
    """
    identities = Identities.of(checked_location(request.location_number), portal_host(host))
    try:
        share_b, secret = portal_finish(
            checked_pin(pin), identities.connector, identities.portal, request.share_a, entropy
        )
    except BadShare:
        raise BridgeError(Code.PAIRING_INPUT, "this share is none", place="share_a") from None
    reply = StartReply(session_id=session_id, share_b=share_b, expires_in=SESSION_SECONDS)
    transcript = transcript_hash(identities, request.share_a, share_b, session_id)
    return reply, PortalState(session_id, Schedule(secret, transcript))


class _Stored(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    version: Literal[1] = 1


class _State(_Stored):
    session_id: SessionId
    secret: Bytes32
    transcript: Bytes32


class _Judged(_Stored):
    facts: ConnectorFacts
    confirm_a: Bytes32
    transcript: Bytes32
    seal_b: Bytes32
    confirm_b: Bytes32


_Model = TypeVar("_Model", bound=_Stored)


def _load(model: type[_Model], dumped: bytes) -> _Model:
    try:
        return model.model_validate_json(dumped)
    except ValidationError:
        raise ValueError("this is no state of a pairing") from None
