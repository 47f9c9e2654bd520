"""Which payments a receiver is told of, and in how many messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tillbridge.domain.outcome import Approved
from tillbridge.engine.journal.records import Event
from tillbridge.protocols.contract import Payment
from tillbridge.psp.hipay.orders import hipay_order_id, is_reported
from tillbridge.upstream.messages import MessageType, message_type
from tillbridge.upstream.settings import (
    ContractName,
    ContractSettings,
    FileReceiver,
    HipayReceiver,
    Telling,
    WebhookReceiver,
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A message that is to be. Of one `slot` a payment has one message for a receiver, whatever happens."""

    slot: str
    type: MessageType
    contract: str | None = None
    order_id: str | None = None


def wanted(receiver: Telling, event: Event, payment: Payment) -> Sequence[Wanted]:
    """The messages for this receiver that an event asks for, given the payment as it stood right after it or later."""
    kind = message_type(event)
    if kind is None:
        return ()
    if isinstance(receiver, HipayReceiver):
        # A contradiction or an answer that no till heard changes nothing about what was approved: HiPay was told.
        if kind is not MessageType.APPROVED or not is_reported(payment):
            return ()
        return (Wanted("payment", kind, order_id=hipay_order_id(payment.id, payment.order_id)),)
    names = _contracts(receiver, kind, payment)
    if not names:
        return (Wanted(f"event {event.seq}", kind),)
    return tuple(Wanted(f"event {event.seq} {name}", kind, name.value) for name in names)


def parts(receiver: Telling, payment: Payment) -> int:
    """In how many messages this receiver is told how the payment ended."""
    if isinstance(receiver, HipayReceiver):
        return int(is_reported(payment))
    kind = MessageType.APPROVED if isinstance(payment.outcome, Approved) else MessageType.DECLINED
    return max(1, len(_contracts(receiver, kind, payment)))


def used_contract(payment: Payment, contracts: Mapping[ContractName, ContractSettings]) -> ContractName | None:
    """The contract that this payment ran on, as far as that is sure: the terminal said it, or there is only one."""
    told = told_contract(payment)
    if told is not None:
        return next((name for name, contract in contracts.items() if contract.merchant_id == told), None)
    return next(iter(contracts)) if len(contracts) == 1 else None


def told_contract(payment: Payment) -> str | None:
    """The merchant contract that the terminal named."""
    return payment.outcome.contract if isinstance(payment.outcome, Approved) else None


def _contracts(receiver: WebhookReceiver | FileReceiver, kind: MessageType, payment: Payment) -> Sequence[ContractName]:
    """The contracts that this receiver gets a message for each; none where one message says it all."""
    if receiver.per_contract is None or kind is not MessageType.APPROVED or not is_reported(payment):
        return ()
    contracts = receiver.per_contract.named()
    used = used_contract(payment, contracts)
    if used is not None:
        return (used,)
    # A contract that nobody has set here is none of ours: to name ours would be a guess.
    return () if told_contract(payment) is not None else tuple(contracts)
