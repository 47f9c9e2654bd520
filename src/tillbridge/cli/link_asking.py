"""`tillbridge connector pair` and `tillbridge connector link`: what they do, by asking the running connector."""

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Final, TypeVar

import aiohttp
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tillbridge.cli.exits import Exit
from tillbridge.cli.finding import running_connector
from tillbridge.cli.places import Where
from tillbridge.cli.running import run
from tillbridge.connector.api.portal import ChecksResource, PortalResource
from tillbridge.connector.api.resources import ProblemResource
from tillbridge.connector.portal.checks import Verdict
from tillbridge.connector.portal.states import LinkState, Step
from tillbridge.domain.errors import BridgeError, Code

ANSWER_SECONDS: Final = 60.0
"""For an answer of the connector: the checks ask the portal, with patience of their own."""

LOOK_SECONDS: Final = 0.5
"""Between two looks at a pairing that is under way."""

KEY_BYTES: Final = 16
"""Chance in the key of a request, which is asked for once: as much as a UUID has."""

R = TypeVar("R", bound=BaseModel)

_COLOURS: Final = {Verdict.OK: "green", Verdict.CARE: "bold yellow", Verdict.WRONG: "red", Verdict.UNKNOWN: "yellow"}
_WORDS: Final = {Verdict.OK: "OK", Verdict.CARE: "take care", Verdict.WRONG: "wrong", Verdict.UNKNOWN: "not checked"}
_STEPS: Final = {
    Step.STARTING: "Asking the portal.",
    Step.FINISHING: "The portal checks the PIN.",
    Step.WAITING_CONFIRM: "The office has to confirm. Compare this code with the one in the portal:",
    Step.REPEATING: "The portal has not answered yet; the same request is sent again.",
    Step.STORING: "Storing the connection.",
}


def pair_with(place: Where, pin: str) -> Exit:
    """Pairs, and says step by step how far it is. `BridgeError` says why it came to nothing."""
    return run(_pair(place, pin))


def print_status(place: Where, *, as_json: bool) -> Exit:
    """Prints how the link stands."""
    found = run(_ask(place, "portal", PortalResource))
    if as_json:
        sys.stdout.write(found.model_dump_json(indent=2) + "\n")
    else:
        Console(highlight=False).print(_status_table(found))
    return Exit.APPROVED if found.state is LinkState.ACTIVE else Exit.FAILED


def print_checks(place: Where, *, as_json: bool) -> Exit:
    """Prints every check with what to do."""
    found = run(_ask(place, "portal/checks", ChecksResource))
    if as_json:
        sys.stdout.write(found.model_dump_json(indent=2) + "\n")
    else:
        Console(highlight=False).print(_checks_table(found))
    return Exit.FAILED if any(one.verdict is Verdict.WRONG for one in found.checks) else Exit.APPROVED


async def _pair(place: Where, pin: str) -> Exit:
    async with connector_at(place) as asker:
        begun = await asker.ask("POST", "portal/pair", PortalResource, {"pin": pin})
        wanted = None if begun.exchange is None else begun.exchange.id
        told: tuple[Step, str | None] | None = None
        now = begun
        while now.exchange is not None and now.exchange.id == wanted:
            told = _tell(now, told)
            await asyncio.sleep(LOOK_SECONDS)
            now = await asker.ask("GET", "portal", PortalResource)
    ended = now.last_exchange
    if wanted is not None and (ended is None or ended.id != wanted):
        raise BridgeError(Code.PAIRING_OVER, "it was stopped by somebody else")
    if ended is not None and ended.refusal is not None:
        raise BridgeError(ended.refusal.code, ended.refusal.detail)
    if now.link is None:
        raise BridgeError(Code.NOT_PAIRED)
    sys.stdout.write(f"Connected: {now.link.location_name} ({now.link.location_number}) with {now.link.portal}\n")
    sys.stdout.write(f"Key fingerprint {now.link.fingerprint}, master token {now.link.masked_token}\n")
    return Exit.APPROVED


