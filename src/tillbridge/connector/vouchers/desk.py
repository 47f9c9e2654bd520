"""The voucher desk at the till: look up, redeem, load, confirm, put back, reverse, and ask by key.

docs/reference/connector-vouchers.md. A voucher is debited at once and put back on need; nothing here ever lapses by
itself. One key of the till is one action for ever.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from tillbridge.connector.portal.states import Unsent
from tillbridge.connector.vouchers.journal import Journal
from tillbridge.connector.vouchers.judging import kept_by_nobody
from tillbridge.connector.vouchers.model import (
    GOING_BACK,
    QUEUED,
    RUNNING,
    WORKING,
    Action,
    Case,
    Claim,
    Decision,
    Elsewhere,
    Kind,
    Line,
    Standing,
    State,
    Told,
    Wanted,
)
from tillbridge.connector.vouchers.moves import Found
from tillbridge.connector.vouchers.providers.asking import Balance
from tillbridge.connector.vouchers.providers.claims import OF_SPAN, check_back
from tillbridge.connector.vouchers.providers.deciding import broken_off, settles
from tillbridge.connector.vouchers.providers.known import Providers
from tillbridge.connector.vouchers.providers.worker import ProviderWorker
from tillbridge.connector.vouchers.receipts import ReceiptState
from tillbridge.connector.vouchers.telling import Teller
from tillbridge.connector.vouchers.way import Way
from tillbridge.connector.vouchers.worker import Worker
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.engine.journal.records import to_micros
from tillbridge.link.offline_messages import OfflineTerms
from tillbridge.link.voucher_messages import VoucherFacts
from tillbridge.runtime.effects import Runtime

PATIENCE: Final = 15.0
"""Seconds after which a cashier hears that it is not known yet, and may take another payment."""

SHORT_PATIENCE: Final = 4.0
"""Seconds in which a put-back or a confirmation mostly arrives; it does so later all the same."""

LOOK_SECONDS: Final = 30.0
"""Between two looks at what waits too long."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Job:
    task: asyncio.Task[None]
    begun: "asyncio.Future[None]"


