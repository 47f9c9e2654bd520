"""Takes what a connector accepted without a connection: what is there, and the rest is the location's own loss.

Nothing is refused that could be judged: the guest has left with the goods. Rows are locked in the desk's own order
(actions, what was guessed, vouchers, new keys), and the ledger is written by its clerk.
"""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.offline_messages import TAKE_PATH, GivenBack, Loss, OfflineTake, OfflineTaken, OfflineTerms
from tillbridge.link.offline_pins import open_sealed, public_half
from tillbridge.link.scopes import Service
from tillbridge.link.voucher_messages import OperationState
from tillbridge.portal.house import House
from tillbridge.portal.ledger import book
from tillbridge.portal.ledger.days import business_day
from tillbridge.portal.ledger.model import EntryKind, Occasion
from tillbridge.portal.maintenance.refusing import Maintained
from tillbridge.portal.risk import store
from tillbridge.portal.risk.model import Kind, RiskLimits
from tillbridge.portal.services.registry import Registry
from tillbridge.portal.vouchers import answers, judging
from tillbridge.portal.vouchers import guessing_store as guesses
from tillbridge.portal.vouchers import operations as actions
from tillbridge.portal.vouchers.clerk import Clerk
from tillbridge.portal.vouchers.guessing import Guess, PinGuard, Window
from tillbridge.portal.vouchers.model import Answered, Counter, KeptOperation, OperationKind, Place
from tillbridge.portal.vouchers.numbers import unseal_pin

ATTEMPTS: Final = 3
"""How often a key that another process used in the same moment is looked up again."""

_LABEL: Final = "voucher offline"
_OVER: Final = frozenset({OperationState.PUT_BACK.value, OperationState.REFUSED.value})


@dataclass(frozen=True, slots=True)
class _Verdict:
    """How much can be taken, why that is not all, and what was guessed where the PIN was wrong."""

    amount: int
    reason: Code | None = None
    window: Window | None = None


