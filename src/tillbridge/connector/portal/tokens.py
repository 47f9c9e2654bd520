"""Access tokens of the link: asked for with the master token, proven with the key, kept until shortly before their end.

docs/reference/connector-portal.md, section 6. Each request to the portal carries a proof of its own; the nonce that a
proof needs comes with every answer, and a request that lacks a fresh one is repeated once, silently.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol
from urllib.parse import urlencode

import structlog
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from tillbridge.connector.portal.board import Board
from tillbridge.connector.portal.faults import Answer, refusal
from tillbridge.connector.portal.keystore import Credential, Kept, KeptLink, Keystore
from tillbridge.connector.portal.states import LinkState
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link import proofs
from tillbridge.link.keys import KeyPair
from tillbridge.link.pairing.words import Grant
from tillbridge.link.scopes import Scope, Service, write_scopes
from tillbridge.runtime.effects import Runtime

TOKEN_PATH: Final = "/v1/token"  # noqa: S105  # a path
FORM: Final = "application/x-www-form-urlencoded"

EARLY: Final = timedelta(seconds=60)
"""A token is exchanged this long before its end, so that none runs out on its way."""

_NONCE: Final = "dpop-nonce"
_ENDING: Final = frozenset({Code.LINK_REVOKED})
_UNKNOWN_CREDENTIAL: Final = frozenset({Code.LINK_REVOKED, Code.PROOF_REFUSED, Code.PORTAL_REFUSED, Code.NOT_PAIRED})
"""Refusals after which the credential before a rotation is tried: the portal may have lost the new one."""

log = structlog.get_logger(__name__)


class Sender(Protocol):
    """What requests are sent with: `http.PortalHttp`."""

    def url(self, path: str) -> str:
        """See `PortalHttp.url`."""
        ...

    async def send(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """See `PortalHttp.send`."""
        ...


class _Reply(BaseModel):
    """What the token endpoint answers (RFC 6749, section 5.1), with the portal's own members.

    `rotate` asks for a new credential; `link_state` is the link's, as the portal sees it.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    access_token: str = Field(min_length=1, max_length=2048, repr=False)
    token_type: str
    expires_in: int = Field(ge=1, le=3600)
    rotate: bool = False
    link_state: str = ""
    server_time: AwareDatetime | None = None


@dataclass(frozen=True, slots=True)
class _Held:
    token: str = field(repr=False)
    expires_at: float
    ends: datetime


_Wanted = tuple[str, frozenset[Scope]]


