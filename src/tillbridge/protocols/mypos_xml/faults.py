"""How an answer goes out: in the spelling of one personality, and spoilt as a simulator's faults have it.

A door over the engine has no faults, and its answers are those of protocols/mypos_xml/README.md, section 3.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from tillbridge.protocols.contract import Fault
from tillbridge.protocols.mypos_xml.documents import Child, Document, Tags, write
from tillbridge.protocols.mypos_xml.framing import BYTE_ORDER_MARK, Encoding
from tillbridge.protocols.mypos_xml.judgement import Code, failure
from tillbridge.protocols.mypos_xml.messages import BAD_XML, Answer, Result, Root, answer_document
from tillbridge.protocols.mypos_xml.settings import Personality

GARBAGE: Final = b"\x00\xff?!"
"""Bytes that begin no document."""

ENDLESS: Final = 1_000_000
"""Characters of a field that nobody should read to its end."""

DEPTH: Final = 2000
"""Far deeper than any answer, and still inside the largest message that is read."""

BOMB: Final = "".join(
    f'<!ENTITY {name} "{("&" + before + ";") * 10 if before else "ha"}">'
    for before, name in zip(("", *"abcdefgh"), "abcdefghi", strict=True)
)
"""Nine entities, each ten of the one before it: a thousand million of the smallest."""

Strikes = Callable[[Fault], bool]
"""Asks whether a fault happens now; each call uses up one strike."""

_STATUSES: Final = (
    (Fault.STATUS_0, 0),
    (Fault.STATUS_5, 5),
    (Fault.STATUS_6, 6),
    (Fault.STATUS_7, 7),
    (Fault.STATUS_8, 8),
    (Fault.STATUS_9, 9),
    (Fault.STATUS_10, 10),
    (Fault.STATUS_99, 99),
)


class Ending(StrEnum):
    """What becomes of the line after the last piece."""

    ANSWERED = "answered"  # as the personality has it
    DROPPED = "dropped"  # it ends
    RESET = "reset"  # it breaks
    HELD = "held"  # it stays up until the till gives up


@dataclass(frozen=True, slots=True)
class Delivery:
    """What goes out: pieces, one write each, and the line's end. `whole` says whether the till can read the answer.

    `left_over` comes first on the next connection.
    """

    pieces: tuple[bytes, ...]
    ending: Ending = Ending.ANSWERED
    whole: bool = True
    left_over: bytes = b""


NOTHING: Final = Delivery((), Ending.DROPPED, whole=False)
"""No answer: the line ends without one."""


def deliver(answer: Answer, manner: Personality, strikes: Strikes) -> Delivery:
    """How this answer goes out."""
    if strikes(Fault.NEVER_ANSWER):
        return Delivery((), Ending.HELD, whole=False)
    if strikes(Fault.DROP_BEFORE_ANSWER):
        return NOTHING
    raw = _bytes(answer, manner, strikes)
    if strikes(Fault.ANSWER_ON_NEXT_LINE):
        return Delivery((), Ending.HELD, whole=False, left_over=raw)
    half = (raw[: len(raw) // 2],)
    if strikes(Fault.DROP_IN_ANSWER):
        return Delivery(half, Ending.DROPPED, whole=False)
    if strikes(Fault.RESET_IN_ANSWER):
        return Delivery(half, Ending.RESET, whole=False)
    if strikes(Fault.DROP_LAST_BYTE):
        return Delivery((raw.rstrip()[:-1],), Ending.DROPPED, whole=False)
    readable = not strikes(Fault.GARBAGE_BEFORE_ANSWER)
    pieces = _cut(raw, strikes)
    ending = Ending.HELD if strikes(Fault.HOLD_OPEN) else Ending.ANSWERED
    return Delivery(pieces if readable else (GARBAGE, *pieces), ending, readable)


# ---------------------------------------------------------------- what is said


def _bytes(answer: Answer, manner: Personality, strikes: Strikes) -> bytes:
    encoding = manner.bad_xml_encoding if answer.ref == BAD_XML else Encoding.UTF_8
    said = _said(answer, strikes)
    raw = _text(said, manner, strikes).encode(encoding)
    if strikes(Fault.ANSWER_TWICE):
        raw += raw
    if strikes(Fault.OTHER_ANSWER_BEHIND):
        other = failure(said.root or Root.PAY, Code.TRANSACTION_DECLINED)
        raw += _text(other, manner, strikes).encode()
    if strikes(Fault.LEADING_BLANK_LINE):
        raw = b"\r\n" + raw
    if strikes(Fault.LEADING_MARK):
        raw = BYTE_ORDER_MARK + raw
    if strikes(Fault.TRAILING_CRLF):
        raw += b"\r\n"
    return raw + b"\x00" if strikes(Fault.TRAILING_NUL) else raw


def _said(answer: Answer, strikes: Strikes) -> Answer:
    """The answer with another status, reference or root."""
    for fault, status in _STATUSES:
        if strikes(fault):
            return failure(answer.root or Root.PAY, status)
    if strikes(Fault.NO_STATUS):
        return Answer(answer.root, Result.ERROR, ref="")
    if strikes(Fault.EMPTY_STATUS):
        return Answer(answer.root, Result.ERROR, status="", status_text="", ref="")
    if strikes(Fault.STATUS_BESIDE_OK):
        return replace(answer, result=Result.OK, status="3", status_text=Code.TRANSACTION_FAILED.name)
    if strikes(Fault.NO_REFERENCE):
        return replace(answer, ref="")
    if strikes(Fault.WRONG_ROOT):
        return replace(answer, root=Root.REFUND if answer.root is Root.PAY else Root.PAY)
    return answer


def _text(answer: Answer, manner: Personality, strikes: Strikes) -> str:
    document = _spoilt(answer_document(answer), strikes)
    declaration = manner.declaration or strikes(Fault.LEADING_DECLARATION)
    text = write(document, manner.layout, declaration=declaration, tags=_tags(answer, manner, strikes))
    if strikes(Fault.DEEP_NESTING):
        text = text.replace("<ref>", "<x>" * DEPTH + "</x>" * DEPTH + "<ref>")
    if strikes(Fault.DOCTYPE):
        text = f"<!DOCTYPE {document.root}>{text}"
    if strikes(Fault.ENTITY_BOMB):
        text = f"<!DOCTYPE {document.root} [{BOMB}]>{text.replace('<ref>', '<ref>&i;')}"
    return text


def _tags(answer: Answer, manner: Personality, strikes: Strikes) -> Tags:
    if strikes(Fault.BLANKS_IN_TAGS):
        return Tags.BLANKS
    failed = answer.result != Result.OK
    if answer.root is Root.PREAUTHCOMPLETION and failed:
        return Tags.BLANKS if manner.failure_blanks else Tags.PLAIN
    blank_at_end = answer.root in (Root.PREAUTHCOMPLETION, Root.PREAUTHCANCEL) and manner.end_tag_blanks
    return Tags.BLANK_AT_END if blank_at_end else Tags.PLAIN


def _spoilt(document: Document, strikes: Strikes) -> Document:
    children = list(document.children)
    if strikes(Fault.UNKNOWN_TAG):
        children.insert(1, Child("unknown", "tag"))
    if strikes(Fault.DUPLICATE_TAG):
        children.append(children[0])
    if strikes(Fault.CONFLICTING_TAG):
        children.append(Child("result", Result.ERROR if children[0].text == Result.OK else Result.OK))
    if strikes(Fault.ENDLESS_TEXT):
        children.insert(1, Child("text", "x" * ENDLESS))
    if strikes(Fault.PADDED_VALUES):
        children = [Child(one.name, f" \r\n\t{one.text} ") for one in children]
    if strikes(Fault.UPPER_CASE):
        return Document(document.root.upper(), tuple(Child(one.name.upper(), one.text) for one in children))
    return Document(document.root, tuple(children))


# ---------------------------------------------------------------- how it is cut


def _cut(raw: bytes, strikes: Strikes) -> tuple[bytes, ...]:
    if strikes(Fault.BYTE_BY_BYTE):
        return tuple(raw[place : place + 1] for place in range(len(raw)))
    if strikes(Fault.SPLIT_BETWEEN_TAGS):
        return _at(raw, raw.index(b"</result>") + len(b"</result>"))
    if strikes(Fault.SPLIT_IN_TAG):
        return _at(raw, raw.index(b"</result>") + len(b"</res"))
    if strikes(Fault.BAD_XML_SPLIT):
        return _at(raw, next(place for place, byte in enumerate(raw) if byte > 0x7F) + 1)  # noqa: PLR2004 - ASCII ends
    return (raw,)


def _at(raw: bytes, place: int) -> tuple[bytes, bytes]:
    return raw[:place], raw[place:]
