"""Requests of later features to the portal: vouchers, customers, reports. One way in, with every failure named."""

import json
from collections.abc import Mapping
from typing import Final

from tillbridge.connector.portal.board import Board
from tillbridge.connector.portal.faults import Answer, refusal
from tillbridge.connector.portal.keystore import Keystore
from tillbridge.connector.portal.tokens import Sender, Tokens
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.scopes import Scope, Service, ServiceState, known_scopes

AGAIN: Final = frozenset({Code.NONCE_NEEDED, Code.TOKEN_EXPIRED})
"""Refusals that say that nothing was executed, and that the same request will do with another nonce or token."""


class PortalClient:
    """Sends requests under the link. The scopes of a service are those that the portal granted for it."""

    def __init__(self, sender: Sender, tokens: Tokens, keystore: Keystore, board: Board) -> None:
        self._sender = sender
        self._tokens = tokens
        self._keystore = keystore
        self._board = board

    async def request(
        self,
        service: Service,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        idempotency_key: str | None = None,
        scopes: frozenset[Scope] | None = None,
    ) -> object:
        """The JSON value that the portal answers; None for an answer without one.

        `scopes` are what the request needs; without them, all that the service was granted at the pairing.

        `BridgeError`: NOT_PAIRED (P201), LINK_REVOKED, LINK_SUSPENDED, KEYSTORE_UNREADABLE; LICENCE_MISSING,
        SWITCHED_OFF and what else the portal refuses; `Unreachable` (X901) where nothing was sent, with its cause;
        `UnderMaintenance` (X903) with its end; PORTAL_REFUSED (X904); OVERLOADED (X905); PORTAL_FAULT and
        PORTAL_SILENT (X906, X907), after which only the same request with the same key may be sent again.
        """
        sent = {"Accept": "application/json"}
        content: bytes | None = None
        if body is not None:
            content = json.dumps(body, ensure_ascii=False).encode()
            sent["Content-Type"] = "application/json"
        if idempotency_key is not None:
            sent["Idempotency-Key"] = idempotency_key
        wanted = self._scopes(service) if scopes is None else scopes
        answer = await self._proven((service, wanted), method, path, content, sent)
        self._board.reached(answer.server_time)
        return _value(answer)

    async def _proven(
        self,
        wanted: tuple[Service, frozenset[Scope]],
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> Answer:
        seen: set[Code] = set()
        while True:
            token = await self._tokens.access(self._sender, *wanted)
            proof = self._tokens.proof(method, self._sender.url(path), token)
            answer = await self._send(method, path, body, {**headers, "Authorization": f"DPoP {token}", "DPoP": proof})
            self._tokens.heard(answer.headers)
            if answer.good:
                return answer
            refused = refusal(answer)
            if refused.code is Code.TOKEN_EXPIRED:
                self._tokens.forget(token)
            if refused.code not in AGAIN or refused.code in seen:
                self._board.failed(refused)
                raise refused
            seen.add(refused.code)

    async def _send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        try:
            return await self._sender.send(method, path, body, headers)
        except BridgeError as error:
            self._board.failed(error)
            raise

    def _scopes(self, service: Service) -> frozenset[Scope]:
        granted = next((one for one in self._keystore.link.services if one.service == service), None)
        if granted is None or granted.state is ServiceState.NOT_AVAILABLE:
            raise BridgeError(Code.SERVICE_UNAVAILABLE, "the portal does not have this service", place=service)
        return known_scopes(granted.scope) or frozenset({Scope.STATUS})


def _value(answer: Answer) -> object:
    if not answer.body:
        return None
    try:
        value: object = json.loads(answer.body)
    except (ValueError, RecursionError):
        # It was carried out, and what it said is lost: the same key gets it again.
        raise BridgeError(Code.PORTAL_FAULT, "its answer cannot be read") from None
    return value