def _tell(now: PortalResource, told: tuple[Step, str | None] | None) -> tuple[Step, str | None] | None:
    """Says what is new."""
    if now.exchange is None:
        return told
    news = (now.exchange.step, now.exchange.fingerprint)
    if news != told:
        code = f" {now.exchange.fingerprint}" if now.exchange.fingerprint else ""
        sys.stderr.write(f"{_STEPS[now.exchange.step]}{code}\n")
    return news


async def _ask(place: Where, path: str, model: type[R]) -> R:
    async with connector_at(place) as asker:
        return await asker.ask("GET", path, model)


class Asker:
    """Asks one running connector."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def ask(
        self, method: str, path: str, model: type[R], body: dict[str, Any] | None = None, key: str | None = None
    ) -> R:
        """The answer as the model has it; `BridgeError` for a refusal, or CONNECTOR_STOPPING where nobody answers.

        `key` names a write that may be sent again; without one it is made up.
        """
        headers = {} if method == "GET" else {"Idempotency-Key": key or secrets.token_hex(KEY_BYTES)}
        try:
            async with self._session.request(method, f"v1/{path}", json=body, headers=headers) as answer:
                content, status = await answer.read(), answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise BridgeError(Code.CONNECTOR_STOPPING, f"no connector answers at {self._url}") from None
        if not answer.ok:
            raise _refusal(status, content, self._url)
        try:
            return model.model_validate_json(content)
        except ValueError:
            raise _foreign(status, self._url) from None


@asynccontextmanager
async def connector_at(place: Where) -> AsyncIterator[Asker]:
    """The connector that runs here, to be asked. `BridgeError` where none does."""
    url, key = running_connector(place)
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    headers = {"Authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(
        url.rstrip("/") + "/", headers=headers, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        yield Asker(session, url)


def _refusal(status: int, body: bytes, url: str) -> BridgeError:
    try:
        problem = ProblemResource.model_validate_json(body)
        return BridgeError(Code(problem.code), problem.detail or "", place=problem.place)
    except ValueError:  # pydantic's own error is one, and so is a code of a later release
        return _foreign(status, url)


def _foreign(status: int, url: str) -> BridgeError:
    return BridgeError(Code.INTERNAL, f"{url} answered with HTTP status {status}: is it a tillbridge connector?")


def _status_table(found: PortalResource) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in _status_rows(found):
        table.add_row(label, Text(value))
    return table


def _status_rows(found: PortalResource) -> list[tuple[str, str]]:
    rows = [("state", f"{found.state} since {_moment(found.since)}"), ("portal", found.portal or "not set")]
    rows.append(("location", found.location_number or "not set"))
    if found.trouble is not None:
        words = ": ".join(filter(None, (found.trouble.number, found.trouble.detail or found.trouble.code)))
        rows.append(("trouble", words))
    if found.maintenance_until is not None:
        rows.append(("maintenance until", _moment(found.maintenance_until)))
    if found.exchange is not None:
        rows.append(("pairing", " ".join(filter(None, (found.exchange.step, found.exchange.fingerprint)))))
    if found.link is not None:
        link = found.link
        rows += [
            ("paired as", f"{link.location_name} of {link.merchant}, since {_moment(link.paired_at)}"),
            ("fingerprint", link.fingerprint),
            ("master token", link.masked_token),
            ("last contact", "not yet" if found.last_contact_at is None else _moment(found.last_contact_at)),
            *((one.service, _service(one.state, one.expires_at)) for one in link.services),
        ]
    if found.unsent_count:
        rows.append(("unsent", f"{found.unsent_count}, the oldest since {_moment(found.oldest_unsent_at)}"))
    rows += [("warning", warned.replace("_", " ")) for warned in found.warnings]
    return rows


def _service(state: str, expires_at: datetime | None) -> str:
    return state if expires_at is None else f"{state}, access until {_moment(expires_at)}"


def _moment(at: datetime | None) -> str:
    return "?" if at is None else at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _checks_table(found: ChecksResource) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("part", "is"):
        table.add_column(name, no_wrap=True)
    table.add_column("found", overflow="fold")
    table.add_column("what to do", overflow="fold")
    for one in found.checks:
        table.add_row(
            one.part, Text(_WORDS[one.verdict], style=_COLOURS[one.verdict]), Text(one.found), Text(one.remedy)
        )
    return table
