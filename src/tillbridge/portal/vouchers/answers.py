"""How the desk answers: as bytes that are kept, so that the same key is answered alike for ever."""

import hmac
import json
from datetime import datetime
from typing import Any, Final

from tillbridge.domain.cashier_refusals import refusal_text
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.link.voucher_messages import Booked, Load, Operation, OperationState, Redeem
from tillbridge.portal.ledger.model import Posting
from tillbridge.portal.vault import Vault
from tillbridge.portal.vouchers.model import Answered, KeptOperation
from tillbridge.web.problem import problem

JSON: Final = "application/json"
DONE: Final = 200

NOT_KEPT: Final = frozenset({401, 429, 500, 503})
"""Answers that say that nothing was decided: the same key is asked again, and judged anew."""

_LABEL: Final = "voucher request"


def booked(key: str, state: OperationState, posting: Posting, currency: str) -> Answered:
    """The answer to what was carried out."""
    entry = posting.entry
    said = Booked(
        key=key,
        state=state,
        taken=abs(entry.amount),
        balance=entry.balance_after,
        currency=currency,
        as_of=entry.at.booked_at,
    )
    return Answered(DONE, said.model_dump_json().encode())


def refused(error: BridgeError, language: Language) -> Answered:
    """The answer to what was refused, as RFC 9457 has it; nothing was moved."""
    body = problem(error) | {
        "cashier_text": refusal_text(error.code, language),
        "final": not error.entry.passing,
        **error.members,
    }
    return Answered(error.entry.status, json.dumps(body, ensure_ascii=False).encode())


def is_kept(error: BridgeError) -> bool:
    """Whether a refusal is the answer to its key for ever."""
    return error.entry.status not in NOT_KEPT


def again(kept: KeptOperation, mac: bytes) -> Answered:
    """The answer that this key had, for whoever asks the same. `BridgeError`: VOUCHER_VOIDED, VOUCHER_KEY_BODY."""
    if kept.state is OperationState.VOIDED:
        raise BridgeError(Code.VOUCHER_VOIDED)
    # Of what a connector told again after a backup was restored, nobody knows the request: its key alone has to do.
    if kept.body_mac is not None and not hmac.compare_digest(kept.body_mac, mac):
        raise BridgeError(Code.VOUCHER_KEY_BODY, place="Idempotency-Key")
    if kept.status is None or kept.answer is None:
        raise ValueError(f"action {kept.id} has no answer")
    return Answered(kept.status, kept.answer, replayed=True)


def told(kept: KeptOperation, balance_after: int | None = None) -> Operation:
    """How an action stands. `balance_after` is what the voucher held after it was taken back, where it was."""
    said: dict[str, Any] = {} if kept.answer is None else json.loads(kept.answer)
    return Operation(
        key=kept.key,
        state=kept.state,
        taken=kept.taken,
        balance=said.get("balance") if balance_after is None else balance_after,
        currency=said.get("currency"),
        code=said.get("code"),
        as_of=kept.closed_at or kept.created_at,
    )


def not_seen(key: str, now: datetime) -> Operation:
    """There is no such action yet. It may still be on its way."""
    return Operation(key=key, state=OperationState.NOT_SEEN, as_of=now)


def body_mac(vault: Vault, asked: Load | Redeem, path: str) -> bytes:
    """A keyed digest of a request: a plain one would give the PIN away to whoever reads the database.

    Over the method, the route and the canonical JSON of the body (RFC 8785). For these bodies - one level, ASCII names,
    no fractions - that is JSON with sorted names and without blanks.
    """
    body = asked.model_dump(mode="json", exclude_none=True)
    canonical = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return vault.mac(_LABEL, f"POST\n{path}\n{canonical}".encode())
