"""The messages that the maker's page shows, with every odd spelling: read by both sides, and written as they are shown.

The page's placeholders are filled in. Its blanks around placeholders are a matter of its layout: they are read, and
never written. Everything else is compared byte for byte.
"""

import re
from dataclasses import dataclass

import pytest

from tillbridge.domain.money import EUR, Money
from tillbridge.domain.outcome import (
    Approved,
    Declined,
    DeclineReason,
    NotStarted,
    NotStartedReason,
    Outcome,
)
from tillbridge.protocols.contract import ProtocolError
from tillbridge.protocols.mypos_xml.documents import Layout, Tags, parse, write
from tillbridge.protocols.mypos_xml.faults import deliver
from tillbridge.protocols.mypos_xml.framing import Encoding, FrameReader
from tillbridge.protocols.mypos_xml.judgement import Asked, failure, judge
from tillbridge.protocols.mypos_xml.messages import (
    BAD_XML,
    Answer,
    Copy,
    Request,
    Result,
    Root,
    parse_answer,
    parse_request,
    request_document,
)
from tillbridge.protocols.mypos_xml.settings import Personality

HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
AMOUNT = Money(1250, EUR)
FAILED = Declined(DeclineReason.FAILED, "3 TRANSACTION_FAILED")
OKAY = Approved(AMOUNT, reference="REF")


def _paying(root: str) -> str:
    return (
        f"{HEAD}<{root}>\n  <invoice>REFERENCENUMBER</invoice>\n  <sum>12.50</sum>\n"
        f"<receipt>ON</receipt>\n  <custrcpt> AFTER_CONFIRMATION </custrcpt>\n</{root}>\n"
    )


COMPLETION = (
    f"{HEAD}<preauthcompletion>\n  <preauthcode> 004711 </preauthcode>\n  <sum>12.50</sum>\n"
    "<receipt>ON</receipt>\n  <custrcpt> AFTER_CONFIRMATION </custrcpt>\n</preauthcompletion>\n"
)
CANCEL = (
    f"{HEAD}  <preauthcancel>\n    <preauthcode> 004711\n  </preauthcode><receipt>ON</receipt>\n"
    "  <custrcpt> AFTER_CONFIRMATION </custrcpt>\n</preauthcancel>\n"
)
_SLIPS = {"receipt": Copy.ON, "custrcpt": Copy.AFTER_CONFIRMATION}

REQUESTS = {
    **{
        root: (_paying(root), Request(root, invoice="REFERENCENUMBER", sum="12.50", **_SLIPS))
        for root in (Root.PAY, Root.REFUND, Root.PREAUTH)
    },
    Root.PREAUTHCOMPLETION: (COMPLETION, Request(Root.PREAUTHCOMPLETION, preauthcode="004711", sum="12.50", **_SLIPS)),
    Root.PREAUTHCANCEL: (CANCEL, Request(Root.PREAUTHCANCEL, preauthcode="004711", **_SLIPS)),
}


AS_SHOWN = Personality()


@dataclass(frozen=True, slots=True)
class Sample:
    """An answer as it is shown, what it says, what that proves, and the personality that writes it so."""

    text: str
    answer: Answer
    outcome: Outcome
    manner: Personality = AS_SHOWN


_OK = "  <result>OK</result>\n  <ref>REF</ref>\n"
_ERROR = (
    "  <result>ERROR</result>\n  <status>3</status>\n  <status_text>TRANSACTION_FAILED</status_text>\n  <ref></ref>\n"
)


def _ok(root: Root) -> Answer:
    return Answer(root, Result.OK, ref="REF")


