"""The documented form for tills of other makers: balance, redeem and cancel as JSON under one address.

docs/reference/voucher-providers.md, section 3. 200 is fine, all else an error; a message that is not empty says so too.
"""

from http import HTTPStatus
from types import SimpleNamespace
from typing import Annotated, Any, Final, TypeVar

import aiohttp
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from yarl import URL

from tillbridge.connector.vouchers.providers.asking import Balance, Fate, NotDone, Redeemed, one_line
from tillbridge.connector.vouchers.providers.profile import KeyPlace, Provider

LARGEST_ANSWER: Final = 64 * 1024
"""Bytes: an answer has two hundred."""

LONGEST_TOKEN: Final = 500

_SHUT: Final = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
    }
)
"""It did not look at the voucher: so it says nothing of an earlier request."""

_DOUBTFUL: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT})

Minor = Annotated[int, Field(ge=0, le=10**12)]


class _Said(BaseModel):
    # Strict: an amount as a text or with a decimal point is no amount.
    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, hide_input_in_errors=True)

    code: str
    balance_in_cents: Minor
    message: str = ""


class _Balance(_Said):
    is_redeemable: bool


class _Redeemed(_Said):
    redeem_token: Annotated[str, Field(min_length=1, max_length=LONGEST_TOKEN)]


class _Cancelled(_Said):
    pass


class _Refused(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, hide_input_in_errors=True)

    message: str = ""


M = TypeVar("M", bound=_Said)


class RestForm:
    """One provider over HTTP. Each request has a connection of its own, so that it is known whether one came about.

    It follows no redirect, asks no proxy and keeps no cookie.
    """

    def __init__(self, provider: Provider, version: str) -> None:
        self._provider = provider
        self._base = URL(provider.profile.base_url)
        self._version = version
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """See `Adapter.close`."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def balance(self, number: str) -> Balance:
        """See `Adapter.balance`."""
        found = await self._ask(_Balance, "GET", number, "balance")
        if found.message and found.is_redeemable:
            raise NotDone(Fate.REFUSED, f"balance: {one_line(found.message)}", one_line(found.message))
        return Balance(found.is_redeemable, found.balance_in_cents, one_line(found.message))

    async def redeem(self, number: str, pin: str | None, amount: int, reference: str | None) -> Redeemed:
        """See `Adapter.redeem`."""
        body: dict[str, Any] = {"amount_in_cents": amount}
        if pin is not None:
            body["pin"] = pin
        if reference is not None:
            body["reference_number"] = reference
        found = await self._ask(_Redeemed, "POST", number, "redeem", body)
        _believable(found, found.redeem_token)
        return Redeemed(found.balance_in_cents, found.redeem_token)

    async def cancel(self, number: str, token: str, amount: int, reference: str | None) -> int:
        """See `Adapter.cancel`."""
        body: dict[str, Any] = {"redeem_token": token, "amount_in_cents": amount}
        if reference is not None:
            body["reference_number"] = reference
        found = await self._ask(_Cancelled, "POST", number, "cancel", body)
        _believable(found, token)
        if found.balance_in_cents < amount:
            said = f"it says that {amount} went back and that {found.balance_in_cents} is on it"
            raise NotDone(Fate.CONTRADICTED, said, balance=found.balance_in_cents, token=token)
        return found.balance_in_cents

    # ------------------------------------------------------------ one request

    async def _ask(self, shape: type[M], method: str, number: str, what: str, body: dict[str, Any] | None = None) -> M:
        trail = SimpleNamespace(connected=False)
        try:
            status, content = await self._exchange(method, self._base / "vouchers" / number / what, body, trail)
        except (aiohttp.ClientError, OSError, ValueError) as error:  # TimeoutError is an OSError
            fate = Fate.UNKNOWN if trail.connected else Fate.NOT_SENT
            raise NotDone(fate, f"{what}: {_why(error, trail)}") from None
        if status != HTTPStatus.OK:
            raise _refusal(status, content, what)
        try:
            found = shape.model_validate_json(content)
        except ValidationError as error:
            wrong = ", ".join(sorted({".".join(map(str, one["loc"])) or "JSON" for one in error.errors()}))
            raise NotDone(Fate.UNKNOWN, f"{what}: its answer cannot be read ({wrong})") from None
        if found.code != number:
            raise NotDone(Fate.CONTRADICTED, f"{what}: it answered for another number", balance=None)
        return found

    async def _exchange(
        self, method: str, url: URL, body: dict[str, Any] | None, trail: SimpleNamespace
    ) -> tuple[int, bytes]:
        key, headers = self._provider.key.get_secret_value(), {"Accept": "application/json"}
        if self._provider.profile.key_in is KeyPlace.HEADER:
            headers["X-Api-Key"] = key
        else:
            url = url.with_query(apikey=key)
        async with self._opened().request(
            method, url, json=body, headers=headers, allow_redirects=False, trace_request_ctx=trail
        ) as answer:
            content = await answer.content.read(LARGEST_ANSWER + 1)
            while not answer.content.at_eof() and len(content) <= LARGEST_ANSWER:
                content += await answer.content.read(LARGEST_ANSWER + 1)
            if len(content) > LARGEST_ANSWER:
                raise ValueError("an answer without end")
            return answer.status, content

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            timeout = self._provider.profile.timeout
            trace = aiohttp.TraceConfig()
            trace.on_connection_create_end.append(_connected)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True, use_dns_cache=False, limit=8),
                timeout=aiohttp.ClientTimeout(
                    total=timeout.connect + timeout.answer, connect=timeout.connect, sock_read=timeout.answer
                ),
                headers={"User-Agent": f"tillbridge/{self._version}"},
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                trace_configs=[trace],
            )
        return self._session


async def _connected(_: object, context: Any, __: object) -> None:  # noqa: ANN401  # aiohttp's own kind of value
    context.trace_request_ctx.connected = True


def _why(error: Exception, trail: SimpleNamespace) -> str:
    """What happened on the way, for whoever looks into it."""
    kind = type(error).__name__
    if not trail.connected:
        return f"no connection ({kind})"
    return "no answer in time" if isinstance(error, TimeoutError) else f"the connection broke off ({kind})"


def _believable(found: _Said, token: str) -> None:
    if found.message:
        said = f"it answered as if done, and said: {one_line(found.message)}"
        raise NotDone(Fate.CONTRADICTED, said, balance=found.balance_in_cents, token=token)


def _refusal(status: int, content: bytes, what: str) -> NotDone:
    try:
        message = one_line(_Refused.model_validate_json(content).message)
    except ValidationError:
        message = ""
    said = f"{what}: HTTP {status}" + (f", {message}" if message else "")
    if status in _SHUT:
        return NotDone(Fate.SHUT, said, message)
    client = HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    if client and status not in _DOUBTFUL:
        return NotDone(Fate.REFUSED, said, message)
    return NotDone(Fate.UNKNOWN, said, message)