class Tokens:
    """The tokens of one link. `send` and its `url` reach the portal that the link was made with."""

    def __init__(self, keystore: Keystore, board: Board, runtime: Runtime) -> None:
        self._keystore = keystore
        self._board = board
        self._clock = runtime.clock
        self._new_id = runtime.ids.new
        self._held: dict[_Wanted, _Held] = {}
        self._nonce: str | None = None
        self._one_at_a_time = asyncio.Lock()
        self.rotation_asked = False

    # ------------------------------------------------------------ what each request needs

    def proof(self, method: str, url: str, access_token: str | None = None, *, key: KeyPair | None = None) -> str:
        """The DPoP proof for one request; a new one for each, also for a repeat. `BridgeError` as `Keystore.link`."""
        pair = self._keystore.link.credential.pair if key is None else key
        call = proofs.Call(method, url, access_token)
        return proofs.make(pair, call, jti=self._new_id(), at=self._clock.now(), nonce=self._nonce)

    def heard(self, headers: Mapping[str, str]) -> None:
        """Takes up the nonce of an answer, whose header names are in lower case. Call it for every answer."""
        nonce = headers.get(_NONCE)
        if nonce and len(nonce) <= proofs.MAX_PROOF:
            self._nonce = nonce

    async def access(self, sender: Sender, resource: str, scopes: frozenset[Scope]) -> str:
        """An access token for this service with these scopes, good for a minute at least.

        `BridgeError`: NOT_PAIRED, KEYSTORE_UNREADABLE, LINK_REVOKED, LINK_SUSPENDED and what else the portal refuses;
        X901 to X907 where it is not reached. What it means for the link is on the board by then.
        """
        wanted = (resource, scopes)
        held = self._fresh(wanted)
        if held is not None:
            return held.token
        async with self._one_at_a_time:
            held = self._fresh(wanted) or await self._fetch(sender, wanted)
            return held.token

    def forget(self, access_token: str) -> None:
        """This token was refused: the next request asks for another."""
        self._held = {wanted: held for wanted, held in self._held.items() if held.token != access_token}

    def forget_all(self) -> None:
        """There is another link, or none: nothing of the old one is good any more."""
        self._held, self._nonce = {}, None
        self._board.tokens({})

    def seed(self, grant: Grant) -> None:
        """Takes up the first tokens, which came with the grant."""
        self.forget_all()
        for service in grant.services:
            if service.access_token is None or service.expires_in is None:
                continue
            names = service.scope.split(" ") if service.scope else []
            scopes = frozenset(Scope(name) for name in names if name in frozenset(Scope))
            self._keep((service.service, scopes), service.access_token, service.expires_in)

    async def status(self, sender: Sender) -> str:
        """A token that may do nothing but report, as the connection that stays open needs it; errors as `access`."""
        return await self.access(sender, *STATUS)

    async def contact(self, sender: Sender) -> None:
        """Asks for a token that may do nothing but report. The first such request acknowledges the link.

        `BridgeError` as in `access`.
        """
        async with self._one_at_a_time:
            await self._fetch(sender, STATUS)

    # ------------------------------------------------------------ the token endpoint

    def _fresh(self, wanted: _Wanted) -> _Held | None:
        held = self._held.get(wanted)
        early = EARLY.total_seconds()
        return held if held is not None and self._clock.monotonic() < held.expires_at - early else None

    async def _fetch(self, sender: Sender, wanted: _Wanted) -> _Held:
        link = self._keystore.link
        if link.ended:
            raise BridgeError(Code.LINK_REVOKED)
        try:
            reply = await self._ask(sender, link, wanted)
        except BridgeError as error:
            await self._refused(error)
            raise
        return self._keep(wanted, reply.access_token, reply.expires_in)

    async def _ask(self, sender: Sender, link: KeptLink, wanted: _Wanted) -> _Reply:
        try:
            answer = await self._request(sender, link.credential, wanted)
        except BridgeError as error:
            if link.previous is None or error.code not in _UNKNOWN_CREDENTIAL:
                raise
            # A portal that was restored from yesterday knows the old credential and not the one of this morning.
            answer = await self._request(sender, link.previous, wanted)
            await self._settle(lambda one: one.model_copy(update={"credential": one.previous, "previous": None}))
            log.warning("portal_took_the_old_credential", link=link.link_id)
        reply = _read(answer)
        if not link.acknowledged or self._keystore.link.previous is not None:
            await self._settle(lambda one: one.model_copy(update={"acknowledged": True, "previous": None}))
        self.rotation_asked = reply.rotate
        self._board.reached(reply.server_time or answer.server_time)
        if reply.link_state == LinkState.SUSPENDED:
            # Its status may still be reported, so the portal answers; what the shop wants to know is that it is paused.
            self._board.failed(BridgeError(Code.LINK_SUSPENDED))
        return reply

    async def _settle(self, edit: Callable[[KeptLink], KeptLink]) -> None:
        await self._keystore.change(lambda kept: _with_link(kept, edit))
        self._board.link_changed()

    async def _request(self, sender: Sender, credential: Credential, wanted: _Wanted) -> Answer:
        """One token request, repeated once where its nonce had run out. Each has a number of its own."""
        for last in (False, True):
            # Stored before it is used: a number that comes twice tells the portal of a copied disk.
            kept = await self._keystore.change(lambda one: one.model_copy(update={"counter": one.counter + 1}))
            resource, scopes = wanted
            form = {
                "grant_type": "refresh_token",
                "refresh_token": credential.master_token,
                "scope": write_scopes(scopes),
                "resource": resource,
                "counter": str(kept.counter),
            }
            proof = self.proof("POST", sender.url(TOKEN_PATH), key=credential.pair)
            headers = {"Content-Type": FORM, "DPoP": proof, "Cache-Control": "no-store"}
            answer = await sender.send("POST", TOKEN_PATH, urlencode(form).encode(), headers)
            self.heard(answer.headers)
            if answer.good:
                return answer
            refused = refusal(answer)
            if refused.code is not Code.NONCE_NEEDED or last:
                raise refused
        raise AssertionError("the loop returns or raises")

    async def _refused(self, error: BridgeError) -> None:
        if error.code in _ENDING:
            self.forget_all()
            await self._settle(lambda one: one.model_copy(update={"ended": True}))
            log.warning("portal_link_ended", code=error.code)
        self._board.failed(error)

    def _keep(self, wanted: _Wanted, token: str, expires_in: int) -> _Held:
        ends = self._clock.now() + timedelta(seconds=expires_in)
        held = _Held(token, self._clock.monotonic() + expires_in, ends)
        self._held[wanted] = held
        self._board.tokens({resource: one.ends for (resource, _), one in self._held.items()})
        return held


STATUS: Final[_Wanted] = (Service.REPORTS, frozenset({Scope.STATUS}))
"""The status of the link is in the tokens of every service; which of them is asked does not matter."""


def _with_link(kept: Kept, edit: Callable[[KeptLink], KeptLink]) -> Kept:
    return kept if kept.link is None else kept.model_copy(update={"link": edit(kept.link)})


def _read(answer: Answer) -> _Reply:
    try:
        reply = _Reply.model_validate_json(answer.body)
    except ValidationError:
        raise BridgeError(Code.PORTAL_FAULT, "its answer holds no token") from None
    if reply.token_type.lower() != "dpop":
        raise BridgeError(Code.PORTAL_FAULT, "its token is not bound to a key")
    return reply
