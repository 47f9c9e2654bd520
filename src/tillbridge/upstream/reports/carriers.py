"""Carries one message to one receiver, once, and says what came of it: one carrier for each kind of receiver."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from tillbridge.engine.journal.records import Event
from tillbridge.protocols.contract import Payment
from tillbridge.psp.hipay.orders import Contract, passive_order
from tillbridge.psp.verdicts import TAKEN, Fate, Verdict
from tillbridge.runtime.effects import Clock
from tillbridge.upstream.messages import Resource
from tillbridge.upstream.reports.appending import AppendingFile
from tillbridge.upstream.reports.choosing import told_contract, used_contract
from tillbridge.upstream.reports.records import Message
from tillbridge.upstream.settings import ContractName, FileReceiver, HipayReceiver, WebhookReceiver
from tillbridge.web.webhooks.courier import Courier, Reply
from tillbridge.web.webhooks.signing import sign

if TYPE_CHECKING:
    from tillbridge.psp.hipay.client import HipayClient

AT_ONCE_HTTP: Final = 16
"""Messages of different payments at once: enough for hundreds a second, and no flood for who comes back after days."""

AT_ONCE_FILE: Final = 4
"""Lines at once; one of them is being written while the next ones are made."""

_OUTSIDE: Final = (401, 403)
_LATER: Final = (429, 503)
_CLIENT_FAULT: Final = range(400, 500)
_UNCLEAR_4XX: Final = (408, 425)
_NOT_SENT: Final = "not sent: "


@dataclass(frozen=True, slots=True)
class Ready:
    """A message with what it is about."""

    message: Message
    event: Event
    payment: Payment


class Carrier(Protocol):
    """What the outbox sends with. `at_once` is how many messages it takes at the same time."""

    at_once: int

    async def carry(self, ready: Ready) -> Verdict:
        """One attempt. Raises nothing that a receiver, a network or a disk could cause."""
        ...

    async def close(self) -> None:
        """Lets go of connections."""
        ...


class HipayCarrier:
    """Reports to HiPay. The HTTP client is loaded with the first message."""

    at_once = AT_ONCE_HTTP

    def __init__(self, receiver: HipayReceiver, version: str) -> None:
        self._receiver = receiver
        self._version = version
        self._loading = asyncio.Lock()
        self._client: HipayClient | None = None

    async def carry(self, ready: Ready) -> Verdict:
        """See `Carrier.carry`."""
        contract = self._contract(ready.payment)
        if isinstance(contract, str):
            return Verdict(Fate.REFUSED, contract)
        order = passive_order(ready.payment, contract, self._receiver.hashkey.get_secret_value())
        client = await self._opened()
        return await client.report(order, look_first=ready.message.attempts > 0)

    async def close(self) -> None:
        """See `Carrier.close`."""
        if self._client is not None:
            await self._client.__aexit__()

    async def _opened(self) -> "HipayClient":
        async with self._loading:
            if self._client is None:
                # In a thread: it takes a tenth of a second, in which no payment shall stand still.
                module = await asyncio.to_thread(import_module, "tillbridge.psp.hipay.client")
                password = self._receiver.password.get_secret_value()
                self._client = module.HipayClient(self._receiver.gateway, self._receiver.login, password, self._version)
            return self._client

    def _contract(self, payment: Payment) -> Contract | str:
        """The contract to name, or why none can be named: HiPay matches by it, so that it is never guessed."""
        known = self._receiver.contract.named()
        told = told_contract(payment)
        used = used_contract(payment, known)
        if used is None and told is not None:
            return f"the terminal used the contract {told}, which the settings do not name (1009)"
        used = used or self._receiver.contract_if_unknown
        if used is None:
            return "the terminal does not say which contract it used: set contract_if_unknown"
        merchant = known[used].merchant_id
        return Contract(self._receiver.mid or merchant, merchant)


class WebhookCarrier:
    """Posts what webhooks are told, signed as they are."""

    at_once = AT_ONCE_HTTP

    def __init__(self, receiver: WebhookReceiver, courier: Courier, clock: Clock, resource: Resource) -> None:
        self._receiver = receiver
        self._courier = courier
        self._clock = clock
        self._resource = resource

    async def carry(self, ready: Ready) -> Verdict:
        """See `Carrier.carry`."""
        body = write_message(self._receiver, ready, self._resource)
        secret = self._receiver.secret.get_secret_value()
        headers = sign([secret], ready.message.name, self._clock.now(), body)
        return _of_reply(await self._courier.carry(self._receiver.url, headers, body))

    async def close(self) -> None:
        """The courier belongs to whoever made it."""


class FileCarrier:
    """Writes a line for each message, on disk before it counts."""

    at_once = AT_ONCE_FILE

    def __init__(self, receiver: FileReceiver, folder: Path, clock: Clock, resource: Resource) -> None:
        self._receiver = receiver
        self._file = AppendingFile(folder / receiver.path.expanduser(), receiver.largest_bytes)
        self._clock = clock
        self._resource = resource

    async def carry(self, ready: Ready) -> Verdict:
        """See `Carrier.carry`."""
        line = write_message(self._receiver, ready, self._resource, named=True) + b"\n"
        try:
            await asyncio.to_thread(self._file.append, line, self._clock.now())
        except OSError as error:
            return Verdict(Fate.UNREACHED, f"the file cannot be written: {error.strerror}")
        return TAKEN

    async def close(self) -> None:
        """Holds nothing open."""


def write_message(
    receiver: WebhookReceiver | FileReceiver,
    ready: Ready,
    resource: Callable[[Payment], object],
    *,
    named: bool = False,
) -> bytes:
    """A message as JSON on one line: `type`, `timestamp` and `data` as webhooks have them.

    `contract` is there where there is one message for each contract, `id` where no header carries it.
    """
    written: dict[str, object] = {"id": ready.message.name} if named else {}
    written |= {
        "type": ready.message.type.value,
        "timestamp": ready.event.at.isoformat().replace("+00:00", "Z"),
        "data": resource(ready.payment),
    }
    contracts = {} if receiver.per_contract is None else receiver.per_contract.named()
    if ready.message.contract is not None:
        name = ContractName(ready.message.contract)
        known = contracts.get(name)
        written["contract"] = {"name": name.value} | ({} if known is None else known.model_dump(mode="json"))
    return json.dumps(written, ensure_ascii=False, separators=(",", ":")).encode()


def _of_reply(reply: Reply) -> Verdict:
    """What a webhook's answer means here."""
    words, status = reply.failure, reply.status
    if words is None:
        return Verdict(Fate.TAKEN, status=status)
    if status is None:
        fate = Fate.HELD if words.startswith(_NOT_SENT) else Fate.UNREACHED
        return Verdict(fate, words)
    if status in _LATER:
        return Verdict(Fate.UNREACHED, words, status, retry_after=reply.retry_after)
    if status in _OUTSIDE or status < _CLIENT_FAULT.start:
        return Verdict(Fate.HELD, words, status)
    if status in _CLIENT_FAULT and status not in _UNCLEAR_4XX:
        return Verdict(Fate.REFUSED, words, status)
    return Verdict(Fate.UNCLEAR, words, status, retry_after=reply.retry_after)
