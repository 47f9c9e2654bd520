"""The questions, as a table: in the order in which HiPay's own installer asks, then what else has to be known.

docs/reference/setup.md lists them; src/tillbridge/protocols/hipay/README.md says where HiPay's keys come from.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tillbridge.connector.setup import checks
from tillbridge.connector.setup.answers import (
    DESKTOP,
    LINES,
    NETWORK,
    NETWORK_KINDS,
    SERIAL_KINDS,
    UNATTENDED,
    Answers,
    ContractType,
    Key,
    TerminalKind,
)
from tillbridge.connector.setup.checks import Around, Check, Seen

TILL_PORT: Final = "8888"
"""The port of the sample in HiPay's own instructions: a till that was set up by them looks there."""

UPDATE_TIME: Final = "03:00"
MERCHANT_LENGTH: Final = 7
"""Characters of a merchant contract's number in the cards' world of France; others are taken, and said."""

STAGE: Final = "stage"
PRODUCTION: Final = "production"
_STAGE_LOGIN: Final = ".stage-"
_PORTS: Final = {TerminalKind.CONCERT_V3: "8888", TerminalKind.MYPOS_XML: "51042"}


class Shape(StrEnum):
    """How an answer is given."""

    TEXT = "text"
    SECRET = "secret"  # noqa: S105  # a kind of question
    CHOICE = "choice"
    PORT = "port"
    LINE = "line"


def _always(_: Answers) -> bool:
    return True


def _nothing(_: Seen) -> str:
    return ""


def _silent(_: str, __: Seen) -> str | None:
    return None


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `when` says whether these answers lead to it, `usual` what Enter alone answers.

    `choices` is what can be chosen, `note` the key of a sentence to be said after an answer that was taken, though
    somebody should know something about it.
    """

    key: Key
    check: Check
    shape: Shape = Shape.TEXT
    when: Callable[[Answers], bool] = _always
    usual: Callable[[Seen], str] = _nothing
    choices: Callable[[Answers], Sequence[str]] = lambda _: ()
    note: Callable[[str, Seen], str | None] = _silent


def _with_hipay(answers: Answers) -> bool:
    return bool(answers.get(Key.HIPAY_LOGIN))


def _reported(answers: Answers) -> bool:
    return _with_hipay(answers) and answers.contracts is not ContractType.NONE


def _kind(answers: Answers) -> str:
    return answers.get(Key.TERMINAL_KIND)


def _kinds(answers: Answers) -> Sequence[str]:
    return NETWORK_KINDS if answers.on_network else SERIAL_KINDS


def is_stage_login(login: str) -> bool:
    """Whether this login says of itself that it is one of HiPay's test system."""
    return _STAGE_LOGIN in login.lower()


def _usual_environment(seen: Seen) -> str:
    return STAGE if is_stage_login(seen.answers.get(Key.HIPAY_LOGIN)) else PRODUCTION


def _environment_note(answer: str, seen: Seen) -> str | None:
    stage_login = is_stage_login(seen.answers.get(Key.HIPAY_LOGIN))
    return "note.stage_login" if answer == PRODUCTION and stage_login else None


def _usual_port(seen: Seen) -> str:
    return seen.around.ports[0] if seen.around.ports else ""


def _port_note(answer: str, seen: Seen) -> str | None:
    return None if answer == NETWORK or answer in seen.around.ports else "note.no_port"


def _usual_contracts(seen: Seen) -> str:
    return ContractType.BOTH if _with_hipay(seen.answers) else ContractType.NONE


def _merchant_note(answer: str, _: Seen) -> str | None:
    return None if len(answer) == MERCHANT_LENGTH else "note.merchant_length"


def _contracts(_: Answers) -> Sequence[str]:
    return tuple(ContractType)


def _with_contact(answers: Answers) -> bool:
    return answers.contracts.with_contact


def _contactless(answers: Answers) -> bool:
    return answers.contracts.contactless


def _usual(text: str) -> Callable[[Seen], str]:
    return lambda _: text


def _has_password(answers: Answers) -> bool:
    return _kind(answers) == TerminalKind.TOUCHSCREEN


def _names_no_currency(answers: Answers) -> bool:
    return _kind(answers) in (TerminalKind.TOUCHSCREEN, TerminalKind.MYPOS_XML)


def _usual_terminal_port(seen: Seen) -> str:
    return _PORTS.get(TerminalKind(_kind(seen.answers)), "")


def _terminal_port(text: str, seen: Seen) -> str:
    # The touch screen's profile has one of its own; Concert V2 over TCP has no customary one.
    if _kind(seen.answers) == TerminalKind.TOUCHSCREEN:
        return checks.optional(checks.port)(text, seen)
    return checks.wanted(checks.port)(text, seen)


def _hashkey_note(answer: str, _: Seen) -> str | None:
    return None if answer else "note.no_hashkey"


_c = checks

