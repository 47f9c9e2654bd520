"""Puts an operation into the words of this wire, or says why it cannot; README.md, sections 2 and 4."""

from types import MappingProxyType
from typing import Final

from tillbridge.domain.money import Money
from tillbridge.domain.operation import Kind, Operation, Parent
from tillbridge.protocols.mypos_xml.amounts import write_sum
from tillbridge.protocols.mypos_xml.messages import LONGEST_INVOICE, Request, Root, is_code
from tillbridge.protocols.mypos_xml.settings import DriverSettings

ROOTS: Final = MappingProxyType(
    {
        Kind.SALE: Root.PAY,
        Kind.REFUND: Root.REFUND,
        Kind.AUTHORIZATION: Root.PREAUTH,
        Kind.CAPTURE: Root.PREAUTHCOMPLETION,
        Kind.VOID: Root.PREAUTHCANCEL,
    }
)

INVOICE_HEAD: Final = 12
"""Characters taken from the front of our reference: in its time-ordered form they are the millisecond."""

INVOICE_TAIL: Final = LONGEST_INVOICE - INVOICE_HEAD
"""And from its end, which tells apart what was made in the same millisecond."""


class Refused(Exception):
    """This terminal cannot be asked for that; the text says what to do."""


def express(operation: Operation, settings: DriverSettings) -> tuple[Request, Money]:
    """The request, and the money that its approval stands for."""
    root = ROOTS.get(operation.kind)
    if root is None:
        raise Refused(f"this wire has no {operation.kind}")
    _check_enabled(operation.kind, settings)
    code = _code(operation) if root in (Root.PREAUTHCOMPLETION, Root.PREAUTHCANCEL) else None
    amount = _amount(operation, settings)
    request = Request(
        root,
        settings.receipt,
        settings.custrcpt,
        invoice=invoice_of(operation.wire_reference) if code is None else None,
        sum=write_sum(amount, settings.written_decimals) if root is not Root.PREAUTHCANCEL else None,
        preauthcode=code,
    )
    return request, amount


def invoice_of(wire_reference: str) -> str:
    """At most twenty characters that no other operation has."""
    if len(wire_reference) <= LONGEST_INVOICE:
        return wire_reference
    return wire_reference[:INVOICE_HEAD] + wire_reference[-INVOICE_TAIL:]


def _check_enabled(kind: Kind, settings: DriverSettings) -> None:
    if kind is Kind.REFUND and not settings.refund_enabled:
        raise Refused("refunds are off: enable them for this terminal in the myPOS account, then set refund_enabled")
    if kind in (Kind.AUTHORIZATION, Kind.CAPTURE, Kind.VOID) and not settings.preauth_enabled:
        raise Refused("pre-authorisations are off: request them from myPOS, then set preauth_enabled")


def _code(operation: Operation) -> str:
    parent = _parent(operation)
    code = (parent.reference or "").strip()
    if not is_code(code):
        raise Refused("the terminal gave no code with that authorization: complete or cancel it at the terminal")
    return code


def _parent(operation: Operation) -> Parent:
    if operation.parent is None or operation.parent.kind is not Kind.AUTHORIZATION:
        raise Refused(f"a {operation.kind} on this wire goes back to an authorization")
    return operation.parent


def _amount(operation: Operation, settings: DriverSettings) -> Money:
    amount = operation.amount
    if operation.kind is Kind.VOID:
        whole = _parent(operation).amount
        if amount is not None and amount != whole:
            raise Refused(f"this wire cancels an authorization as a whole: {whole}")
        amount = whole
    if amount is None or amount.minor == 0:
        raise Refused("an amount above zero is required")
    if amount.currency.code != settings.currency:
        raise Refused(f"this terminal takes {settings.currency} and no {amount.currency}")
    if operation.kind is Kind.CAPTURE and amount.minor > _parent(operation).amount.minor:
        raise Refused(f"no more can be captured than was authorised: {_parent(operation).amount}")
    return amount
