"""The one catalogue of errors: stable codes that other programs may rely on, each with what happened and what to do.

A native answer carries an entry as RFC 9457 problem+json; a door translates it into its own wire's shape.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tillbridge.domain.codes import Code, Entry
from tillbridge.domain.portal_entries import PORTAL_ENTRIES
from tillbridge.domain.voucher_entries import VOUCHER_ENTRIES

__all__ = ["CATALOGUE", "BridgeError", "Code", "Entry"]

_ENTRIES: Final = {
    Code.BODY_INVALID: Entry(400, "The request could not be read.", "Send one JSON object, encoded as UTF-8."),
    Code.BODY_TOO_LARGE: Entry(413, "The request is too large.", "Send less than the limit that the detail names."),
    Code.FIELD_INVALID: Entry(400, "A field of the request is wrong.", "Correct the field that is named and send again."),
    Code.AMOUNT_INVALID: Entry(400, "The amount is wrong.", "Send an amount such as 10.23 with no more decimals than the currency has."),
    Code.CURRENCY_UNKNOWN: Entry(400, "The currency is unknown.", "Send an ISO 4217 code such as EUR."),
    Code.UNAUTHENTICATED: Entry(401, "The login was not accepted.", "Check the name and password of the local interface in the settings."),
    Code.HOST_NOT_ALLOWED: Entry(403, "The request was addressed to a host name that is not served here.", "Use localhost, or add the name to the settings."),
    Code.ORIGIN_NOT_ALLOWED: Entry(403, "A web page of another site sent this request.", "Add the site's origin to the settings if it is yours."),
    Code.RATE_LIMITED: Entry(429, "Too many attempts.", "Wait a minute, then try again with the right login."),
    Code.PATH_UNKNOWN: Entry(404, "There is nothing at this address.", "Check the path."),
    Code.METHOD_NOT_ALLOWED: Entry(405, "This address does not take that HTTP method.", "Use one of the methods that the Allow header lists."),
    Code.TERMINAL_UNKNOWN: Entry(404, "There is no terminal of that name.", "Use one of the names in the settings."),
    Code.TERMINAL_BUSY: Entry(409, "The terminal is busy with another payment.", "Wait until the running payment is over, then try again."),
    Code.TERMINAL_LOCKED: Entry(409, "The terminal is locked: it is not known whether an earlier payment was taken.", "Look at the terminal's slip for that payment and settle it in the console, then try again."),
    Code.DOOR_HELD: Entry(409, "An approved payment could not be reported to this till.", "Settle that payment in the console, then try again."),
    Code.OPERATION_UNSUPPORTED: Entry(400, "This terminal cannot do that.", "Use another terminal or another operation."),
    Code.CURRENCY_UNSUPPORTED: Entry(400, "This terminal does not take that currency.", "Use another terminal or another currency."),
    Code.AMOUNT_TOO_LARGE: Entry(400, "The amount is larger than this terminal can take.", "Split the amount."),
    Code.KEY_REQUIRED: Entry(400, "This operation needs an Idempotency-Key.", "Send the header with a value that is new for each operation."),
    Code.KEY_CONFLICT: Entry(422, "The Idempotency-Key was used before for something else.", "Use a new key for a new payment."),
    Code.ORDER_CONFLICT: Entry(409, "The order was paid or is being paid with another amount or currency.", "Ask for the payment by its order number, or use a new order number."),
    Code.PAYMENT_UNKNOWN: Entry(404, "There is no such payment.", "Check the number."),
    Code.ALREADY_CLOSED: Entry(409, "The payment is already settled.", "Look at the payment: nothing is left to decide."),
    Code.STILL_RUNNING: Entry(409, "The payment is still running on the terminal.", "Wait for the terminal, then look again."),
    Code.NOTHING_TO_SIGN: Entry(409, "The payment is not waiting for a signature to be checked.", "Look at the payment: it may be over already."),
    Code.PARENT_REQUIRED: Entry(400, "This operation goes back to an earlier payment, and none is named.", "Name the payment that it goes back to."),
    Code.PARENT_UNFIT: Entry(409, "The earlier payment cannot be used for this.", "Look at the earlier payment: its kind, its state and its terminal."),
    Code.PARENT_SPENT: Entry(409, "The earlier payment does not have that much money left.", "Ask for no more than what is left of it."),
    Code.ADDRESS_NOT_ALLOWED: Entry(403, "This computer may not use this door.", "Add its address to allow_from in the settings of the door if it is a till of yours."),
    Code.SCOPE_MISSING: Entry(403, "The key may not do that.", "Use a key with the scope that is named."),
    Code.WEBHOOK_UNKNOWN: Entry(404, "There is no such webhook.", "Check the number."),
    Code.RECEIVER_UNKNOWN: Entry(404, "There is no such receiver of reports.", "Check its name in the settings, and the number of the message."),
    Code.WEBHOOK_REFUSED: Entry(400, "The address of the webhook is not allowed.", "Use an https address of a receiver of yours, or allow its network in the settings."),
    Code.PRINTER_UNAVAILABLE: Entry(409, "The receipt could not be printed.", "Look at the printer and its place in the settings, then print again."),
    Code.JOURNAL_UNAVAILABLE: Entry(503, "The journal on this computer cannot be written, so nothing was sent to the terminal.", "Free space on the disk, or check its state, then try again."),
    Code.CONNECTOR_STOPPING: Entry(503, "The connector is stopping.", "Try again when it runs again."),
    Code.SETTINGS_INVALID: Entry(400, "The settings are wrong.", "Correct the place that is named."),
    Code.PORT_TAKEN: Entry(409, "Another program already uses that port.", "Stop the other program or choose another port."),
    Code.FOLDER_IN_USE: Entry(409, "Another tillbridge process is using this data folder.", "Stop the other process, or use another folder."),
    Code.FOLDER_UNUSABLE: Entry(500, "The data folder cannot be used.", "Check that the folder exists and that this user may write there."),
    Code.JOURNAL_TOO_NEW: Entry(500, "The journal was written by a newer tillbridge.", "Install that version or a newer one."),
    Code.SECRETS_UNREADABLE: Entry(500, "The stored passwords cannot be read.", "Use the account and the computer that they were stored with, or store them again: tillbridge connector setup."),
    Code.UPDATE_UNREACHABLE: Entry(503, "The update server could not be asked.", "Check this computer's connection to the internet; it is tried again by itself.", passing=True),
    Code.UPDATE_UNTRUSTED: Entry(502, "What the update server said could not be proven, so nothing of it was used.", "Check this computer's clock; if that is right, call support: the running version stays in use."),
    Code.UPDATE_FAILED: Entry(500, "A newer version could not be put in place.", "Look at the detail; the running version stays in use and it is tried again by itself."),
    Code.RELEASE_REFUSED: Entry(400, "The release was not made.", "Correct what is named; the repository is as it was."),
    Code.BUNDLE_UNSAFE: Entry(500, "The support bundle was not written, because something in it must not leave this computer.", "Write it without the part that is named (--without), and tell support which part and what it holds."),
    Code.INTERNAL: Entry(500, "The connector has a fault of its own.", "Look at the payment's state before you try again, and send the trace number to support."),
}  # fmt: skip

CATALOGUE: Final[Mapping[Code, Entry]] = MappingProxyType({**_ENTRIES, **PORTAL_ENTRIES, **VOUCHER_ENTRIES})


class BridgeError(Exception):
    """A refusal with a code of the catalogue.

    `detail` is one sentence about this case, never with a secret or a card number in it; `place` names what is wrong
    (a field, a file with its line); `payment_id` is the payment that stands in the way, where there is one.
    `retry_after` is in seconds: how long to wait before the same request may succeed. `members` are more that a
    program may read in the answer, such as the end of a maintenance.
    """

    def __init__(
        self,
        code: Code,
        detail: str = "",
        *,
        place: str | None = None,
        payment_id: str | None = None,
        retry_after: int | None = None,
        members: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.place = place
        self.payment_id = payment_id
        self.retry_after = retry_after
        self.members = members or {}

    @property
    def entry(self) -> Entry:
        """The catalogue's texts for this code."""
        return CATALOGUE[self.code]

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        return f"{where}{self.detail or self.entry.title}"