class OfflineDesk:
    """Vouchers that were taken without a connection."""

    def __init__(self, house: House, registry: Registry) -> None:
        self._house = house
        self._registry = registry

    async def terms(self, location_id: str) -> OfflineTerms:
        """Up to where a location takes vouchers at its own risk. `BridgeError`: VOUCHER_NOT_PARTICIPATING, or off."""
        house, now = self._house, self._house.runtime.clock.now()
        async with house.database.reading() as connection:
            await self._require(connection, location_id, now)
            place = (await actions.places(connection, {location_id})).get(location_id)
            if place is None or place.system is None:
                raise BridgeError(Code.VOUCHER_NOT_PARTICIPATING)
            limits = (await store.limits(connection, {location_id})).get(location_id, RiskLimits())
            key = await store.key_of(connection, place.system.id)
        # A key is made with the first limits: without one there is nothing to take.
        usable = limits if key is not None and limits.on else RiskLimits()
        private = None if key is None else house.vault.unseal(key.private_sealed, context(key.id))
        return OfflineTerms(
            per_voucher=usable.per_voucher,
            per_day=usable.per_day,
            open_total=usable.open_total,
            in_maintenance=usable.in_maintenance,
            currency=place.system.currency,
            country=place.country,
            time_zone=place.system.time_zone,
            key_id="" if key is None else key.id,
            public_key="" if private is None else public_half(private),
        )

    async def take(self, at: Counter, key: str, asked: OfflineTake) -> Answered:
        """Takes what is there. The same key is answered alike for ever.

        `BridgeError`: VOUCHER_KEY_BODY, VOUCHER_VOIDED; VOUCHER_PIN_LOCKED and VOUCHER_RATE, after which nothing has
        been decided; what the service is refused with.
        """
        mac = self._house.vault.mac(_LABEL, f"{TAKE_PATH}\n{_canonical(asked)}".encode())
        for _ in range(ATTEMPTS):
            try:
                return await self._once(at, key, asked, mac)
            except actions.KeysTaken:
                continue  # whoever was faster has answered it
            except actions.KeysBusy:
                break
        raise BridgeError(Code.VOUCHER_RUNNING, retry_after=1)

    async def given_back(self, at: Counter, asked: GivenBack) -> Loss:
        """The receipt was cancelled: what was lost with it is lost no more. Any number of times.

        `BridgeError`: RECORD_UNKNOWN for a key that nothing was taken with, RECORD_CONFLICT while its money is not
        back.
        """
        house = self._house
        async with house.database.writing() as connection:
            found = await store.taken_line(connection, at.location_id, asked.key)
            if found is None:
                raise BridgeError(Code.RECORD_UNKNOWN, "nothing was taken under this key", place="key")
            if found["state"] not in _OVER:
                raise BridgeError(Code.RECORD_CONFLICT, "it is put back on the voucher first", place="key")
            loss = found["loss"]
            if isinstance(loss, int) and loss:
                row = {name: value for name, value in found.items() if name != "state"}
                changed = {"id": house.runtime.ids.new(), "kind": Kind.GIVEN_BACK.value, "taken": 0, "loss": -loss}
                await store.add_line(connection, {**row, **changed, "booked_at": house.runtime.clock.now()})
        return Loss(key=asked.key, loss=0)

    # ------------------------------------------------------------ one take

    async def _once(self, at: Counter, key: str, asked: OfflineTake, mac: bytes) -> Answered:
        now, scope = self._house.runtime.clock.now(), (at.location_id, key)
        async with self._house.database.writing() as connection:
            await actions.set_out(connection)
            kept = (await actions.find(connection, {scope}, locked=True)).get(scope)
            if kept is not None:
                return answers.again(kept, mac)
            await self._require(connection, at.location_id, now)
            place = (await actions.places(connection, {at.location_id})).get(at.location_id)
            windows = await guesses.windows(connection, {at.location_id}, now, locked=True)
            clerk = await _opened(connection, place, asked)
            pin = await self._pin(connection, asked, key)
            window = windows.get(_guesses(at), Window())
            verdict = self._judged(place, clerk, asked, pin, window)
            made = self._booked(at, key, place, clerk, asked, verdict)
            await actions.add(connection, [replace(made, body_mac=mac)])
            await clerk.write()
            await guesses.keep_windows(connection, {} if verdict.window is None else {_guesses(at): verdict.window})
            await store.add_line(connection, self._line(made, place, asked, verdict))
        return Answered(answers.DONE, made.answer or b"")

    def _judged(
        self, place: Place | None, clerk: Clerk, asked: OfflineTake, pin: str | None, window: Window
    ) -> _Verdict:
        """In the desk's order. What would be refused is a loss; only what cannot be judged yet is refused."""
        now, voucher = self._house.runtime.clock.now(), next(iter(clerk.vouchers.values()), None)
        try:
            system = judging.system_at(place, asked.currency)
            if place is None or voucher is None:
                raise judging.unknown(asked.number)
            judging.usable(voucher, place, system, to_pay=True)
            window.refuse(now)
            voucher.guard.refuse(now)
        except BridgeError as error:
            if error.entry.passing:
                raise
            return _Verdict(0, error.code)
        if voucher.pin_sealed is not None:
            right = unseal_pin(self._house.vault, voucher.id, voucher.pin_sealed)
            if pin is None or not hmac.compare_digest(right.encode(), pin.encode()):
                clerk.keep(replace(voucher, guard=voucher.guard.missed(now)))
                return _Verdict(0, Code.VOUCHER_PIN_WRONG, window.missed(now, Guess.PIN))
            clerk.keep(replace(voucher, guard=PinGuard()))
        balance = voucher.balance
        if balance >= asked.amount:
            return _Verdict(asked.amount)
        return _Verdict(balance, Code.VOUCHER_FUNDS if balance else Code.VOUCHER_EMPTY)

    def _booked(
        self, at: Counter, key: str, place: Place | None, clerk: Clerk, asked: OfflineTake, verdict: _Verdict
    ) -> KeptOperation:
        """Books what can be taken; the action as it is kept, with its answer."""
        now, operation_id = self._house.runtime.clock.now(), self._house.runtime.ids.new()
        balance, voucher_id = None, None
        if verdict.amount and place is not None and place.system is not None:
            (voucher_id,) = clerk.vouchers
            occasion = _occasion(asked, place.location_id, place.system.time_zone, now, operation_id)
            account = clerk.account(voucher_id)
            posting = book.take(account, EntryKind.REDEEM, verdict.amount, occasion, self._house.runtime.ids.new())
            clerk.post(posting)
            balance = posting.entry.balance_after
        said = OfflineTaken(
            key=key,
            state=OperationState.INTERIM if verdict.amount else OperationState.REFUSED,
            taken=verdict.amount,
            loss=asked.amount - verdict.amount,
            balance=balance,
            currency=asked.currency,
            code=None if verdict.reason is None else verdict.reason.value,
            as_of=now,
        )
        return KeptOperation(
            id=operation_id,
            location_id=at.location_id,
            key=key,
            kind=OperationKind.REDEEM,
            body_mac=None,
            state=said.state,
            voucher_id=voucher_id,
            taken=verdict.amount,
            transaction_ref=asked.transaction_ref,
            status=answers.DONE,
            answer=said.model_dump_json().encode(),
            created_at=now,
        )

    def _line(
        self, made: KeptOperation, place: Place | None, asked: OfflineTake, verdict: _Verdict
    ) -> Mapping[str, object]:
        return {
            "id": self._house.runtime.ids.new(),
            "operation_id": made.id,
            "location_id": made.location_id,
            "system_id": None if place is None or place.system is None else place.system.id,
            "kind": Kind.TAKEN.value,
            "asked": asked.amount,
            "taken": verdict.amount,
            "loss": asked.amount - verdict.amount,
            "currency": asked.currency,
            "reason": "" if verdict.reason is None else verdict.reason.value,
            "station": asked.station,
            "transaction_ref": asked.transaction_ref,
            "accepted_at": asked.accepted_at,
            "booked_at": made.created_at,
        }

    async def _pin(self, connection: AsyncConnection, asked: OfflineTake, key: str) -> str | None:
        """The PIN that was sealed at the till; None where it cannot be opened, which is as good as a wrong one."""
        kept = await store.key_named(connection, asked.key_id)
        if kept is None:
            return None
        private = self._house.vault.unseal(kept.private_sealed, context(kept.id))
        return open_sealed(private, key, asked.pin_sealed)

    async def _require(self, connection: AsyncConnection, location_id: str, now: datetime) -> None:
        standing = await self._registry.standing_of(connection, location_id, Service.WEB_VOUCHERS, now)
        if standing.mode is not None:
            raise Maintained(standing.mode, now)
        standing.refuse(now)


def context(key_id: str) -> str:
    """What the private half of a key is sealed as."""
    return f"voucher-offline-key/{key_id}"


async def _opened(connection: AsyncConnection, place: Place | None, asked: OfflineTake) -> Clerk:
    system = None if place is None else place.system
    found = [] if system is None else await actions.vouchers(connection, {(system.id, asked.number)})
    return await Clerk.open(connection, [one.id for one in found])


def _occasion(asked: OfflineTake, location_id: str, zone: str, now: datetime, operation_id: str) -> Occasion:
    return Occasion(
        location_id=location_id,
        business_day=business_day(now, zone),
        booked_at=now,
        station=asked.station,
        operator=asked.operator,
        transaction_ref=asked.transaction_ref,
        operation_id=operation_id,
    )


def _guesses(at: Counter) -> guesses.Scope:
    return at.location_id, Guess.PIN.value


def _canonical(asked: OfflineTake) -> str:
    body = asked.model_dump(mode="json")
    return json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
