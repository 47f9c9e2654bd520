"""Exchanges a link's credential without a till noticing (docs/reference/portal-tokens.md, section 3)."""

import hashlib
from datetime import timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.rotation import RotationGrant, RotationRequest, answer
from tillbridge.portal.links import store
from tillbridge.portal.links.contact import actor_of
from tillbridge.portal.links.model import IN_USE, OLD_CREDENTIAL_LASTS, CredentialStanding, Link, LinkEvent, LinkState
from tillbridge.portal.links.service import Links

REPEATED_FOR: Final = timedelta(minutes=10)
"""So long after the first use of the new credential its answer is still repeated; before that, without end."""


class Rotations:
    """Makes new credentials for connectors that prove the old one."""

    def __init__(self, links: Links) -> None:
        self.settings = links.house.settings
        self._links = links
        self._house = links.house

    async def rotate(self, body: bytes, source: str) -> bytes:
        """The answer to a request: the same bytes for the same bytes, however often it is asked.

        `BridgeError`: NOT_PAIRED for an unknown link, LINK_REVOKED, LINK_SUSPENDED, PROOF_REFUSED for signatures that
        do not hold, FINISH_CONFLICT for another body under a name that was used, PAIRING_OVER for a repeat after the
        end.
        """
        request = RotationRequest.read(body)
        request_hash = hashlib.sha256(body).hexdigest()
        async with self._house.database.writing() as connection:
            link = await store.by_id(connection, request.link_id, lock=True)
            if link is None:
                raise BridgeError(Code.NOT_PAIRED)
            if link.ended or link.overdue(self._house.runtime.clock.now()):
                raise BridgeError(Code.LINK_REVOKED)
            earlier = await store.rotation(connection, request.rotation_id)
            if earlier is not None:
                return await self._again(connection, earlier, link, request_hash)
            return await self._make(connection, link, request, request_hash, source)

    async def forget(self, connection: AsyncConnection) -> None:
        """Drops the answers that nobody may ask for again."""
        await store.drop_used_rotations(connection, self._house.runtime.clock.now() - REPEATED_FOR)

    async def _again(
        self, connection: AsyncConnection, earlier: store.Rotation, link: Link, request_hash: str
    ) -> bytes:
        if earlier.link_id != link.id or earlier.request_hash != request_hash:
            raise BridgeError(Code.FINISH_CONFLICT, "this name was used for another request", place="rotation_id")
        credential = await store.credential(connection, earlier.credential_id)
        used = credential.first_used_at
        if used is not None and self._house.runtime.clock.now() - used >= REPEATED_FOR:
            raise BridgeError(Code.PAIRING_OVER, "the new credential is in use; its answer is not repeated any more")
        return earlier.reply.encode()

    async def _make(
        self, connection: AsyncConnection, link: Link, request: RotationRequest, request_hash: str, source: str
    ) -> bytes:
        self._check(link, request)
        now = self._house.runtime.clock.now()
        # An exchange whose answer was never used gives way to this one.
        await store.end_credentials(connection, link.id, CredentialStanding.WAITING)
        credential_id, token = await self._links.add_credential(
            connection, link.id, request.key, CredentialStanding.WAITING
        )
        fingerprint = request.key.fingerprint
        grant = RotationGrant(link_id=link.id, master_token=token, fingerprint=fingerprint, server_time=now)
        reply = answer(request, grant, self._house.runtime.chance.randbytes).body()
        kept = store.Rotation(link.id, credential_id, request_hash, reply.decode())
        await store.add_rotation(connection, request.rotation_id, kept, now)
        await store.change_credential(connection, link.credential.id, ends_at=now + OLD_CREDENTIAL_LASTS)
        before, after = {"fingerprint": link.credential.fingerprint}, {"fingerprint": fingerprint}
        actor = actor_of(link, source)
        await self._links.note(connection, LinkEvent.ROTATION_MADE, link, actor, before=before, after=after)
        return reply

    def _check(self, link: Link, request: RotationRequest) -> None:
        if link.state is LinkState.SUSPENDED:
            raise BridgeError(Code.LINK_SUSPENDED)
        if link.state not in IN_USE:
            raise BridgeError(Code.RECORD_CONFLICT, "the link has not been used yet", place="link_id")
        if request.key == link.credential.key:
            raise BridgeError(Code.FIELD_INVALID, "the new key is the old one", place="jwk")
        if not request.proven_by(link.credential.key):
            raise BridgeError(Code.PROOF_REFUSED, "the old key and the new key have to sign the request")
        if not link.credential.lives(self._house.runtime.clock.now()):
            raise BridgeError(Code.TOKEN_EXPIRED, "an exchange is open: repeat that one", place="rotation_id")
