"""What a key of the native interface is allowed to do."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from starlette.requests import Request

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.operation import Kind


class Scope(StrEnum):
    """What a key may be for; `ALLOWS` says it for each."""

    READ = "read"
    PAY = "pay"
    REFUND = "refund"
    SETTLE = "settle"
    ADMIN = "admin"


ALLOWS: Final = {
    Scope.READ: "lists of payments, totals, and watching them",
    Scope.PAY: "taking money, and stopping or signing what runs",
    Scope.REFUND: "giving money back: refunds and voids",
    Scope.SETTLE: "closing the day, and deciding what only a person can",
    Scope.ADMIN: "setting up who is told of payments, and saying where a terminal is",
}

ALL_SCOPES: Final = frozenset(Scope)

SCOPES: Final = "x-scopes"
"""The extension of OpenAPI under which an operation lists the scopes of which a key needs one."""

OF_KIND: Final = {
    Kind.SALE: Scope.PAY,
    Kind.AUTHORIZATION: Scope.PAY,
    Kind.CAPTURE: Scope.PAY,
    Kind.REFUND: Scope.REFUND,
    Kind.VOID: Scope.REFUND,
    Kind.RECONCILIATION: Scope.SETTLE,
}
"""What a key needs to start a payment of a kind."""

STARTING: Final = tuple(dict.fromkeys(OF_KIND.values()))

_PLACE: Final = "tillbridge.grant"


@dataclass(frozen=True, slots=True)
class Grant:
    """A key that was recognised: the name that it was given, and what it may do."""

    name: str
    scopes: frozenset[Scope]

    @property
    def caller(self) -> str:
        """Within this, order numbers and keys of payments are matched."""
        return f"native:{self.name}"

    def require(self, *scopes: Scope) -> None:
        """Returns if the key has one of these scopes, or none is named; else `BridgeError(SCOPE_MISSING)`."""
        if scopes and self.scopes.isdisjoint(scopes):
            wanted = " or ".join(scopes)
            raise BridgeError(Code.SCOPE_MISSING, f"the key {self.name!r} has no scope {wanted}", place="authorization")


def keep_grant(request: Request, grant: Grant) -> None:
    """Leaves the grant with the request, for whoever answers it."""
    request.scope[_PLACE] = grant


def granted(request: Request) -> Grant:
    """The grant of a request that has come past the key."""
    grant: Grant = request.scope[_PLACE]
    return grant
