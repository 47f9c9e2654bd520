"""The stable codes of every error that tillbridge gives, and what an entry of their catalogue says."""

from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """Stable for ever: a code is never renamed and never used for something else."""

    BODY_INVALID = "body_invalid"
    BODY_TOO_LARGE = "body_too_large"
    FIELD_INVALID = "field_invalid"
    AMOUNT_INVALID = "amount_invalid"
    CURRENCY_UNKNOWN = "currency_unknown"
    UNAUTHENTICATED = "unauthenticated"
    HOST_NOT_ALLOWED = "host_not_allowed"
    ORIGIN_NOT_ALLOWED = "origin_not_allowed"
    RATE_LIMITED = "rate_limited"
    PATH_UNKNOWN = "path_unknown"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    TERMINAL_UNKNOWN = "terminal_unknown"
    TERMINAL_BUSY = "terminal_busy"
    TERMINAL_LOCKED = "terminal_locked"
    DOOR_HELD = "door_held"
    OPERATION_UNSUPPORTED = "operation_unsupported"
    CURRENCY_UNSUPPORTED = "currency_unsupported"
    AMOUNT_TOO_LARGE = "amount_too_large"
    KEY_REQUIRED = "key_required"
    KEY_CONFLICT = "key_conflict"
    ORDER_CONFLICT = "order_conflict"
    PAYMENT_UNKNOWN = "payment_unknown"
    ALREADY_CLOSED = "already_closed"
    STILL_RUNNING = "still_running"
    NOTHING_TO_SIGN = "nothing_to_sign"
    PARENT_REQUIRED = "parent_required"
    PARENT_UNFIT = "parent_unfit"
    PARENT_SPENT = "parent_spent"
    ADDRESS_NOT_ALLOWED = "address_not_allowed"
    SCOPE_MISSING = "scope_missing"
    WEBHOOK_UNKNOWN = "webhook_unknown"
    WEBHOOK_REFUSED = "webhook_refused"
    PRINTER_UNAVAILABLE = "printer_unavailable"
    JOURNAL_UNAVAILABLE = "journal_unavailable"
    CONNECTOR_STOPPING = "connector_stopping"
    SETTINGS_INVALID = "settings_invalid"
    PORT_TAKEN = "port_taken"
    FOLDER_IN_USE = "folder_in_use"
    FOLDER_UNUSABLE = "folder_unusable"
    JOURNAL_TOO_NEW = "journal_too_new"
    INTERNAL = "internal"

    # The link between connector and portal, and the portal itself (docs/reference/errors.md has their numbers).
    PIN_REFUSED = "pin_refused"
    PAIRING_INPUT = "pairing_input"
    SLOW_DOWN = "slow_down"
    WAITING_CONFIRM = "waiting_confirm"
    PAIRING_DENIED = "pairing_denied"
    FINISH_CONFLICT = "finish_conflict"
    PAIRING_OVER = "pairing_over"
    PORTAL_UNPROVEN = "portal_unproven"
    CLONE_SUSPECTED = "clone_suspected"
    LINK_EXISTS = "link_exists"
    SUITE_UNKNOWN = "suite_unknown"
    NOT_PAIRED = "not_paired"
    LINK_REVOKED = "link_revoked"
    LINK_SUSPENDED = "link_suspended"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105  # the name of an error
    PROOF_REFUSED = "proof_refused"
    NONCE_NEEDED = "nonce_needed"
    LINK_SCOPE = "link_scope"
    KEYSTORE_UNREADABLE = "keystore_unreadable"
    RIGHT_MISSING = "right_missing"
    LICENCE_MISSING = "licence_missing"
    STEP_UP_NEEDED = "step_up_needed"
    CONVERSION_REQUIRED = "conversion_required"
    CONVERSION_LICENCE = "conversion_licence"
    CONVERSION_BLOCKED = "conversion_blocked"
    CONVERSION_FAILED = "conversion_failed"
    CONVERSION_CHANGED = "conversion_changed"
    CONVERSION_RUNNING = "conversion_running"
    PORTAL_UNREACHABLE = "portal_unreachable"
    SWITCHED_OFF = "switched_off"
    MAINTENANCE = "maintenance"
    PORTAL_REFUSED = "portal_refused"
    OVERLOADED = "overloaded"
    PORTAL_FAULT = "portal_fault"
    PORTAL_SILENT = "portal_silent"
    SIGN_IN_REFUSED = "sign_in_refused"
    SIGNED_OUT = "signed_out"
    RECORD_UNKNOWN = "record_unknown"
    RECORD_CONFLICT = "record_conflict"
    SERVICE_UNAVAILABLE = "service_unavailable"
    COMMAND_EXPIRED = "command_expired"
    LINK_OUTDATED = "link_outdated"
    DATABASE_UNAVAILABLE = "database_unavailable"
    DATABASE_TOO_OLD = "database_too_old"
    DATABASE_TOO_NEW = "database_too_new"
    FILE_UNREADABLE = "file_unreadable"


@dataclass(frozen=True, slots=True)
class Entry:
    """`status` is the HTTP status, `title` what happened, `action` what the reader can do about it.

    `number` is the short name under which people speak of an error of the link ("P101"); it is never given anew.
    `passing` says that the same request may succeed later, without anybody changing anything. None of these errors
    moves money by itself: where a payment is behind one, that payment says what it knows.
    """

    status: int
    title: str
    action: str
    number: str = ""
    passing: bool = False
