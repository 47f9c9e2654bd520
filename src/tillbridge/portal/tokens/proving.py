"""Proofs of possession as the portal checks them: for its own addresses, with its own nonces, each of them once."""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link import proofs
from tillbridge.link.nonces import Nonces
from tillbridge.link.proofs import Call, Proof
from tillbridge.portal.house import House
from tillbridge.portal.tokens import store
from tillbridge.web.asgi import Scope

HEADER: Final = "dpop"
NONCE_HEADER: Final = "DPoP-Nonce"

_REMEMBERED: Final = timedelta(seconds=proofs.REMEMBERED_SECONDS)


class Proving:
    """Checks proofs, and remembers those that were used."""

    def __init__(self, house: House) -> None:
        self._clock = house.runtime.clock
        # All replicas have the same keys, so each accepts the nonces of every other.
        self._nonces = Nonces(house.vault.mac("dpop nonces", b""))
        self._address = house.settings.address
        self._addresses: Mapping[str, str] = {
            urlsplit(address).netloc.lower(): address for address in house.settings.addresses
        }

    @property
    def nonce(self) -> str:
        """What the next proof is to carry."""
        return self._nonces.current(self._clock.now())

    def check(self, request: Request, access_token: str | None = None) -> Proof:
        """The proof of a request. `BridgeError`: PROOF_REFUSED, or NONCE_NEEDED if all else is right.

        Whose key it is, is the caller's to compare; then it is to be spent.
        """
        given = request.headers.getlist(HEADER)
        if len(given) != 1:
            raise BridgeError(Code.PROOF_REFUSED, "the request needs exactly one DPoP header", place="DPoP")
        call = Call(request.method, self._called(request), access_token)
        return proofs.check(given[0], call, nonces=self._nonces.accepted(self._clock.now()))

    async def spend(self, connection: AsyncConnection, proof: Proof) -> None:
        """Uses a proof up, in the transaction of what it proves; `BridgeError(PROOF_REFUSED)` for a second time."""
        proof_hash = hashlib.sha256(f"{proof.jkt}.{proof.jti}".encode()).hexdigest()
        if not await store.remember(connection, proof_hash, self._clock.now() + _REMEMBERED):
            raise BridgeError(Code.PROOF_REFUSED, "this proof was used before")

    def skew(self, proof: Proof) -> int:
        """Seconds by which the other side's clock is ahead of ours. It is told and never judged."""
        return proof.issued_at - int(self._clock.now().timestamp())

    def _called(self, request: Request) -> str:
        """The address that was called, as one of our own settings names it: what a header says is only looked up."""
        address = self._addresses.get(request.headers.get("host", "").lower(), self._address)
        return address + raw_path(request)


def raw_path(request: Request) -> str:
    """The path as it stands in the request line."""
    return raw_path_of(request.scope)


def raw_path_of(scope: Scope) -> str:
    """The same, of what the server gives."""
    raw = scope.get("raw_path") or scope["path"].encode()
    return bytes(raw).partition(b"?")[0].decode("latin-1")
