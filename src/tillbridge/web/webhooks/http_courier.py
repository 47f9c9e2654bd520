"""The courier over HTTP. Whatever a receiver does, an attempt ends in time."""

import os
import socket
import ssl
from collections.abc import Mapping
from typing import Final, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from tillbridge.web.webhooks.addresses import AddressRefused, WebhookSettings, check_address, check_url, resolve
from tillbridge.web.webhooks.courier import Reply, read_reply

ATTEMPT_SECONDS: Final = 15.0
"""For all of an attempt, from the name to the answer's head: a receiver notes the message and answers, no more."""

CONNECT_SECONDS: Final = 5.0
"""For the connection with its TLS: three lost packets take less."""

MOST_READ: Final = 4096
"""Bytes of an answer that are taken in. Nobody reads them: they are there so that a short answer ends cleanly."""

LARGEST_HEADER: Final = 8190


class HttpCourier:
    """Over HTTP, with a fresh connection for each attempt: to the address that was checked, and nowhere else.

    It follows no redirect, asks no proxy, keeps no cookie and unpacks no compressed answer.
    """

    def __init__(
        self,
        settings: WebhookSettings,
        version: str,
        seconds: float = ATTEMPT_SECONDS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._settings = settings
        self._plain = self._session(version, seconds, encrypted=False, tls=tls)
        self._encrypted = self._session(version, seconds, encrypted=True, tls=tls)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._plain.close()
        await self._encrypted.close()

    async def carry(self, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """See `Courier.carry`."""
        try:
            checked = check_url(url, self._settings)
            return await self._post(checked, headers, body)
        except AddressRefused as refusal:
            return Reply(failure=f"not sent: {refusal}")
        except TimeoutError:
            return Reply(failure="it did not answer in time")
        except (ssl.CertificateError, aiohttp.ClientConnectorCertificateError):
            return Reply(failure="its certificate is not valid")
        except aiohttp.ClientConnectorDNSError:
            return Reply(failure="its name is not known")
        except aiohttp.ClientConnectorError as error:
            return Reply(failure=f"it could not be reached: {_cause(error.os_error)}")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Reply(failure=f"the connection failed: {type(error).__name__}")

    async def _post(self, url: URL, headers: Mapping[str, str], body: bytes) -> Reply:
        session = self._encrypted if url.scheme == "https" else self._plain
        async with session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
            reply = read_reply(answer.status, answer.headers.get("Retry-After"))
            await _take_in(answer)
            return reply

    def _session(
        self, version: str, seconds: float, *, encrypted: bool, tls: ssl.SSLContext | None
    ) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            resolver=CheckedResolver(self._settings, encrypted=encrypted),
            use_dns_cache=False,
            force_close=True,
            limit=0,
            ssl=True if tls is None else tls,
        )
        return aiohttp.ClientSession(
            connector=connector,
            headers={"Content-Type": "application/json", "User-Agent": f"tillbridge/{version}"},
            timeout=aiohttp.ClientTimeout(total=seconds, sock_connect=min(CONNECT_SECONDS, seconds)),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            max_line_size=LARGEST_HEADER,
            max_field_size=LARGEST_HEADER,
        )


class CheckedResolver(AbstractResolver):
    """Resolves names for the HTTP client, which connects to nothing but what this gives it.

    A name of which one single address is refused is refused whole: which of them is taken is not ours to choose.
    """

    def __init__(self, settings: WebhookSettings, *, encrypted: bool) -> None:
        self._settings = settings
        self._encrypted = encrypted

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """See `AbstractResolver`; `AddressRefused` besides `OSError`."""
        found = await resolve(host, port, family)
        for one, _ in found:
            check_address(one, self._settings, encrypted=self._encrypted)
        return [
            ResolveResult(
                hostname=host, host=str(one), port=port, family=kind, proto=0, flags=int(socket.AI_NUMERICHOST)
            )
            for one, kind in found
        ]

    async def close(self) -> None:
        """Holds nothing."""


def _cause(error: OSError) -> str:
    """The system's own words for it: asyncio's name the address, which belongs into no log of deliveries."""
    return type(error).__name__ if error.errno is None else os.strerror(error.errno)


async def _take_in(answer: aiohttp.ClientResponse) -> None:
    """A receiver has said what it says with its status; an answer that never ends or breaks off changes nothing."""
    try:
        await answer.content.read(MOST_READ)
    except (aiohttp.ClientError, TimeoutError, OSError):
        answer.close()
