"""Who calls, and what a link may be used for at this moment (docs/reference/portal-tokens.md)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link import master_token
from tillbridge.link.scopes import MONEY, WHILE_CONVERTING, Scope, Service, read_scopes
from tillbridge.portal.links.model import ENDED, LinkState
from tillbridge.portal.services.model import REGISTERED

GRANT: Final = "refresh_token"

MOST_REQUESTS: Final = 2**53 - 1
"""The largest number that every JSON library reads exactly."""

WHILE_SUSPENDED: Final = frozenset({Scope.STATUS, Scope.VOUCHERS_CANCEL})
"""A paused link still says how it is and puts money back: nothing may keep money that a guest is owed."""

SCOPES: Final[Mapping[Service, frozenset[Scope]]] = {
    one.service: one.scopes | {Scope.STATUS} | ({Scope.CONVERSION} if one.service is Service.CUSTOMER_BASE else set())
    for one in REGISTERED
}
"""All that a token of a service may ever allow. The status of the link is in every one."""

_EVERYTHING: Final = frozenset(Scope)


@dataclass(frozen=True, slots=True)
class Caller:
    """A connector whose request was proven, and what it may do with this very request."""

    link_id: str
    location_id: str
    service: Service
    scopes: frozenset[Scope]

    def at(self, location_id: str) -> None:
        """Passes if it speaks for this location; another one is unknown to it: `BridgeError(RECORD_UNKNOWN)`."""
        if location_id != self.location_id:
            raise BridgeError(Code.RECORD_UNKNOWN)


@dataclass(frozen=True, slots=True)
class Condition:
    """What the database says of a link at the moment of a request, and of the key that the request is proven with."""

    state: LinkState
    clone_suspected: bool
    key_lives: bool

    def require(self, scope: Scope) -> None:
        """Passes if the link may be used for this now; else `BridgeError` with what stands in the way."""
        if self.state in ENDED:
            raise BridgeError(Code.LINK_REVOKED)
        if self.state is LinkState.WAITING_FIRST_CONTACT or not self.key_lives:
            # Asking for a new token is what acknowledges a new link, and what a connector does unasked.
            raise BridgeError(Code.TOKEN_EXPIRED, "ask for a token with the newest credential")
        if scope not in open_scopes(self.state):
            raise paused(self.state, clone_suspected=self.clone_suspected)


def open_scopes(state: LinkState) -> frozenset[Scope]:
    """What a link that has not ended may be used for in this state."""
    match state:
        case LinkState.SUSPENDED:
            return WHILE_SUSPENDED
        case LinkState.CONVERTING | LinkState.CONVERSION_FAILED:
            return WHILE_CONVERTING
        case _:
            return _EVERYTHING


def paused(state: LinkState, *, clone_suspected: bool) -> BridgeError:
    """Why a link in this state does not do what was asked."""
    if state is not LinkState.SUSPENDED:
        return BridgeError(Code.CONVERSION_REQUIRED)
    return BridgeError(Code.CLONE_SUSPECTED if clone_suspected else Code.LINK_SUSPENDED)


def needs_condition(scope: Scope) -> bool:
    """Whether a request for this is checked against the database each time; the others trust a token of ten minutes."""
    return scope in MONEY


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A request for an access token: for one service, with these scopes or all that there are; `number` counts."""

    token: str
    service: Service
    scopes: frozenset[Scope] | None
    number: int

    def __repr__(self) -> str:
        return f"TokenRequest(service={self.service.value!r}, number={self.number!r})"

    def granted(self, state: LinkState, *, clone_suspected: bool) -> frozenset[Scope]:
        """The scopes of the token. `BridgeError` names why one that was asked for is not among them."""
        possible = SCOPES[self.service]
        if self.scopes is None:
            return possible & open_scopes(state)
        for scope in sorted(self.scopes):
            if scope not in possible:
                raise BridgeError(Code.LINK_SCOPE, "a token of this service never allows that", place=scope)
            if scope not in open_scopes(state):
                raise paused(state, clone_suspected=clone_suspected)
        return self.scopes


def read_request(form: Mapping[str, str]) -> TokenRequest:
    """Reads a token request. `BridgeError(FIELD_INVALID)` names the field and never says what stood there."""
    if form.get("grant_type") != GRANT:
        raise BridgeError(Code.FIELD_INVALID, f"grant_type has to be {GRANT}", place="grant_type")
    token = form.get("refresh_token", "")
    if not master_token.has_form(token):
        raise BridgeError(Code.FIELD_INVALID, "this is no master token", place="refresh_token")
    service = next((one for one in Service if one == form.get("resource")), None)
    if service is None:
        raise BridgeError(Code.FIELD_INVALID, "this names no service", place="resource")
    number = form.get("counter", "")
    if not (number.isascii() and number.isdigit() and len(number) <= len(str(MOST_REQUESTS))):
        raise BridgeError(Code.FIELD_INVALID, "the number of the request is missing", place="counter")
    if int(number) > MOST_REQUESTS:
        raise BridgeError(Code.FIELD_INVALID, "the number of the request is too large", place="counter")
    return TokenRequest(token, service, _scopes(form.get("scope", "")), int(number))


def _scopes(text: str) -> frozenset[Scope] | None:
    if not text:
        return None
    try:
        return read_scopes(text)
    except ValueError:
        raise BridgeError(Code.FIELD_INVALID, "one of these scopes does not exist", place="scope") from None
