"""Gives access tokens and session keys to connectors, and checks them (docs/reference/portal-tokens.md)."""

import base64
import hmac
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.access_tokens import LIFE_SECONDS, AccessToken, Checker, Issuer
from tillbridge.link.base64url import KEY_BYTES
from tillbridge.link.keys import KeyPair
from tillbridge.link.pairing.words import GrantedService
from tillbridge.link.proofs import Proof
from tillbridge.link.scopes import Scope, ServiceState, write_scopes
from tillbridge.link.signatures import SessionKey
from tillbridge.portal.house import House
from tillbridge.portal.links.contact import Contacts, Heard, Use
from tillbridge.portal.links.model import Link, LinkState
from tillbridge.portal.links.service import Links
from tillbridge.portal.services.model import ServiceStanding
from tillbridge.portal.storage.line import Line
from tillbridge.portal.storage.together import Together
from tillbridge.portal.tokens import store
from tillbridge.portal.tokens.model import SCOPES, Caller, Condition, TokenRequest
from tillbridge.portal.tokens.proving import Proving

SESSION_SECONDS: Final = 600

_SESSION: Final = timedelta(seconds=SESSION_SECONDS)


@dataclass(frozen=True, slots=True)
class Given:
    """An access token that was made for a link; `rotate` asks its connector to exchange the credential."""

    access_token: str = field(repr=False)
    scopes: frozenset[Scope]
    state: LinkState
    clock_skew_seconds: int
    clock_is_off: bool
    rotate: bool
    server_time: datetime


class Tokens:
    """The tokens of a portal."""

    def __init__(self, house: House, links: Links) -> None:
        self.house = house
        self.proving = Proving(house)
        self.sessions = Together(house.database, self._sessions)
        self._contacts = Contacts(links)
        self._issuer = Issuer(house.settings.address, KeyPair(house.vault.signing_key[1]))
        self.keys = tuple(KeyPair(key).public for key in house.vault.signing_keys.values())
        self.checker = Checker(house.settings.address, self.keys)

    @property
    def thumbprint(self) -> str:
        """That of the key which signs at this moment."""
        return KeyPair(self.house.vault.signing_key[1]).public.thumbprint

    # ------------------------------------------------------------ access tokens

    async def give(self, request: TokenRequest, proof: Proof, source: str) -> Given:
        """Answers a token request that carries this checked proof. `BridgeError` as the refusal says.

        What the request did to the link stays, also where the token is refused.
        """
        async with self.house.database.writing() as connection:
            heard = await self._hear(connection, request, proof, source)
        if heard.refusal is not None:
            raise heard.refusal
        return self._given(request, heard.link, proof)

    async def _hear(self, connection: AsyncConnection, request: TokenRequest, proof: Proof, source: str) -> Heard:
        presented = await self._contacts.find(connection, request.token)
        if presented is None:
            raise BridgeError(Code.NOT_PAIRED)
        if not _same(presented.credential.thumbprint, proof.jkt):
            raise BridgeError(Code.PROOF_REFUSED, "the proof is not of the key that the token is bound to")
        # After the key, so that a stranger's proofs never fill the memory.
        await self.proving.spend(connection, proof)
        return await self._contacts.use(connection, presented, Use(request.number, self.proving.skew(proof), source))

    def _given(self, request: TokenRequest, link: Link, proof: Proof) -> Given:
        now = self.house.runtime.clock.now()
        scopes = request.granted(link.state, clone_suspected=link.clone_suspected_at is not None)
        skew = link.figures.clock_skew_seconds or 0
        return Given(
            access_token=self._issue(link, proof.jkt, request, scopes, now),
            scopes=scopes,
            state=link.state,
            clock_skew_seconds=skew,
            clock_is_off=link.figures.clock_is_off,
            rotate=link.rotation_due(now),
            server_time=now,
        )

    def _issue(self, link: Link, jkt: str, request: TokenRequest, scopes: frozenset[Scope], now: datetime) -> str:
        jti = self.house.runtime.ids.new()
        return self._issuer.issue(AccessToken(request.service, scopes, link.location_id, link.id, jkt, jti), now)

    def first(self, link: Link, standings: Sequence[ServiceStanding]) -> tuple[GrantedService, ...]:
        """The services of a new link as its grant names them: with a token for each one that is on.

        Money moves with none of them: that needs a link whose connector has asked for a token of its own.
        """
        now = self.house.runtime.clock.now()
        granted: list[GrantedService] = []
        for one in standings:
            if one.state is not ServiceState.ON:
                granted.append(GrantedService(service=one.service.value, state=one.state))
                continue
            scopes, jti = SCOPES[one.service], self.house.runtime.ids.new()
            token = AccessToken(one.service, scopes, link.location_id, link.id, link.credential.thumbprint, jti)
            granted.append(
                GrantedService(
                    service=one.service.value,
                    state=one.state,
                    scope=write_scopes(scopes),
                    access_token=self._issuer.issue(token, now),
                    expires_in=LIFE_SECONDS,
                )
            )
        return tuple(granted)

    # ------------------------------------------------------------ session keys

    async def open_session(self, caller: Caller, thumbprint: str) -> SessionKey:
        """A session key with the service and the scopes of the token that asked for it."""
        runtime = self.house.runtime
        key = SessionKey(runtime.ids.new(), runtime.chance.randbytes(KEY_BYTES))
        sealed = base64.b64encode(self.house.vault.seal(key.secret, _context(key.id))).decode()
        now = runtime.clock.now()
        async with self.house.database.writing() as connection:
            condition = await self.condition(connection, caller.link_id, thumbprint)
            condition.require(Scope.STATUS)
            kept = store.Session(
                key.id,
                caller.link_id,
                caller.location_id,
                caller.service,
                caller.scopes,
                thumbprint,
                sealed,
                now + _SESSION,
                condition,
            )
            await store.add_session(connection, kept)
        return key

    async def _sessions(
        self, connection: AsyncConnection, key_ids: Collection[str]
    ) -> Mapping[str, tuple[store.Session, SessionKey]]:
        """The session keys among these that live, with the condition of the link of each."""
        line = Line(connection)
        asked = store.ask_sessions(line, key_ids, self.house.runtime.clock.now())
        await line.run()
        return {kept.id: (kept, self.session_key(kept)) for kept in store.sessions_in(asked)}

    def session_key(self, kept: store.Session) -> SessionKey:
        """The key itself, which the database has sealed."""
        return SessionKey(kept.id, self.house.vault.unseal(base64.b64decode(kept.sealed_secret), _context(kept.id)))

    # ------------------------------------------------------------ in common

    async def condition(self, connection: AsyncConnection, link_id: str, thumbprint: str) -> Condition:
        """How a link stands at this moment. `BridgeError(NOT_PAIRED)` for one that this database does not know."""
        found = await store.condition(connection, link_id, thumbprint, self.house.runtime.clock.now())
        if found is None:
            raise BridgeError(Code.NOT_PAIRED)
        return found

    async def forget(self, connection: AsyncConnection) -> None:
        """Drops what has run out."""
        await store.forget(connection, self.house.runtime.clock.now())

    def published_keys(self) -> Mapping[str, object]:
        """The public keys that access tokens are signed with, as a JWK set (RFC 7517)."""
        named = [{"kid": key.thumbprint, "use": "sig", "alg": "Ed25519"} for key in self.keys]
        return {"keys": [key.jwk.model_dump(mode="json") | one for key, one in zip(self.keys, named, strict=True)]}


def _context(session_id: str) -> str:
    return f"session/{session_id}"


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
