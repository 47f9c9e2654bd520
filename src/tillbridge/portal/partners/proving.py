"""How a partner's request is proven: by its key, in a header (docs/reference/voucher-partner-api.md, section 2)."""

import hmac
from datetime import datetime, timedelta
from typing import Final

from starlette.requests import Request

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.scopes import Scope, write_scopes
from tillbridge.portal.house import House
from tillbridge.portal.pairing import windows
from tillbridge.portal.partners import store
from tillbridge.portal.partners.model import CALLS_A_MINUTE, MISSES, PartnerKey, digest_of
from tillbridge.portal.source import source_of
from tillbridge.portal.vouchers.gate import Asker, Asking
from tillbridge.portal.vouchers.guessing import waiting

HEADER: Final = "X-Api-Key"
QUERY: Final = "apikey"
BEARER: Final = "bearer"

USED_AGAIN: Final = timedelta(minutes=1)
"""For so long the moment of the last use is not written anew: it is for people, and a write costs a commit."""

PAUSE: Final = timedelta(minutes=1)


class KeyProofs:
    """A partner's."""

    def __init__(self, house: House) -> None:
        self._house = house

    def either(self, *scopes: Scope) -> Asking:
        """See `Proofs.either`. `BridgeError`: PORTAL_REFUSED, VOUCHER_RATE, LINK_SCOPE."""

        async def asker(request: Request) -> Asker:
            key, name = await self._known(request)
            if not set(scopes) & set(key.scopes):
                raise BridgeError(Code.LINK_SCOPE, f"the key has {write_scopes(key.scopes)}", place=scopes[-1])
            return Asker(key.location_id, key.id, name)

        return asker

    async def _known(self, request: Request) -> tuple[PartnerKey, str]:
        """The key of a request, counted, and its partner's name."""
        text, in_address = _given(request)
        now, source = self._house.runtime.clock.now(), source_of(request, self._house.settings)
        digest = digest_of(self._house.vault, text)
        found = None
        if digest is not None:
            async with self._house.database.reading() as connection:
                found = await store.key_by_digest(connection, digest)
        if digest is None or found is None or not _opens(found[0], digest, now, in_address=in_address):
            await self._count_miss(source, now)
            raise _refused()
        await self._count_call(found[0], source, now)
        return found

    async def _count_miss(self, source: str, now: datetime) -> None:
        async with self._house.database.writing() as connection:
            wait = await windows.take(connection, MISSES, source, now)
        if wait is not None:
            raise waiting(Code.VOUCHER_RATE, now + timedelta(seconds=wait), now)

    async def _count_call(self, key: PartnerKey, source: str, now: datetime) -> None:
        async with self._house.database.writing() as connection:
            calls = await store.count_call(connection, key.id, now)
            if key.used_at is None or now - key.used_at >= USED_AGAIN or key.used_from != source:
                await store.used(connection, key.id, now, source)
        if calls > CALLS_A_MINUTE:
            raise waiting(Code.VOUCHER_RATE, now + PAUSE, now)


def _given(request: Request) -> tuple[str, bool]:
    """The one key of a request, and whether it stands in the address."""
    headers = [text.strip() for text in request.headers.getlist(HEADER)]
    for text in request.headers.getlist("authorization"):
        scheme, _, key = text.partition(" ")
        if scheme.lower() == BEARER:
            headers.append(key.strip())
    queries = request.query_params.getlist(QUERY)
    if len(headers) + len(queries) != 1:
        # With two of them it would be open to chance which one counts, and where it was logged.
        raise BridgeError(Code.PORTAL_REFUSED, f"a request needs exactly one key: {HEADER}")
    return (queries[0], True) if queries else (headers[0], False)


def _opens(key: PartnerKey, digest: bytes, now: datetime, *, in_address: bool) -> bool:
    return hmac.compare_digest(key.digest, digest) and key.good(now) and (key.in_address or not in_address)


def _refused() -> BridgeError:
    # One answer for every reason: whoever holds a key that ended learns from the merchant why.
    return BridgeError(Code.PORTAL_REFUSED, "this key opens nothing here", place=HEADER)
