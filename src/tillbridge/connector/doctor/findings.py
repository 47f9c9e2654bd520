"""What the doctor looks at, and what it may see there: closed lists, so that every word has its texts."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from tillbridge.connector.portal.checks import Verdict


class Part(StrEnum):
    """One thing that a connector needs, in the order in which a report lists them."""

    SETTINGS = "settings"
    SECRETS = "secrets"
    FOLDER = "folder"
    DISK = "disk"
    JOURNAL = "journal"
    CLOCK = "clock"
    PORT = "port"
    TERMINAL = "terminal"
    DOOR = "door"
    PROVIDER = "provider"
    PORTAL = "portal"
    CERTIFICATE = "certificate"
    VERSION = "version"
    SUPERVISOR = "supervisor"


class Saw(StrEnum):
    """What was seen. `locales/` has a sentence `saw.NAME` for each, and `do.NAME` where there is something to do."""

    LOOK_TIMED_OUT = "look_timed_out"
    LOOK_FAILED = "look_failed"
    SETTINGS_RIGHT = "settings_right"
    SETTINGS_MISSING = "settings_missing"
    SETTINGS_WRONG = "settings_wrong"
    SECRETS_SAFE = "secrets_safe"
    SECRET_FILE_OPEN = "secret_file_open"  # noqa: S105  # the name of a finding
    SECRET_FILE_UNREADABLE = "secret_file_unreadable"  # noqa: S105  # the name of a finding
    CONNECTOR_RUNS = "connector_runs"
    CONNECTOR_RESTS = "connector_rests"
    CONNECTOR_DEAF = "connector_deaf"
    CONNECTOR_UNREADY = "connector_unready"
    FOLDER_MISSING = "folder_missing"
    FOLDER_UNUSABLE = "folder_unusable"
    FOLDER_HELD = "folder_held"
    DISK_ROOMY = "disk_roomy"
    DISK_SCARCE = "disk_scarce"
    DISK_FULL = "disk_full"
    JOURNAL_SOUND = "journal_sound"
    JOURNAL_NONE = "journal_none"
    JOURNAL_DAMAGED = "journal_damaged"
    JOURNAL_UNREADABLE = "journal_unreadable"
    JOURNAL_TOO_NEW = "journal_too_new"
    PAYMENTS_IN_DOUBT = "payments_in_doubt"
    CLOCK_RIGHT = "clock_right"
    CLOCK_AHEAD = "clock_ahead"
    CLOCK_BEHIND = "clock_behind"
    CLOCK_WENT_BACK = "clock_went_back"
    CLOCK_UNCOMPARED = "clock_uncompared"
    PORT_THERE = "port_there"
    PORT_MISSING = "port_missing"
    PORT_IS_NONE = "port_is_none"
    PORT_FORBIDDEN = "port_forbidden"
    PORT_AFTER_LOGIN = "port_after_login"
    TERMINAL_READY = "terminal_ready"
    TERMINAL_BUSY = "terminal_busy"
    TERMINAL_SILENT = "terminal_silent"
    TERMINAL_UNREACHABLE = "terminal_unreachable"
    TERMINAL_UNASKED = "terminal_unasked"
    TERMINAL_LOCKED = "terminal_locked"
    TERMINAL_SPEAKS_7E1 = "terminal_speaks_7e1"
    TERMINAL_SPEAKS_8N1 = "terminal_speaks_8n1"
    TERMINAL_REFUSED_FRAMES = "terminal_refused_frames"
    DOOR_FREE = "door_free"
    DOOR_OURS = "door_ours"
    DOOR_TAKEN = "door_taken"
    DOOR_CLOSED = "door_closed"
    DOOR_ON_LINE = "door_on_line"
    DOOR_EXPOSED = "door_exposed"
    PROVIDER_NONE = "provider_none"
    PROVIDER_REACHED = "provider_reached"
    PROVIDER_FAILING = "provider_failing"
    NAME_UNKNOWN = "name_unknown"
    NO_CONNECTION = "no_connection"
    NO_TLS = "no_tls"
    NO_ANSWER = "no_answer"
    PORTAL_NONE = "portal_none"
    PORTAL_WELL = "portal_well"
    PORTAL_CARE = "portal_care"
    PORTAL_WRONG = "portal_wrong"
    PORTAL_UNSEEN = "portal_unseen"
    CERTIFICATE_VALID = "certificate_valid"
    CERTIFICATE_ENDING = "certificate_ending"
    CERTIFICATE_OVER = "certificate_over"
    CERTIFICATE_OTHER = "certificate_other"
    CERTIFICATE_UNREADABLE = "certificate_unreadable"
    VERSION_RUNS = "version_runs"
    VERSION_DIFFERS = "version_differs"
    VERSION_CHOSEN_OTHER = "version_chosen_other"
    UPDATE_UNDER_WAY = "update_under_way"
    UPDATE_REFUSED = "update_refused"
    SUPERVISOR_NONE = "supervisor_none"
    SUPERVISOR_WATCHES = "supervisor_watches"
    SUPERVISOR_SAYS = "supervisor_says"


@dataclass(frozen=True, slots=True)
class Finding:
    """One result. `subject` is the name of the terminal, door or host that it is about; empty for the whole.

    `facts` fill the sentence; they hold no secret. `command` is what a person may copy into a shell, empty for nothing.
    `code` is the catalogue's (docs/reference/errors.md) where the look ended with a refusal.
    """

    part: Part
    verdict: Verdict
    saw: Saw
    subject: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    command: str = ""
    code: str | None = None


Look = Callable[[], Awaitable[Sequence[Finding]]]


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at, apart from all others. `seconds` is its time-out."""

    part: Part
    subject: str
    look: Look
    seconds: float


def well(part: Part, saw: Saw, subject: str = "", **facts: str) -> Finding:
    """It is right."""
    return Finding(part, Verdict.OK, saw, subject, facts)


def care(part: Part, saw: Saw, subject: str = "", **facts: str) -> Finding:
    """It works, and somebody should look at it."""
    return Finding(part, Verdict.CARE, saw, subject, facts)


def wrong(part: Part, saw: Saw, subject: str = "", **facts: str) -> Finding:
    """It does not work."""
    return Finding(part, Verdict.WRONG, saw, subject, facts)


def unknown(part: Part, saw: Saw, subject: str = "", **facts: str) -> Finding:
    """It could not be looked at, or there is nothing to look at."""
    return Finding(part, Verdict.UNKNOWN, saw, subject, facts)