_BLANKS = Personality(failure_blanks=True)
ANSWERS = {
    "pay": Sample(f"<payresp>\n{_OK}</payresp>\n", _ok(Root.PAY), OKAY),
    "pay failed": Sample(f"<payresp>\n{_ERROR}</payresp>\n", failure(Root.PAY, 3), FAILED),
    "refund": Sample(f"<refundresp>\n{_OK}</refundresp>\n", _ok(Root.REFUND), OKAY),
    "refund failed": Sample(f"<refundresp>\n{_ERROR}</refundresp>\n", failure(Root.REFUND, 3), FAILED),
    "preauth": Sample(f"<preauthresp>\n{_OK}</preauthresp>\n", _ok(Root.PREAUTH), OKAY),
    "preauth failed": Sample(f"<preauthresp>\n{_ERROR}</preauthresp>\n", failure(Root.PREAUTH, 3), FAILED),
    "completion": Sample(f"<preautcompletionresp>\n{_OK}</preautcompletionresp >\n", _ok(Root.PREAUTHCOMPLETION), OKAY),
    "completion failed": Sample(
        f"< preautcompletionhresp >\n{_ERROR}</ preautcompletionhresp >\n",
        failure(Root.PREAUTHCOMPLETION, 3),
        FAILED,
        _BLANKS,
    ),
    "completion failed, well-formed": Sample(
        f"<preautcompletionhresp>\n{_ERROR}</preautcompletionhresp>\n", failure(Root.PREAUTHCOMPLETION, 3), FAILED
    ),
    "cancel": Sample(f"<preautcancelresp>\n{_OK}</preautcancelresp >\n", _ok(Root.PREAUTHCANCEL), OKAY),
    "cancel failed": Sample(
        f"<preautcancelresp>\n{_ERROR}</preautcancelresp >\n", failure(Root.PREAUTHCANCEL, 3), FAILED
    ),
    "wrong XML": Sample(
        "<payresp>\n  <result>ERROR</result>\n  <ref>Hibás XML</ref>\n</payresp>\n",
        Answer(Root.PAY, Result.ERROR, ref=BAD_XML),
        NotStarted(NotStartedReason.TERMINAL_REFUSED_MESSAGE, "the terminal could not use the message (bad XML)"),
    ),
}


def _framed(raw: bytes, size: int) -> str:
    """The text of the frame in these bytes, fed in pieces of this size."""
    reader = FrameReader()
    for place in range(0, len(raw), size):
        frame = reader.feed(raw[place : place + size])
        if frame is not None:
            return frame.text
    raise AssertionError("no end of the message was found")


def _unpadded(text: str) -> str:
    """The same page without the blanks that its layout has around placeholders and between tags."""
    return re.sub(r"\s*(<[^>]*>)\s*", r"\1", text).strip()


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
@pytest.mark.parametrize("root", REQUESTS)
def test_a_request_is_read(root: Root, size: int) -> None:
    shown, meant = REQUESTS[root]
    assert parse_request(_framed(shown.encode(), size)) == meant


@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize("root", REQUESTS)
def test_a_request_is_written(root: Root, layout: Layout) -> None:
    shown, meant = REQUESTS[root]
    text = write(request_document(meant), layout, declaration=True)
    assert _unpadded(text) == _unpadded(shown)
    assert text.endswith("\n") == (layout is not Layout.BARE)
    assert text.count("\n") == {Layout.ONE_LINE: 1, Layout.BARE: 0}.get(layout, text.count("\n"))
    assert parse_request(_framed(text.encode(), 1)) == meant


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_read(name: str, size: int) -> None:
    sample = ANSWERS[name]
    answer = parse_answer(_framed(sample.text.encode(), size))
    assert answer == sample.answer
    assert judge(Asked(sample.answer.root or Root.PAY, AMOUNT), answer) == sample.outcome


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_written_byte_for_byte(name: str) -> None:
    sample = ANSWERS[name]
    (piece,) = deliver(sample.answer, sample.manner, lambda _: False).pieces
    assert piece == sample.text.encode()


def test_bad_xml_is_read_in_either_encoding() -> None:
    sample = ANSWERS["wrong XML"]
    raw = sample.text.encode("cp1250")
    assert raw != sample.text.encode()
    frame = FrameReader().feed(raw)
    assert frame is not None
    assert frame.encoding is Encoding.CP_1250
    assert parse_answer(frame.text) == sample.answer
    (written,) = deliver(sample.answer, Personality(bad_xml_encoding=Encoding.CP_1250), lambda _: False).pieces
    assert written == raw


@pytest.mark.parametrize("asked", Root)
def test_bad_xml_is_accepted_whatever_was_asked(asked: Root) -> None:
    assert isinstance(judge(Asked(asked, AMOUNT), ANSWERS["wrong XML"].answer), NotStarted)


@pytest.mark.parametrize("root", Root)
@pytest.mark.parametrize("tags", Tags)
def test_every_way_to_spell_a_tag_is_read(root: Root, tags: Tags) -> None:
    document = request_document(REQUESTS[root][1])
    text = write(document, Layout.LINES, declaration=True, tags=tags)
    assert parse_request(_framed(text.encode(), 1)) == REQUESTS[root][1]
    if tags is Tags.BLANKS:
        # Only the reader makes sense of it: no XML parser does.
        with pytest.raises(ProtocolError):
            parse(text)
