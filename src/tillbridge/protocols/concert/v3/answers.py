"""Writes the terminal's answers: a request and what became of it, in the manner of one personality."""

from dataclasses import dataclass, replace
from typing import Final

from tillbridge.domain.card import CardUse, EntryMode
from tillbridge.domain.outcome import Aborted, Approved, Declined, NotStarted
from tillbridge.protocols.concert.tlv import Fields
from tillbridge.protocols.concert.v3.judgement import detail_of
from tillbridge.protocols.concert.v3.messages import (
    ANY_APPLICATION,
    APPLICATIONS,
    CONTACT_APPLICATION,
    CONTACTLESS_APPLICATION,
    Answer,
    Detail,
    Status,
    StatusDetail,
    read_amount,
)
from tillbridge.protocols.concert.v3.personalities import Personality, RefusedAmount

FALLBACK_VERSION: Final = "0320"
"""The version in an answer to bytes that name none."""

_LIMITS: Final = {"authorization": 10, "aid": 32, "contract": 10}
"""What the wire's tables allow; a longer text is left out rather than cut into another one."""


@dataclass(frozen=True, slots=True)
class AnswerWriter:
    """Answers to one request, whose own tags are repeated as far as they make sense."""

    request: Fields
    personality: Personality

    def refused(self, detail: Detail, message: str | None = None) -> Answer:
        """Nothing was done, with the reason and perhaps a word for the cashier of at most 21 characters."""
        shown = StatusDetail(self.personality.details.get(detail, detail), message=message)
        return replace(self._base(), status=Status.NOT_DONE, detail=shown, minor=self._refused_minor())

    def taken_into_account(self) -> Answer:
        """The payment runs; its outcome will not be told."""
        return replace(self._base(), status=Status.TAKEN, immediate=self.request.get("BA") == "1")

    def identified(self) -> Answer:
        """The terminal is there."""
        return replace(self._base(), status=Status.DONE)

    def closed(self, outcome: Approved | Declined | Aborted | NotStarted) -> Answer:
        """The payment is over."""
        if not isinstance(outcome, Approved):
            return replace(self.refused(detail_of(outcome)), ticket=self._ticket(getattr(outcome, "ticket", None)))
        card = outcome.card or CardUse()
        named = StatusDetail(Detail.AUTHORISED) if self.personality.names_success else None
        return replace(
            self._base(),
            status=Status.DONE,
            detail=named,
            minor=outcome.amount.minor,
            currency=outcome.amount.currency.numeric,
            application=_application(card),
            entry_mode=card.entry_mode,
            masked_pan=card.masked_pan,
            authorization=_fitting("authorization", outcome.authorization_code),
            aid=_fitting("aid", card.aid),
            contract=_fitting("contract", outcome.contract),
            reference=self.personality.private_text or self.request.get("CF"),
            ticket=self._ticket(outcome.ticket),
        )

    def _base(self) -> Answer:
        request = self.request
        return Answer(
            version=self.personality.version or request.get("CZ") or FALLBACK_VERSION,
            protocol_id=self.personality.protocol_id or request.get("CJ"),
            register=request.get("CA"),
            minor=read_amount(request.get("CB")),
            action=request.get("CD"),
            currency=request.get("CE"),
            reference=None if self.personality.private_text else request.get("CF"),
        )

    def _refused_minor(self) -> int | None:
        asked = read_amount(self.request.get("CB"))
        match self.personality.refused_amount:
            case RefusedAmount.ASKED:
                return asked
            case RefusedAmount.ZERO:
                return None if asked is None else 0
            case RefusedAmount.ABSENT:
                return None

    def _ticket(self, ticket: str | None) -> str | None:
        wanted = (self.request.get("CK") or "")[:1] == "1"
        return ticket if wanted else None


def _application(card: CardUse) -> str:
    """The wire's code; where the outcome comes from another wire, its code there means nothing here."""
    if card.application in APPLICATIONS:
        return card.application or ANY_APPLICATION
    match card.entry_mode:
        case EntryMode.CONTACT:
            return CONTACT_APPLICATION
        case EntryMode.CONTACTLESS:
            return CONTACTLESS_APPLICATION
        case EntryMode.MAGSTRIPE | EntryMode.MANUAL | None:
            return ANY_APPLICATION


def _fitting(name: str, text: str | None) -> str | None:
    return text if text and len(text) <= _LIMITS[name] and text.isascii() and text.isprintable() else None
