"""The workers: tills that ask again with the same key until they have an answer."""

import asyncio
import json
import random
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.portal.storm.book import Book, said
from tests.portal.storm.links import ShopLink
from tests.portal.storm.plan import Action, Cut, Kind, Undo
from tests.portal.storm.street import Street
from tests.portal.storm.wire import Answer, Broken, Line
from tests.portal.vouchers.floor import PIN
from tillbridge.domain.errors import Code
from tillbridge.link.signatures import SessionKey, Signed, sign
from tillbridge.link.voucher_messages import LOAD_PATH, OPERATIONS_PATH, REDEEM_PATH
from tillbridge.runtime.effects import Clock

LAG: Final = 3
"""Actions that a till does before it takes one back."""

MOST_TRIES: Final = 3000


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent, byte for byte the same each time but for its signature."""

    path: str
    body: bytes
    key: str

    @classmethod
    def of(cls, action: Action, number: str) -> "Request":
        """The action itself."""
        asked: dict[str, object] = {"number": number, "currency": "EUR", "transaction_ref": action.key[-20:]}
        if action.kind is Kind.LOAD:
            return cls(LOAD_PATH, json.dumps(asked | {"amount": action.amount}).encode(), action.key)
        return cls(REDEEM_PATH, json.dumps(asked | {"pin": PIN, action.kind.value: action.amount}).encode(), action.key)

    @classmethod
    def undoing(cls, action: Action) -> "Request":
        """What takes it back."""
        what = "reverse" if action.kind is Kind.LOAD else "put-back"
        return cls(f"{OPERATIONS_PATH}/{action.key}/{what}", b"", f"{action.key}-undo")

    def signed(self, session: SessionKey, clock: Clock) -> bytes:
        """The bytes to send."""
        headers = sign(session, Signed("POST", self.path, "", self.body, self.key), clock.now()) | {
            "idempotency-key": self.key,
            "host": "127.0.0.1",
            "content-type": "application/json",
            "content-length": str(len(self.body)),
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST {self.path} HTTP/1.1\r\n{lines}\r\n".encode() + self.body


@dataclass(slots=True)
class Worker:
    """One till. It keeps its connections to each process of the portal."""

    number: int
    street: Street
    links: Sequence[ShopLink]
    book: Book
    clock: Clock
    idle: Mapping[int, list[Line]] = field(default_factory=lambda: defaultdict(list))
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(f"{self.street.plan.seed} {self.number} ways")

    async def work(self) -> None:
        """All of its actions."""
        later: deque[Action] = deque()
        for action in self.street.plan.actions(self.number):
            await self.street.tally.allowed()
            await self._carry_out(action)
            await self.street.tally.add()
            if action.undo is Undo.LATER:
                later.append(action)
            if len(later) > LAG:
                await self._undo(later.popleft())
        for action in later:
            await self._undo(action)

    async def ask_again(self, actions: Sequence[Action]) -> None:
        """Asks again what was answered long ago, and takes back again what was taken back."""
        for action in actions:
            await self._do(action)
            if action.key in self.book.undone:
                await self._undo(action)

    def hang_up(self) -> None:
        """Closes its connections."""
        for lines in self.idle.values():
            for line in lines:
                line.close()

    async def _carry_out(self, action: Action) -> None:
        match action.undo:
            case Undo.BEFORE:
                await self._undo(action)
                await self._do(action)
            case Undo.RACING:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._do(action))
                    group.create_task(self._undo(action))
            case _ if action.twin:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._do(action))
                    group.create_task(self._do(action))
            case _:
                await self._do(action)

    async def _do(self, action: Action) -> None:
        request = Request.of(action, self.street.numbers[action.voucher])
        for answer in await self._answers(action, request, action.cut):
            self.book.heard(action, answer)

    async def _undo(self, action: Action) -> None:
        for answer in await self._answers(action, Request.undoing(action), action.cut_of_undo):
            self.book.heard_undo(action, answer)

    async def _answers(self, action: Action, request: Request, cut: Cut) -> list[Answer]:
        """The answer that holds, and before it the one that was cut off after the portal had given it."""
        heard: list[Answer] = []
        later = 0
        for tries in range(MOST_TRIES):
            session = await self.links[action.shop].key()
            try:
                answer = await self._once(request.signed(session, self.clock), cut)
            except Broken:
                heard += self._cut_off(request, cut)
                cut = Cut.NOWHERE
                # Whoever finds nobody there lets others do something first.
                await asyncio.sleep(0 if tries < 10 else 0.01)  # a process ends when it ends
                continue
            if answer.status == 401 and said(answer)["code"] == Code.TOKEN_EXPIRED:
                await self.links[action.shop].renew(session)
                self.street.hits["session renewed"] += 1
            elif self.book.passes(answer):
                later += 1
                await self.street.calm(later)
            else:
                return [*heard, answer]
        raise AssertionError(f"{action} was never answered")

    async def _once(self, request: bytes, cut: Cut) -> Answer:
        portal = await self.street.portal(self.chance.randrange(2))
        if cut is not Cut.NOWHERE:
            line = await Line.to(self.street.relays[portal.port, cut].port)
            try:
                return await line.ask(request)
            finally:
                line.close()
        lines = self.idle[portal.port]
        while lines and not lines[-1].open:
            lines.pop()
        line = lines.pop() if lines else await Line.to(portal.port)
        answer = await line.ask(request)
        lines.append(line)
        return answer

    def _cut_off(self, request: Request, cut: Cut) -> list[Answer]:
        """What the portal had answered when the connection was cut, if it was something that holds."""
        self.street.hits["connection broken" if cut is Cut.NOWHERE else cut.value] += 1
        kept = [relay.heard.pop(request.key) for relay in self.street.relays.values() if request.key in relay.heard]
        return [one for one in kept if one.status != 401 and not self.book.passes(one)]
