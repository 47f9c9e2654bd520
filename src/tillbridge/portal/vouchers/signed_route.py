"""Loads and redemptions that are signed with a session key, as the server hands them over: what shops ask most.

A framework's routing and dependencies cost more than all that is decided here. Every other request goes on to the
routes (`api.py`), and the rules stand where they stand for those: the signature in `tokens.signed`, what is in the way
in `gate`, the answer in `desk`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.scopes import Scope
from tillbridge.link.signatures import IDEMPOTENCY_KEY, SIGNATURE_INPUT
from tillbridge.link.voucher_messages import LOAD_PATH, REDEEM_PATH, REPLAYED, Load, Redeem
from tillbridge.portal.problems import fault, problem_response
from tillbridge.portal.tokens.answers import service_error
from tillbridge.portal.tokens.proving import NONCE_HEADER, Proving
from tillbridge.portal.tokens.service import Tokens
from tillbridge.portal.tokens.signed import SignedRequest
from tillbridge.portal.vouchers.admitting import Admission, Admissions
from tillbridge.portal.vouchers.gate import SERVICE, AtLocation, Gate, Said, media_type_of, with_legacy
from tillbridge.portal.vouchers.model import Answered, Counter
from tillbridge.web import asgi
from tillbridge.web.asgi import App, Receive, Send
from tillbridge.web.language import choose

_SIGNED: Final = SIGNATURE_INPUT.encode()
_KEY: Final = IDEMPOTENCY_KEY.encode()
_LANGUAGE: Final = b"accept-language"


@dataclass(frozen=True, slots=True)
class _Action:
    """What a path does, and what it needs."""

    scope: Scope
    decide: Callable[[Said, Counter, AtLocation], Awaitable[Answered]]


class SignedVouchers:
    """ASGI middleware: answers these requests, and hands all others to `app`."""

    def __init__(self, app: App, gate: Gate, admissions: Admissions, tokens: Tokens) -> None:
        self._app = app
        self._runtime = tokens.house.runtime
        self._proving: Proving = tokens.proving
        self._admissions = admissions
        self._actions: Mapping[str, _Action] = {
            REDEEM_PATH: _Action(
                Scope.VOUCHERS_REDEEM,
                lambda said, at, standing: gate.decide(said, at, standing, Redeem, gate.desk.redeem),
            ),
            LOAD_PATH: _Action(
                Scope.VOUCHERS_LOAD,
                lambda said, at, standing: gate.decide(said, at, standing, Load, gate.desk.load),
            ),
        }

    async def __call__(self, scope: asgi.Scope, receive: Receive, send: Send) -> None:
        """Serves one request, as ASGI has it."""
        asked = scope["type"] == "http" and scope["method"] == "POST"
        action = self._actions.get(scope["path"]) if asked else None
        if action is None or all(name != _SIGNED for name, _ in scope["headers"]):
            await self._app(scope, receive, send)
            return
        body = await asgi.whole_body(receive)
        if body is None:
            return
        try:
            answered = await self._answer(action, scope, body)
        except BridgeError as error:
            await self._refuse(service_error(Request(scope), error), scope, receive, send)
        except Exception as error:  # noqa: BLE001  # it is logged, and whoever asked has to hear of it
            request = Request(scope)
            trace = fault(self._runtime, request, error)
            answer = problem_response(request, BridgeError(Code.PORTAL_FAULT), trace)
            await self._refuse(answer, scope, receive, send)
        else:
            await asgi.answer(send, (answered.status, self._headers(answered), answered.body))

    async def _answer(self, action: _Action, scope: asgi.Scope, body: bytes) -> Answered:
        found, at = await self._admitted(action, scope, body)
        keys = [value.decode("latin-1") for name, value in scope["headers"] if name == _KEY]
        return await action.decide(Said(body, keys), at, AtLocation(found.tenant_id, found.standing))

    async def _admitted(self, action: _Action, scope: asgi.Scope, body: bytes) -> tuple[Admission, Counter]:
        try:
            signed = SignedRequest.read(scope, body)
            found = await self._admissions.ask(signed.presented.key_id)
            known = None if found is None else (found.session, found.key)
            caller = signed.proven(known, SERVICE, action.scope, self._runtime.clock.now())
        except BridgeError as error:
            raise with_legacy(error) from None
        if found is None:
            raise BridgeError(Code.TOKEN_EXPIRED)
        wished = next((value.decode("latin-1") for name, value in scope["headers"] if name == _LANGUAGE), None)
        return found, Counter(caller.location_id, found.tenant_id, caller.link_id, choose(None, None, wished))

    def _headers(self, answered: Answered) -> list[asgi.Header]:
        headers = [
            (b"content-type", media_type_of(answered).encode()),
            (b"cache-control", b"no-store"),
            (NONCE_HEADER.lower().encode(), self._proving.nonce.encode()),
        ]
        return [*headers, (REPLAYED.lower().encode(), b"true")] if answered.replayed else headers

    async def _refuse(self, answer: Response, scope: asgi.Scope, receive: Receive, send: Send) -> None:
        answer.headers[NONCE_HEADER] = self._proving.nonce
        answer.headers["Cache-Control"] = "no-store"
        await answer(scope, receive, send)
