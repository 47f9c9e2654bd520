"""Exchanges the link's credential for a new one without any till noticing (docs/reference/portal-tokens.md, section 3).

The request is stored before it is sent and repeated byte for byte until there is an answer. The old credential is kept
until the new one has been used: at no moment is there none.
"""

from datetime import datetime, timedelta
from typing import Final

import structlog
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from tillbridge.connector.portal.board import Board
from tillbridge.connector.portal.faults import refusal
from tillbridge.connector.portal.keystore import Credential, Kept, KeptLink, KeptRotation, Keystore
from tillbridge.connector.portal.tokens import Sender, Tokens
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.keys import KeyPair
from tillbridge.link.rotation import RotationGrant, RotationRequest, ask, conclude
from tillbridge.runtime.effects import Runtime

ROTATION_PATH: Final = "/v1/link/rotation"
CREDENTIAL_AGE: Final = timedelta(days=90)
"""After so long a credential is exchanged by itself."""

PASSING: Final = frozenset(
    {
        Code.PORTAL_UNREACHABLE,
        Code.PORTAL_SILENT,
        Code.PORTAL_FAULT,
        Code.PORTAL_UNPROVEN,
        Code.MAINTENANCE,
        Code.OVERLOADED,
        Code.SLOW_DOWN,
        Code.DATABASE_UNAVAILABLE,
        Code.LINK_SUSPENDED,
    }
)
"""After these the same request is sent again; after any other refusal it is given up, and the old one goes on."""

log = structlog.get_logger(__name__)


class Rotation:
    """Exchanges the credential of one connector's link."""

    def __init__(self, keystore: Keystore, tokens: Tokens, board: Board, runtime: Runtime) -> None:
        self._keystore = keystore
        self._tokens = tokens
        self._board = board
        self._clock = runtime.clock
        self._entropy = runtime.chance.randbytes
        self._new_id = runtime.ids.new

    def due(self) -> bool:
        """Whether a rotation was begun and not ended, the portal has asked for one, or the credential is old."""
        kept = None if self._keystore.fault is not None else self._keystore.kept
        if kept is None or kept.link is None or kept.link.ended:
            return False
        if kept.rotation is not None or self._tokens.rotation_asked:
            return True
        return self._clock.now() - kept.link.rotated_at >= CREDENTIAL_AGE

    async def rotate(self, sender: Sender) -> None:
        """Exchanges the credential, going on with an exchange that was begun, and uses the new one at once.

        `BridgeError` where it comes to nothing yet; the old credential then works on. Safe to be called again.
        """
        kept = self._keystore.kept
        if kept is None or kept.link is None or kept.link.ended:
            raise BridgeError(Code.NOT_PAIRED)
        begun = kept.rotation or await self._begin(kept.link)
        answer = await sender.send("POST", ROTATION_PATH, begun.body, {"Content-Type": "application/json"})
        self._tokens.heard(answer.headers)
        if not answer.good:
            refused = refusal(answer)
            if refused.code not in PASSING:
                await self._give_up(refused)
            raise refused
        request = RotationRequest.model_validate_json(begun.body)
        grant = conclude(answer.body, request, X25519PrivateKey.from_private_bytes(begun.exchange_key))
        await self._take(begun, grant)
        await self._tokens.contact(sender)

    async def _begin(self, link: KeptLink) -> KeptRotation:
        new, ephemeral = KeyPair.make(self._entropy), X25519PrivateKey.from_private_bytes(self._entropy(32))
        request = ask(link.link_id, self._new_id(), link.credential.pair, new, ephemeral)
        begun = KeptRotation(
            key=new.dump(),
            exchange_key=ephemeral.private_bytes_raw(),
            body=request.body(),
            started_at=self._clock.now(),
        )
        await self._keystore.change(lambda kept: kept.model_copy(update={"rotation": begun}))
        return begun

    async def _take(self, begun: KeptRotation, grant: RotationGrant) -> None:
        now = self._clock.now()
        await self._keystore.change(lambda kept: _renewed(kept, begun, grant, now))
        self._tokens.forget_all()
        self._tokens.rotation_asked = False
        self._board.link_changed()
        log.info("portal_credential_rotated", fingerprint=grant.fingerprint)

    async def _give_up(self, refused: BridgeError) -> None:
        log.warning("portal_rotation_refused", code=refused.code, detail=refused.detail)
        await self._keystore.change(lambda kept: kept.model_copy(update={"rotation": None}))


def _renewed(kept: Kept, begun: KeptRotation, grant: RotationGrant, now: datetime) -> Kept:
    link = kept.link
    if link is None or kept.rotation != begun or grant.link_id != link.link_id:
        raise BridgeError(Code.PORTAL_UNPROVEN, "the answer is about another link")
    new = Credential(key=begun.key, master_token=grant.master_token)
    changed = {"credential": new, "previous": link.credential, "rotated_at": now}
    return kept.model_copy(update={"link": link.model_copy(update=changed), "rotation": None})