QUESTIONS: Final = (
    Question(Key.HIPAY_LOGIN, _c.optional(_c.login)),
    Question(Key.HIPAY_PASSWORD, _c.password, Shape.SECRET, when=_with_hipay),
    Question(Key.FOLDER, _c.wanted(_c.folder), usual=lambda seen: str(seen.around.folder)),
    Question(Key.SERIAL_PORT, _c.wanted(_c.serial_port), Shape.PORT, usual=_usual_port, note=_port_note),
    Question(Key.SERIAL_NUMBER, _c.optional(_c.serial_number)),
    Question(Key.LOCAL_PORT, _c.wanted(_c.local_port), usual=_usual(TILL_PORT)),
    Question(Key.API_USERNAME, _c.wanted(_c.login)),
    Question(Key.API_PASSWORD, _c.password, Shape.SECRET),
    Question(
        Key.ENVIRONMENT,
        _c.wanted(_c.environment),
        Shape.CHOICE,
        when=_with_hipay,
        usual=_usual_environment,
        choices=lambda _: (PRODUCTION, STAGE),
        note=_environment_note,
    ),
    Question(Key.AUTHORIZATION_THRESHOLD, _c.optional(_c.threshold)),
    Question(Key.UPDATE_TIME, _c.wanted(_c.time_of_day), usual=_usual(UPDATE_TIME)),
    Question(
        Key.CONTRACT_TYPE,
        _c.wanted(_c.one_of(_contracts)),
        Shape.CHOICE,
        usual=_usual_contracts,
        choices=_contracts,
    ),
    Question(Key.PROXY_APPLICATION, _c.wanted(_c.code), when=_with_contact, usual=_usual("001")),
    Question(Key.NFC_APPLICATION, _c.wanted(_c.code), when=_contactless, usual=_usual("00B")),
    Question(Key.PROXY_MERCHANT, _c.wanted(_c.merchant), when=_with_contact, note=_merchant_note),
    Question(Key.NFC_MERCHANT, _c.wanted(_c.merchant), when=_contactless, note=_merchant_note),
    Question(Key.PROXY_RANK, _c.wanted(_c.code), when=_with_contact, usual=_usual("001")),
    Question(Key.NFC_RANK, _c.wanted(_c.code), when=_contactless, usual=_usual("001")),
    Question(
        Key.TERMINAL_KIND,
        _c.wanted(_c.one_of(_kinds)),
        Shape.CHOICE,
        usual=lambda seen: _kinds(seen.answers)[0],
        choices=_kinds,
    ),
    Question(
        Key.LINE,
        _c.wanted(_c.one_of(lambda _: LINES)),
        Shape.LINE,
        when=lambda answers: not answers.on_network,
        usual=_usual(LINES[0]),
        choices=lambda _: LINES,
    ),
    Question(Key.TERMINAL_HOST, _c.wanted(_c.host), when=lambda answers: answers.on_network),
    Question(Key.TERMINAL_PORT, _terminal_port, when=lambda answers: answers.on_network, usual=_usual_terminal_port),
    Question(Key.TERMINAL_PASSWORD, _c.optional(_c.password), Shape.SECRET, when=_has_password),
    Question(Key.CURRENCY, _c.wanted(_c.currency), when=_names_no_currency, usual=_usual("EUR")),
    Question(Key.HIPAY_HASHKEY, _c.optional(_c.password), Shape.SECRET, when=_reported, note=_hashkey_note),
    Question(
        Key.HIPAY_CONFIRMED,
        _c.wanted(_c.yes_or_no),
        Shape.CHOICE,
        when=lambda answers: _reported(answers) and bool(answers.get(Key.HIPAY_HASHKEY)),
        usual=_usual("no"),
        choices=lambda _: ("yes", "no"),
    ),
    Question(
        Key.PROFILE,
        _c.wanted(_c.one_of(lambda _: (DESKTOP, UNATTENDED))),
        Shape.CHOICE,
        usual=_usual(DESKTOP),
        choices=lambda _: (DESKTOP, UNATTENDED),
    ),
    Question(
        Key.ORDER_IDS_REPEAT,
        _c.wanted(_c.repeats),
        Shape.CHOICE,
        usual=_usual("daily"),
        choices=lambda _: ("daily", "never"),
    ),
    Question(Key.PORTAL_ADDRESS, _c.optional(_c.portal_address)),
    Question(
        Key.PORTAL_LOCATION,
        _c.wanted(_c.portal_location),
        when=lambda answers: bool(answers.get(Key.PORTAL_ADDRESS)),
    ),
)

BY_KEY: Final = {question.key: question for question in QUESTIONS}
SECRETS: Final = frozenset(question.key for question in QUESTIONS if question.shape is Shape.SECRET)


def asked(answers: Answers) -> tuple[Question, ...]:
    """The questions that these answers lead to."""
    return tuple(question for question in QUESTIONS if question.when(answers))


def settled(answers: Answers, around: Around) -> Answers:
    """The answers that still hold together: those to questions that are asked, and that their checks still take.

    A secret is not looked at again: what stands here of it is a hash, or a name.
    """
    kept = Answers()
    for question in QUESTIONS:
        if question.key not in answers or not question.when(kept):
            continue
        answer = answers.get(question.key)
        if question.shape is not Shape.SECRET:
            try:
                answer = question.check(answer, Seen(kept, around))
            except checks.Wrong:
                continue
        kept = kept.put(question.key, answer)
    return kept
