"""What the native interface takes in and gives out about vouchers. docs/reference/connector-vouchers.md."""

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated, Final

from fastapi import Header, Response
from pydantic import AfterValidator, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticCustomError

from tillbridge.connector.api.bodies import LONGEST_NAME, AmountBody, Body, Name, PersonText, writable
from tillbridge.connector.api.outcome_resources import AmountResource, Resource
from tillbridge.connector.api.problems import VOUCHER_AMOUNT, problem_response
from tillbridge.connector.vouchers.judging import LEGACY, LEGACY_CODE, LEGACY_TEXT
from tillbridge.connector.vouchers.model import RUNNING, Action, Case, Claim, Decision, Kind, Offline, State
from tillbridge.connector.vouchers.providers.asking import Balance, state_of
from tillbridge.connector.vouchers.providers.profile import PinRule, Profile
from tillbridge.domain.cashier_refusals import refusal_text
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.cashier_vouchers import PUT_BACK_SLIP, voucher_text
from tillbridge.domain.codes import Code
from tillbridge.domain.errors import BridgeError
from tillbridge.domain.money import Money, currency
from tillbridge.domain.outcome import MoneyMoved
from tillbridge.domain.voucher_code import masked
from tillbridge.link.voucher_messages import KEY_PATTERN, VoucherFacts, VoucherState

LONGEST_CODE: Final = 1024
"""Characters of a scan that are taken in: more than the 512 that can be a code, so that it hears what is wrong."""

VoucherKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        pattern=KEY_PATTERN,
        description="Names this action for ever, in the whole location: the same key is the same action. A UUID does.",
    ),
]
ScannedCode = Annotated[str, Field(max_length=LONGEST_CODE, repr=False, examples=["276 1234 5678 904"])]
ScannedPin = Annotated[str | None, Field(max_length=LONGEST_CODE, repr=False)]
ShortText = Annotated[str, Field(max_length=LONGEST_NAME), AfterValidator(writable)]
CurrencyCode = Annotated[str, Field(pattern="^[A-Z]{3}$", examples=["EUR"])]


