"""Talks to HiPay about payment pages: opens one, reads what came of it, gives money back (HOSTED.md)."""

import os
import ssl
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Self, TypeVar

import aiohttp
from yarl import URL

from tillbridge.domain.money import Money
from tillbridge.psp.hipay.hosted.asking import fields_of, refund_fields
from tillbridge.psp.hipay.hosted.model import Attempt, HostedPage, HostedTrouble, Trouble, Wish
from tillbridge.psp.hipay.hosted.reading import read_attempts, read_known, read_operation, read_page

OPENING_SECONDS: Final = 20.0
"""To open a page: nobody else is asked for that, and a buyer is waiting."""

REFUND_SECONDS: Final = 60.0
"""For a refund, as HiPay itself advises: it may ask others before it answers."""

READ_SECONDS: Final = 20.0
CONNECT_SECONDS: Final = 5.0
"""For the connection with its TLS: three lost packets take less."""

KEEP_ALIVE_SECONDS: Final = 4.0
"""Many servers close an idle connection after five seconds; a wish that runs into that would have to be looked up."""

CONNECTIONS: Final = 32
LARGEST_ANSWER: Final = 256 * 1024

T = TypeVar("T")
Read = Callable[[int, bytes], T]


class HostedClient:
    """One login. It follows no redirect and keeps no cookie; connections are used again.

    `reads` is where the third version of the reads is, the gateway's own address where both are one.
    `seconds` bounds every wait from above. Raises `HostedTrouble`.
    """

    def __init__(  # two addresses, a login with its password, and what differs in tests
        self,
        base: str,
        reads: str,
        login: str,
        password: str,
        version: str,
        *,
        seconds: float = REFUND_SECONDS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._base, self._reads = URL(base, encoded=True), URL(reads, encoded=True)
        self._seconds = seconds
        basic = b64encode(f"{login}:{password}".encode()).decode()
        self._tls = tls
        self._headers = {
            "Accept": "application/json",
            "Authorization": f"Basic {basic}",
            "User-Agent": f"tillbridge/{version}",
        }
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Lets go of the connections; the next request opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def open(self, wish: Wish) -> HostedPage:
        """Asks for the page of a wish, once."""
        url = self._base.joinpath("rest/v1/hpayment")
        return await self._ask("POST", url, OPENING_SECONDS, read_page, fields_of(wish))

    async def attempts(self, order_id: str) -> Sequence[Attempt]:
        """What HiPay knows of the attempts to pay an order."""
        url = self._base.joinpath("rest/v1/transaction").with_query(orderid=order_id)
        return await self._ask("GET", url, READ_SECONDS, lambda status, body: read_attempts(status, body, order_id))

    async def refund(self, reference: str, amount: Money, operation_id: str) -> None:
        """Asks for a refund, once; `reference` is that of the attempt."""
        url = self._base.joinpath("rest/v1/maintenance/transaction", reference)
        await self._ask("POST", url, REFUND_SECONDS, read_operation, refund_fields(amount, operation_id))

    async def has_operation(self, operation_id: str) -> bool:
        """Whether an operation of this id was made."""
        url = self._reads.joinpath("v3/transactions/opid", operation_id)
        return await self._ask("GET", url, READ_SECONDS, read_known)

    def _connected(self) -> aiohttp.ClientSession:
        """The connections. They belong to the loop that first asks: a client can be made before there is one."""
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=CONNECTIONS,
                keepalive_timeout=KEEP_ALIVE_SECONDS,
                ssl=True if self._tls is None else self._tls,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                headers=self._headers,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session

    async def _ask(
        self, method: str, url: URL, seconds: float, read: Read[T], form: Mapping[str, str] | None = None
    ) -> T:
        most = min(seconds, self._seconds)
        timeout = aiohttp.ClientTimeout(total=most, sock_connect=min(CONNECT_SECONDS, most))
        try:
            async with self._connected().request(
                method, url, data=form, allow_redirects=False, timeout=timeout
            ) as answer:
                return read(answer.status, await _body(answer))
        except aiohttp.ConnectionTimeoutError:
            raise HostedTrouble(Trouble.AWAY, "HiPay could not be reached in time") from None
        except TimeoutError:
            raise HostedTrouble(Trouble.UNCLEAR, "HiPay did not answer in time") from None
        except (ssl.CertificateError, aiohttp.ClientConnectorCertificateError):
            raise HostedTrouble(Trouble.BARRED, "the certificate of HiPay's gateway is not valid") from None
        except aiohttp.ClientConnectorError as error:
            raise HostedTrouble(Trouble.AWAY, f"HiPay could not be reached: {_cause(error.os_error)}") from None
        except (aiohttp.ClientError, OSError) as error:
            words = f"the connection to HiPay failed: {type(error).__name__}"
            raise HostedTrouble(Trouble.UNCLEAR, words) from None


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_any():
        body += chunk
        if len(body) > LARGEST_ANSWER:
            raise HostedTrouble(Trouble.UNCLEAR, "HiPay's answer is too long")
    return bytes(body)


def _cause(error: OSError) -> str:
    return type(error).__name__ if error.errno is None else os.strerror(error.errno)
