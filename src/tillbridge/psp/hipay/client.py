"""Talks to HiPay's gateway as a shop does: reports an order, and looks one up (UPSTREAM.md, sections 1 to 4)."""

import os
import re
import ssl
from base64 import b64encode
from datetime import timedelta
from typing import Final, Self

import aiohttp
from yarl import URL

from tillbridge.psp.hipay.answers import Found, Seen, read_lookup_answer, read_order_answer
from tillbridge.psp.hipay.orders import PassiveOrder
from tillbridge.psp.verdicts import Fate, Verdict

ORDER_SECONDS: Final = 60.0
"""For an order, as HiPay itself advises: it may ask others before it answers."""

LOOKUP_SECONDS: Final = 20.0
"""For a look-up, which asks nobody else."""

CONNECT_SECONDS: Final = 5.0
"""For the connection with its TLS: three lost packets take less."""

KEEP_ALIVE_SECONDS: Final = 4.0
"""A connection that was idle for longer is not used again: many servers close theirs after five seconds, and a report
that runs into that closing would have to be looked up."""

CONNECTIONS: Final = 16
"""At once: enough for hundreds of reports a second at a gateway that answers in 50 ms, and no flood."""

LARGEST_ANSWER: Final = 256 * 1024
"""Bytes: an order's answer has two thousand, a look-up of one with many attempts a few ten thousand."""

_SECONDS: Final = re.compile(r"[0-9]{1,6}", re.ASCII)
_ORDER: Final = "/rest/v1/order"
_LOOKUP: Final = "/rest/v1/transaction"


class HipayClient:
    """One login at one gateway. It follows no redirect and keeps no cookie; connections are used again."""

    def __init__(
        self,
        base_url: str,
        login: str,
        password: str,
        version: str,
        *,
        seconds: float = ORDER_SECONDS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._base = URL(base_url, encoded=True)
        self._seconds = seconds
        basic = b64encode(f"{login}:{password}".encode()).decode()
        connector = aiohttp.TCPConnector(
            limit=CONNECTIONS, keepalive_timeout=KEEP_ALIVE_SECONDS, ssl=True if tls is None else tls
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers={
                "Accept": "application/json",
                "Authorization": f"Basic {basic}",
                "User-Agent": f"tillbridge/{version}",
            },
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def report(self, order: PassiveOrder, *, look_first: bool) -> Verdict:
        """One attempt to have HiPay know of this order exactly once. Raises nothing that a network could cause.

        `look_first` where an earlier attempt may have arrived: what HiPay has already is never sent a second time.
        """
        try:
            if look_first:
                seen = await self._look(order)
                if isinstance(seen, Verdict):
                    return seen
                if seen.found is not Found.NOTHING:
                    return _of_seen(seen)
            return await self._post(order) or await self._after_duplicate(order)
        except aiohttp.ConnectionTimeoutError:
            return Verdict(Fate.UNREACHED, "HiPay could not be reached in time")
        except TimeoutError:
            return Verdict(Fate.UNCLEAR, "HiPay did not answer in time")
        except (ssl.CertificateError, aiohttp.ClientConnectorCertificateError):
            return Verdict(Fate.HELD, "the certificate of HiPay's gateway is not valid: look at this computer's clock")
        except aiohttp.ClientConnectorDNSError:
            return Verdict(Fate.UNREACHED, "the name of HiPay's gateway is not known: there is no internet")
        except aiohttp.ClientConnectorError as error:
            return Verdict(Fate.UNREACHED, f"HiPay could not be reached: {_cause(error.os_error)}")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Verdict(Fate.UNCLEAR, f"the connection to HiPay failed: {type(error).__name__}")

    async def _after_duplicate(self, order: PassiveOrder) -> Verdict:
        seen = await self._look(order)
        if isinstance(seen, Verdict):
            return seen
        if seen.found is Found.NOTHING:
            return Verdict(Fate.UNCLEAR, "HiPay says that it has the order, and does not show it yet")
        return _of_seen(seen)

    async def _post(self, order: PassiveOrder) -> Verdict | None:
        timeout = self._timeout(self._seconds)
        url = self._base.joinpath(_ORDER.lstrip("/"))
        async with self._session.post(url, data=dict(order.fields), allow_redirects=False, timeout=timeout) as answer:
            body = await _body(answer)
            return read_order_answer(answer.status, body, order, _retry_after(answer))

    async def _look(self, order: PassiveOrder) -> Verdict | Seen:
        timeout = self._timeout(min(self._seconds, LOOKUP_SECONDS))
        url = self._base.joinpath(_LOOKUP.lstrip("/")).with_query(orderid=order.order_id)
        async with self._session.get(url, allow_redirects=False, timeout=timeout) as answer:
            body = await _body(answer)
            return read_lookup_answer(answer.status, body, order, _retry_after(answer))

    @staticmethod
    def _timeout(seconds: float) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(total=seconds, sock_connect=min(CONNECT_SECONDS, seconds))


def _of_seen(seen: Seen) -> Verdict:
    if seen.found is Found.MATCH:
        return Verdict(Fate.TAKEN, reference=seen.reference)
    return Verdict(Fate.REFUSED, seen.words, reference=seen.reference)


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    """All of the answer, or a `ValueError` for one that is too long to be HiPay's."""
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > LARGEST_ANSWER:
            raise ValueError("the answer is too long")
    return bytes(body)


def _retry_after(answer: aiohttp.ClientResponse) -> timedelta | None:
    asked = answer.headers.get("Retry-After", "")
    return timedelta(seconds=int(asked)) if _SECONDS.fullmatch(asked) else None


def _cause(error: OSError) -> str:
    return type(error).__name__ if error.errno is None else os.strerror(error.errno)
