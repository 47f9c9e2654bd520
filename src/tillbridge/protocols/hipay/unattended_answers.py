"""What a kiosk hears in the unattended profile: an array of one, or HTTP 599 with a sentence (README, section 10)."""

from typing import Final

from tillbridge.domain.errors import BridgeError, Code
from tillbridge.domain.outcome import Approved
from tillbridge.protocols.contract import AbortReply, Payment
from tillbridge.protocols.deliveries import NOT_REPORTED, Reported
from tillbridge.protocols.hipay import verdicts
from tillbridge.protocols.hipay.answers import Answer, Answers, Remarks, echo_of
from tillbridge.protocols.hipay.messages import Echo
from tillbridge.protocols.hipay.unattended_receipt import receipt_of, ticket_of
from tillbridge.protocols.strict_json import JsonObject

FAILURE: Final = 599
"""The status of every failure, by HiPay's description of this profile; HTTP itself knows no such number."""

SUCCESS: Final = "Success"
TYPE: Final = "tpa"
"""What `/version` calls a connector for terminals without staff."""

OWN_STATUS: Final = frozenset(
    {Code.UNAUTHENTICATED, Code.RATE_LIMITED, Code.PATH_UNKNOWN, Code.METHOD_NOT_ALLOWED, Code.PAYMENT_UNKNOWN}
)
"""What a program sees before it comes as far as a payment; of these HiPay describes 401 alone."""

_NOT_HERE: Final = ("paymentStatus", "numberOfNotificationSent", "errorCode", "errorDescription", "amount")
"""Fields of the desktop profile that this one does not have, or has in another form."""


class UnattendedAnswers(Answers):
    """Writes the same facts in this profile's shapes. In doubt is a failure whose text says that nothing is known."""

    def payment(
        self, payment: Payment, echo: Echo, remarks: Remarks, trace_id: str, reported: Reported = NOT_REPORTED
    ) -> Answer:
        """See `Answers.payment`: 200 and an array for an approved payment, 599 for all others."""
        told = super().payment(payment, echo, remarks, trace_id, reported).body
        ours = {name: value for name, value in told.items() if name not in (*_NOT_HERE, "receipt", "cart", "card")}
        if isinstance(payment.outcome, Approved):
            return Answer(200, self._approved(payment, payment.outcome, told) | ours, listed=True)
        verdict = verdicts.verdict(payment.outcome) if payment.outcome is not None else verdicts.RUNNING
        return Answer(FAILURE, {"error": _sentence(verdict)} | ours)

    def upkeep(self, body: JsonObject) -> Answer:
        """See `Answers.upkeep`: in an array."""
        return Answer(200, body, listed=True)

    def version(self, version: str, system: str) -> Answer:
        """See `Answers.version`."""
        return self.upkeep({"version": version, "type": TYPE, "os": system})

    def cancellation(
        self, reply: AbortReply, payment: Payment, trace_id: str, reported: Reported = NOT_REPORTED
    ) -> Answer:
        """See `Answers.cancellation`: the payment as it stands now."""
        answer = self.payment(payment, echo_of(payment), Remarks(), trace_id, reported)
        return Answer(answer.status, answer.body | {"cancel": reply.value}, answer.listed)

    def refusal(self, error: BridgeError, trace_id: str, status: int | None = None) -> Answer:
        """See `Answers.refusal`: one sentence, and our fields beside it."""
        told = super().refusal(error, trace_id, status)
        kept = {name: value for name, value in told.body.items() if name not in (*_NOT_HERE, "error")}
        sentence = f"{error.entry.title[:-1]}: {error.detail}" if error.detail else error.entry.title
        return Answer(told.status if error.code in OWN_STATUS else FAILURE, {"error": sentence} | kept)

    def _approved(self, payment: Payment, approved: Approved, told: JsonObject) -> JsonObject:
        body: JsonObject = {
            "status": SUCCESS,
            "error": None,
            "receipt": receipt_of(payment, approved),
            "ticket": ticket_of(approved),
            "amount": approved.amount.minor,
            "basket": told.get("cart", {}),
        }
        if payment.amount is not None and payment.amount != approved.amount:
            body["amount_requested"] = payment.amount.minor
        return body


def _sentence(verdict: verdicts.Verdict) -> str:
    """The failure in words; what is in doubt begins with a word that no program takes for a refusal."""
    words = verdict.description or verdict.code.replace("_", " ")
    return f"UNKNOWN: {words}" if verdict.outcome == "unknown" else words