class VoucherDesk:
    """One per connector. Actions go on in `run`, so that a till that hangs up stops none of them."""

    def __init__(self, journal: Journal, way: Way, runtime: Runtime, providers: Providers | None = None) -> None:
        self._journal = journal
        self.providers = providers or Providers((), "")
        """Other makers whose vouchers are taken here."""
        self._way = way
        self._runtime = runtime
        self._worker = Worker(journal, way, runtime, self._has_changed)
        self._provider_worker = ProviderWorker(journal, self.providers, runtime, self._has_changed)
        self._group: asyncio.TaskGroup | None = None
        self._jobs: dict[str, _Job] = {}
        self._changed = asyncio.Event()
        self._told = Unsent()
        self._alarmed: set[str] = set()
        self.told: Callable[[Told], None] = lambda _: None
        """Hears what happens to each action."""

    # ------------------------------------------------------------ what a till asks for

    async def lookup(self, number: str, currency: str, merchant: str = "") -> VoucherFacts:
        """What is on a voucher at this moment; nothing of it is kept. `BridgeError` as `PortalClient.request`."""
        self._check_paired()
        return await self._way.lookup(number, currency, merchant)

    async def lookup_at(self, provider: str, number: str, currency: str) -> Balance:
        """What is on a voucher of another maker at this moment. `BridgeError` as `Providers.lookup`."""
        return await self.providers.lookup(provider, number, currency)

    def claims(self, begin: datetime, end: datetime) -> list[Action]:
        """What was asked of other makers' providers from one moment up to another, oldest first."""
        return self._journal.rows(OF_SPAN, (to_micros(begin), to_micros(end)))

    async def ask(self, key: str, wanted: Wanted, patience: float | None = None) -> Action:
        """Redeems or loads, once for each key, and waits for the end, `PATIENCE` seconds unless told otherwise.

        The action may still be running then. `BridgeError`: VOUCHER_KEY_BODY where the key stands for something else,
        VOUCHER_VOIDED, ALREADY_CLOSED; NOT_PAIRED; for other makers as `Providers.claim`. What the portal or a provider
        refuses is in the action.
        """
        job, found = self._jobs.get(key), self._journal.find(key)
        at_work = job is not None and not (job.begun.done() and found is not None and _anew(found))
        if not at_work and (found is None or _anew(found)):
            if found is not None:
                self._journal.check_same(found, wanted)
            portal, claim = self.providers.claim(wanted) if wanted.provider else (self._check_paired(), None)
            job = self._start(key, wanted, portal, claim)
        elif not at_work and found is not None and found.works:
            self._restart(key)  # the disk had failed when it was begun
        if job is not None:
            await asyncio.shield(job.begun)
        action = self.find(key)
        if action.kind is Kind.NOTHING:
            raise BridgeError(Code.VOUCHER_VOIDED)
        self._journal.check_same(action, wanted)
        return await self._settled(key, RUNNING, PATIENCE if patience is None else patience)

    def find(self, key: str) -> Action:
        """How an action stands here. `BridgeError(PAYMENT_UNKNOWN)` for a key that was never seen."""
        found = self._journal.find(key)
        if found is None:
            raise BridgeError(Code.PAYMENT_UNKNOWN, "no action with a voucher has this key", place="key")
        return found

    def history(self, key: str) -> list[Line]:
        """How it came to where it stands."""
        return self._journal.history(key)

    async def put_back(self, key: str, patience: float | None = None) -> Action:
        """Gives back what was taken, whatever became of it; a key that was never seen will never be carried out.

        `BridgeError(FIELD_INVALID)` for a load, which is reversed; for other makers' vouchers as `check_back`.
        """
        return await self._take_back(key, Kind.REDEEM, State.PUTBACK_QUEUED, _short(patience))

    async def reverse(self, key: str, patience: float | None = None) -> Action:
        """Takes off again what was loaded. `BridgeError`: FIELD_INVALID for a payment; VOUCHER_LOAD_SPENT."""
        action = await self._take_back(key, Kind.LOAD, State.REVERSE_QUEUED, _short(patience))
        if action.state is State.DONE and action.case is Case.SPENT and action.refusal is not None:
            raise action.refusal
        return action

    async def close(self, receipt: str, patience: float | None = None) -> list[Action]:
        """The receipt is paid: its payments by voucher are confirmed.

        `BridgeError(VOUCHER_RUNNING)` where one of them is not known yet: nothing has changed then.
        """
        return await self._end(receipt, ReceiptState.CLOSED, _short(patience))

    async def cancel(self, receipt: str, patience: float | None = None) -> list[Action]:
        """The receipt is void: all of its payments go back, and its loads are reversed."""
        return await self._end(receipt, ReceiptState.CANCELLED, _short(patience))

    async def resolve(self, key: str, decision: Decision, by: str, reason: str) -> Action:
        """What a person decided about an open case. `BridgeError(ALREADY_CLOSED)` where there is none."""
        action, now = self.find(key), self._runtime.clock.now()
        case = self.case(action)
        if case is None:
            raise BridgeError(Code.ALREADY_CLOSED, "nobody has to decide about it", place="key")
        words = {"decision": decision.value, "by": by, "reason": reason}
        match decision:
            case Decision.BOOKED | Decision.NOT_BOOKED | Decision.NOTED if case is Case.PROVIDER_UNKNOWN:
                await self._journal.move(key, *settles(action, decision, now), words)
            case Decision.BOOKED | Decision.NOT_BOOKED:
                raise BridgeError(Code.FIELD_INVALID, "no provider is asked about here", place="decision")
            case Decision.NOTED if case is Case.SILENT:
                raise BridgeError(Code.FIELD_INVALID, "a payment is confirmed or put back", place="decision")
            case Decision.NOTED if case in {Case.OTHER_PORTAL, Case.PROVIDER_BACK}:
                await self._journal.set_aside(key, now, words)
            case Decision.NOTED:
                await self._journal.note(key, now, Found(settled=True), words)
            case Decision.CONFIRM | Decision.PUT_BACK if case is not Case.SILENT:
                raise BridgeError(Code.FIELD_INVALID, "this case can be noted alone", place="decision")
            case Decision.CONFIRM:
                await self._journal.move(key, State.CONFIRM_QUEUED, now, words=words)
            case Decision.PUT_BACK:
                check_back(action)
                await self._journal.move(key, State.PUTBACK_QUEUED, now, words=words)
        self._restart(key)
        return await self._settled(key, QUEUED, SHORT_PATIENCE)

    def standing(self) -> Standing:
        """Everything that is not over."""
        found = self._journal.open()
        return Standing(
            open=tuple(one for one in found if one.state in RUNNING | {State.DONE} and self.case(one) is None),
            cases=tuple(one for one in found if self.case(one) is not None),
            waiting=tuple(one for one in found if one.state in QUEUED or one.untold),
        )

    @property
    def offline_limit(self) -> tuple[int, str] | None:
        """The most that one voucher may be taken for without a connection, with its currency; None for not at all."""
        terms = self._journal.terms(self._way.portal)
        if terms is None or not min(terms.per_voucher, terms.per_day, terms.open_total):
            return None
        return terms.per_voucher, terms.currency

    async def keep_terms(self, terms: OfflineTerms | None) -> None:
        """Keeps what the portal says about taking vouchers without it; None: it says no more of it."""
        portal = self._way.portal
        if portal is not None and self._journal.terms(portal) != terms:
            await self._journal.keep_terms(portal, terms, self._runtime.clock.now())

    def case(self, action: Action) -> Case | None:
        """Why a person has to look at it, if so."""
        portal = self._way.portal
        if action.claim is not None:
            gone = self.providers.at(action.portal) is None and action.case is not Case.PROVIDER_UNKNOWN
        else:
            gone = portal is not None and portal != action.portal
        if action.works and gone:
            return Case.OTHER_PORTAL
        return action.open_case(self._runtime.clock.now())

    # ------------------------------------------------------------ what goes on by itself

    async def run(self) -> None:
        """Goes on with what was under way, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for action in self._journal.working():
                    self._restart(action.key)
                teller = Teller(self._journal, self.case)
                while True:
                    self._report()
                    for told in teller.news(self._runtime.clock.now()):
                        self.told(told)
                    with suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_SECONDS):
                            await self._changed.wait()
        finally:
            self._group = None
            self._jobs.clear()

    async def close_journal(self) -> None:
        """Closes the file."""
        await self._journal.close()

    # ------------------------------------------------------------ shared

    def _check_paired(self) -> str:
        portal = self._way.portal
        if portal is None:
            raise BridgeError(Code.NOT_PAIRED, "there is no link with a portal")
        return portal

    def _start(self, key: str, wanted: Wanted | None, portal: str = "", claim: Claim | None = None) -> _Job:
        """From here to the end of this function nothing waits: of two requests at once the second finds the first."""
        if self._group is None:
            raise BridgeError(Code.CONNECTOR_STOPPING)
        begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = self._group.create_task(self._carry(key, wanted, (portal, claim), begun), name=f"voucher {key}")
        job = self._jobs[key] = _Job(task, begun)
        task.add_done_callback(lambda _: self._over(key, job))
        return job

    async def _carry(
        self, key: str, wanted: Wanted | None, to: tuple[str, Claim | None], begun: "asyncio.Future[None]"
    ) -> None:
        if wanted is not None:
            now = self._runtime.clock.now()
            try:
                await self._journal.begin(key, wanted, to[0], now, to[1])
                if to[1] is None:
                    with suppress(Elsewhere):  # its receipt was cancelled in between
                        await self._journal.move(key, State.SENT, now)
            except Exception as error:  # noqa: BLE001  # it goes to whoever asked; nothing was sent
                begun.set_exception(error)
                begun.exception()  # whoever asked may have left meanwhile
                return
        elif (action := self._journal.find(key)) is not None and action.state in {State.INTENT, State.SENT}:
            # What was sent before a restart, or broken off, may have arrived.
            to_state, found = broken_off(action)
            with suppress(Elsewhere):
                await self._journal.move(key, to_state, self._runtime.clock.now(), found)
        if not begun.done():
            begun.set_result(None)
        action = self._journal.find(key)
        await (self._worker if action is None or action.claim is None else self._provider_worker).work(key)

    def _over(self, key: str, job: _Job) -> None:
        if self._jobs.get(key) is job:
            del self._jobs[key]
        if not job.begun.done() and self._journal.find(key) is not None:
            job.begun.set_result(None)
        elif not job.begun.done():
            job.begun.set_exception(BridgeError(Code.CONNECTOR_STOPPING))
            job.begun.exception()  # whoever asked may have left meanwhile
        self._has_changed()

    def _restart(self, key: str) -> None:
        """Breaks off what goes on with this action, and goes on with it as it stands now, or at the next start."""
        if self._group is None:
            return
        job = self._jobs.pop(key, None)
        if job is not None:
            job.task.cancel()
        self._start(key, None)

    async def _take_back(self, key: str, kind: Kind, to: State, patience: float) -> Action:
        now, job = self._runtime.clock.now(), self._jobs.get(key)
        if job is not None:
            with suppress(Exception):
                await asyncio.shield(job.begun)
        found = self._journal.find(key)
        if found is None:
            with suppress(Elsewhere):
                await self._journal.forbid(key, to, self._way.portal, now)
                self._restart(key)
            found = self.find(key)
        if found.kind not in {kind, Kind.NOTHING}:
            raise BridgeError(Code.FIELD_INVALID, f"the key is that of a {found.kind}", place="key")
        check_back(found)
        with suppress(Elsewhere):
            # A refusal that nobody keeps could be asked for anew: from now on it cannot.
            again = found.state is State.REFUSED and found.refusal is not None and kept_by_nobody(found.refusal)
            await self._journal.move(key, State.VOIDED if again else to, now)
            self._restart(key)
        return await self._settled(key, WORKING, patience)

    async def _end(self, receipt: str, to: ReceiptState, patience: float) -> list[Action]:
        keys = await self._journal.end_receipt(receipt, to, self._runtime.clock.now())
        for action in map(self.find, keys):
            if action.state in QUEUED:
                self._restart(action.key)
        waited = QUEUED if to is ReceiptState.CANCELLED else frozenset({State.CONFIRM_QUEUED})
        try:
            async with asyncio.timeout(patience):
                return [await self._settled(key, waited, None) for key in keys]
        except TimeoutError:
            return [self.find(key) for key in keys]

    async def _settled(self, key: str, going_on: frozenset[State], patience: float | None) -> Action:
        """The action once it is in none of these states, or after so many seconds as it stands then."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while self._goes_on(key, going_on) and self._group is not None:
                    await self._changed.wait()
        return self.find(key)

    def _goes_on(self, key: str, states: frozenset[State]) -> bool:
        action = self.find(key)
        return action.state in states and not action.set_aside and not action.with_person

    def _has_changed(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _report(self) -> None:
        """Says what waits for the portal, and raises the alarm for what waits too long."""
        now, waiting = self._runtime.clock.now(), self._journal.working()
        queued = [one for one in waiting if one.state in QUEUED or one.untold]
        ours = [one for one in queued if one.claim is None]  # the portal need not know of what waits for others
        oldest = min((since for one in ours if (since := one.queued_at or one.offline_at) is not None), default=None)
        back = sum(one.state in GOING_BACK for one in ours)
        told = Unsent(len(ours), oldest, back)
        if told != self._told:
            self._told = told
            self._way.waits(told)
        late = {one.key for one in queued if one.late(now)}
        for key in late - self._alarmed:
            log.warning("voucher_waits_too_long", key=key)
        self._alarmed = late


def _anew(found: Action) -> bool:
    """Whether this key may be carried out again: nothing was done, and the portal keeps no answer for it."""
    return found.state is State.REFUSED and found.refusal is not None and kept_by_nobody(found.refusal)


def _short(patience: float | None) -> float:
    return SHORT_PATIENCE if patience is None else patience