def _whole(value: object, read: ValidatorFunctionWrapHandler) -> AmountBody:
    try:
        found: AmountBody = read(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        if first["loc"][:1] == ("currency",) or first["type"] in _NOT_THE_AMOUNT:
            raise
        raise PydanticCustomError(VOUCHER_AMOUNT, "an amount is a whole number of the smallest unit") from None
    return found


_NOT_THE_AMOUNT: Final = frozenset({"missing", "extra_forbidden"})

VoucherAmount = Annotated[AmountBody, WrapValidator(_whole)]
"""An amount whose refusal is that of vouchers (V304)."""


class LookupBody(Body):
    """A voucher as it was scanned or typed, and the currency of the till."""

    code: ScannedCode
    currency: CurrencyCode


class LoadBody(Body):
    """Puts money on a voucher that is sold or loaded again. `receipt` is the till's number of the receipt."""

    code: ScannedCode
    amount: VoucherAmount
    receipt: Name
    station: ShortText = ""
    operator: ShortText = ""


class RedeemBody(Body):
    """Pays with a voucher: `up_to` takes the smaller of this amount and the balance, `exact` all of it or nothing.

    `receipt` is the till's number of the receipt, which it closes or cancels later. The PIN may be in the code, or
    apart from it in `pin`. `offline`: the till's operator may take it without a connection, at the merchant's risk,
    as far as the office allows.
    """

    code: ScannedCode
    pin: ScannedPin = None
    up_to: VoucherAmount | None = None
    exact: VoucherAmount | None = None
    receipt: Name
    station: ShortText = ""
    operator: ShortText = ""
    offline: bool = False


class DecideBody(Body):
    """What a person decided about an open case, and why."""

    decision: Annotated[Decision, Field(strict=False)]
    by: PersonText
    reason: PersonText


class ProviderResource(Resource):
    """Another maker's provider whose voucher it is, and what it says of it. `pin`: none, optional or required."""

    prefix: str
    name: str
    pin: PinRule
    reverse: bool
    redeemable: bool
    message: str


class ClaimResource(Resource):
    """What another maker's provider has to do with an action.

    `reversible`: it can be asked to take it back. `asked` is what it was asked to take; `before` and `after` are its
    balances around that, `after` as it was seen at `looked_at`. `said` is what was heard where it cannot be believed:
    the evidence by which a person decides about a case `provider_unknown`.
    """

    prefix: str
    name: str
    reversible: bool
    asked: AmountResource | None
    before: AmountResource | None
    after: AmountResource | None
    looked_at: datetime | None
    said: str

    @classmethod
    def of(cls, claim: Claim, unit: str) -> "ClaimResource":
        """This claim."""

        def amount(minor: int | None) -> AmountResource | None:
            return None if minor is None else AmountResource.of(Money(minor, currency(unit)))

        return cls(
            prefix=claim.prefix,
            name=claim.name,
            reversible=claim.reversible,
            asked=amount(claim.asked),
            before=amount(claim.before),
            after=amount(claim.after),
            looked_at=claim.looked_at,
            said=claim.said,
        )


class VoucherResource(Resource):
    """A voucher at the moment `as_of`; its balance is never kept for later. `provider`: it is one of another maker."""

    number: str
    state: VoucherState
    balance: AmountResource
    country: str
    as_of: datetime
    provider: ProviderResource | None = None

    @classmethod
    def of_provider(cls, number: str, seen: Balance, profile: Profile, at: datetime) -> "VoucherResource":
        """What a provider says of a voucher of its."""
        return cls(
            number=f"…{number[-4:]}",
            state=state_of(seen),
            balance=AmountResource.of(Money(seen.balance, currency(profile.currency))),
            country="",
            as_of=at,
            provider=ProviderResource(
                prefix=profile.prefix,
                name=profile.name,
                pin=profile.pin,
                reverse=profile.reverse,
                redeemable=seen.redeemable,
                message=seen.message,
            ),
        )

    @classmethod
    def of(cls, facts: VoucherFacts) -> "VoucherResource":
        """These facts."""
        return cls(
            number=masked(facts.number),
            state=facts.state,
            balance=AmountResource.of(Money(facts.balance, currency(facts.currency))),
            country=facts.country,
            as_of=facts.as_of,
        )


class VoucherRefusalResource(Resource):
    """Why nothing was booked, with a sentence for the person at the till."""

    code: Code
    number: str
    cashier_text: dict[Language, str]


class HistoryResource(Resource):
    """One line of an action's history."""

    at: datetime
    state: State
    words: dict[str, object]


class ActionResource(Resource):
    """An action with a voucher, as it stands now. `number` is masked.

    `asked` is what the till asked for, `taken` what was booked, `balance` what was left on the voucher then. `late`:
    it waits for the portal for more than five minutes. `open_case`: a person has to look at it. `set_aside`: it
    belonged to another portal, and a person has looked after it. `offline`: it may be taken (`wanted`) or was taken
    without a connection and not checked (`open`, the portal has not heard of it yet; `told`); `loss` is what of it the
    portal could not take from the voucher then. `guest_text` is for the slip of a guest whose money is
    on its way back. `provider`: the voucher is one of another maker, and this is claimed from it.
    """

    key: str
    kind: Kind
    state: State
    money_moved: MoneyMoved
    number: str
    asked: AmountResource | None
    taken: AmountResource | None
    balance: AmountResource | None
    exact: bool
    receipt: str
    station: str
    operator: str
    begun_at: datetime
    changed_at: datetime
    late: bool
    open_case: Case | None
    set_aside: bool
    offline: Offline | None
    loss: AmountResource | None
    refusal: VoucherRefusalResource | None
    cashier_text: dict[Language, str] | None
    guest_text: dict[Language, str] | None
    provider: ClaimResource | None = None

    @classmethod
    def of(cls, action: Action, now: datetime, case: Case | None) -> "ActionResource":
        """This action."""
        refused = action.refusal if action.state is State.REFUSED else None
        return cls(
            key=action.key,
            kind=action.kind,
            state=action.state,
            money_moved=action.money_moved,
            number=action.masked,
            asked=_amount(action, action.amount) if action.currency else None,
            taken=_amount(action, action.taken),
            balance=_amount(action, action.balance),
            exact=action.exact,
            receipt=action.receipt,
            station=action.station,
            operator=action.operator,
            begun_at=action.begun_at,
            changed_at=action.changed_at,
            late=action.late(now),
            open_case=case,
            set_aside=action.set_aside,
            offline=action.offline,
            loss=_amount(action, action.loss),
            refusal=None if refused is None else _refusal(refused, action.currency),
            cashier_text=sentences(not_known(action), "") if action.state in RUNNING else None,
            guest_text=_guest(action),
            provider=None if action.claim is None else ClaimResource.of(action.claim, action.currency),
        )


class ActionHistoryResource(ActionResource):
    """An action with its history, oldest line first."""

    history: tuple[HistoryResource, ...]


class ActionsResource(Resource):
    """Everything about vouchers that is not over, oldest first.

    `open` are payments whose receipt is still open, and what is not known yet; `cases` are for a person to decide;
    `waiting` is what the portal has to hear of, such as put-backs.
    """

    open: tuple[ActionResource, ...]
    cases: tuple[ActionResource, ...]
    waiting: tuple[ActionResource, ...]


class ReceiptActionsResource(Resource):
    """A receipt that was closed or cancelled, with its actions. `paid` is what its vouchers have paid, by currency."""

    receipt: str
    paid: tuple[AmountResource, ...]
    actions: tuple[ActionResource, ...]

    @classmethod
    def of(cls, receipt: str, actions: Iterable[ActionResource]) -> "ReceiptActionsResource":
        """These actions."""
        found, sums = tuple(actions), dict[str, int]()
        for one in found:
            if one.kind is Kind.REDEEM and one.money_moved is MoneyMoved.YES and one.taken is not None:
                sums[one.taken.currency] = sums.get(one.taken.currency, 0) + one.taken.minor
        paid = tuple(AmountResource.of(Money(minor, currency(code))) for code, minor in sorted(sums.items()))
        return cls(receipt=receipt, paid=paid, actions=found)


def not_known(action: Action) -> BridgeError:
    """What a till hears of an action that is not known yet, or that only a person can tell about."""
    if action.with_person and action.claim is not None:
        members = {"provider": action.claim.name, "key": action.key}
        return BridgeError(Code.PROVIDER_UNKNOWN, action.claim.said, place="key", members=members)
    return BridgeError(Code.VOUCHER_RUNNING)


def voucher_problem(error: BridgeError, unit: str = "", moved: MoneyMoved = MoneyMoved.NO) -> Response:
    """The answer for a refusal: with sentences for the person at the till, and the figures that it carries.

    `unit` is the currency of its amounts. What older tills know as one number alone has that beside it.
    """
    answer = problem_response(error, moved)
    more: dict[str, object] = {"cashier_text": sentences(error, unit), **error.members}
    if error.code in LEGACY:
        more |= {"legacy_code": LEGACY_CODE, "legacy_text": LEGACY_TEXT}
    answer.body = json.dumps(json.loads(bytes(answer.body)) | more, ensure_ascii=False).encode()
    answer.headers["Content-Length"] = str(len(answer.body))
    return answer


def _amount(action: Action, minor: int | None) -> AmountResource | None:
    if minor is None or not action.currency:
        return None
    return AmountResource.of(Money(minor, currency(action.currency)))


def _refusal(error: BridgeError, unit: str) -> VoucherRefusalResource:
    return VoucherRefusalResource(code=error.code, number=error.entry.number, cashier_text=sentences(error, unit))


def sentences(error: BridgeError, unit: str) -> dict[Language, str]:
    """What the person at the till reads, in each language, with the figures that the refusal carries."""
    return {
        language: voucher_text(error, language, _writer(unit, language), _hour) or refusal_text(error.code, language)
        for language in Language
    }


def _guest(action: Action) -> dict[Language, str] | None:
    if action.state is not State.PUTBACK_QUEUED or not action.currency:
        return None
    minor = action.amount if action.taken is None else action.taken
    return {
        language: PUT_BACK_SLIP.to(language).format(amount=_writer(action.currency, language)(minor), key=action.key)
        for language in Language
    }


def _writer(unit: str, language: Language) -> Callable[[int], str]:
    separator = "." if language is Language.EN else ","

    def write(minor: int) -> str:
        return f"{Money(minor, currency(unit)).major(separator)} {unit}" if unit else str(minor)

    return write


def _hour(at: datetime) -> str:
    return at.astimezone().strftime("%H:%M")
