"""What a result proves about an operation (README, section 4). Pure: the result in, the outcome out."""

from dataclasses import dataclass

from tillbridge.domain.money import Currency, Money
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import (
    Aborted,
    Approved,
    BatchTotal,
    Declined,
    DeclineReason,
    DoubtReason,
    InDoubt,
    Outcome,
)
from tillbridge.protocols.touchscreen.figures import amount_of
from tillbridge.protocols.touchscreen.messages import Result
from tillbridge.protocols.touchscreen.profile import Profile


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for, as far as a result is held against it.

    `amount` is the operation's own; for a void the original's. `unit` is the currency of a closing's totals where the
    result names none.
    """

    kind: Kind
    id: str
    amount: Money | None
    unit: Currency


def judge(asked: Asked, result: Result, profile: Profile) -> Outcome:
    """The outcome that this result proves; in doubt wherever it proves nothing."""
    if result.id is not None and result.id.casefold() != asked.id.casefold():
        return InDoubt(DoubtReason.ANSWER_MISMATCH, "the result is that of another operation")
    unreadable = result.odd & {"id", "code", "call_reversal", "reversed"}
    if unreadable:
        return InDoubt(DoubtReason.ANSWER_UNREADABLE, f"the result's {', '.join(sorted(unreadable))} cannot be read")
    if result.call_reversal:
        return _reversal_asked(asked)
    if result.code is None:
        return InDoubt(DoubtReason.ANSWER_UNREADABLE, "the result has no response code")
    if result.code in profile.codes.unknown:
        return InDoubt(DoubtReason.ANSWER_NOT_FINAL, f"the terminal says {result.code}: {result.message or 'nothing'}")
    if result.code in profile.codes.approved:
        return _approved(asked, result, profile)
    strange = _no_refusal(result, result.code, profile)
    return InDoubt(DoubtReason.ANSWER_CONTRADICTORY, strange) if strange else _refused(result, result.code, profile)


def _no_refusal(result: Result, code: str, profile: Profile) -> str:
    """Why a code that is not the one of an approval is no refusal either; empty if it is one.

    The terminal's list of codes is not known, and "refused" is only said of what cannot mean an approval (law 2).
    """
    if code in profile.codes.aborted or code in profile.codes.declined:
        return ""
    if code.casefold() in {known.casefold() for known in (*profile.codes.approved, *profile.codes.unknown)}:
        return f"the response code {code} is spelt like one that is no refusal"
    if result.authorization is not None:
        return f"the response code {code}, which nobody knows, stands beside an authorisation code"
    return ""


def _reversal_asked(asked: Asked) -> InDoubt:
    if asked.kind is Kind.SALE:
        return InDoubt(DoubtReason.REVERSAL_ASKED, "the terminal asks for the sale to be reversed")
    # Nothing on this wire undoes these, so that a person has to look.
    return InDoubt(DoubtReason.ANSWER_NOT_FINAL, f"the terminal asks for the {asked.kind} to be reversed")


def _refused(result: Result, code: str, profile: Profile) -> Outcome:
    said = code if result.message is None else f"{code} {result.message}"
    by = profile.codes.aborted.get(code)
    if by is not None:
        return Aborted(by, said)
    return Declined(profile.codes.declined.get(code, DeclineReason.UNSPECIFIED), said)


def _approved(asked: Asked, result: Result, profile: Profile) -> Outcome:
    if asked.kind is Kind.RECONCILIATION:
        return _closed(asked, result)
    if result.reversed and asked.kind is not Kind.VOID:
        return InDoubt(DoubtReason.ANSWER_CONTRADICTORY, "the terminal calls it approved and reversed at once")
    if asked.amount is None:
        return InDoubt(DoubtReason.ANSWER_UNREADABLE, "there is no amount to hold the result against")
    unreadable = result.odd & {"amount", "currency", "cvm"}
    if unreadable:
        return InDoubt(DoubtReason.ANSWER_UNREADABLE, f"the result's {', '.join(sorted(unreadable))} cannot be read")
    strange = _strange_money(asked.amount, result, profile)
    if strange:
        return InDoubt(DoubtReason.ANSWER_MISMATCH, strange)
    return Approved(
        asked.amount,
        card=result.card,
        authorization_code=result.authorization,
        contract=result.contract,
        reference=result.reference,
        signature=any(method in profile.codes.signature for method in result.cvm),
    )


def _strange_money(asked: Money, result: Result, profile: Profile) -> str:
    if result.currency is not None and result.currency != asked.currency:
        return f"asked for {asked}, approved in {result.currency}"
    if result.amount is None:
        return ""
    approved = amount_of(result.amount, asked.currency, profile)
    return "" if approved == asked else f"asked for {asked}, approved was {approved or 'no amount of that currency'}"


def _closed(asked: Asked, result: Result) -> Outcome:
    """A closing moves no money, so that totals that cannot be read spoil nothing but themselves."""
    unit = result.currency or asked.unit
    if "currency" in result.odd:
        return Approved(Money(0, unit), reference=result.reference)
    totals = tuple(BatchTotal(column.side, column.count, Money(column.minor, unit)) for column in result.totals)
    return Approved(Money(0, unit), reference=result.reference, totals=totals)
