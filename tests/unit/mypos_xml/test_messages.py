"""Requests and answers: which roots and fields there are, and what is shown of a message."""

import pytest

from tillbridge.protocols.contract import ProtocolError
from tillbridge.protocols.mypos_xml.messages import (
    ANSWERS,
    FIELDS,
    KEPT_TEXT,
    Answer,
    Copy,
    Request,
    Root,
    answer_document,
    holds_card_number,
    parse_answer,
    parse_request,
    request_document,
    shown,
)

SALE = (
    "<pay><invoice>1</invoice><sum>1</sum><receipt>ON</receipt><custrcpt>OFF</custrcpt></pay>"  # the shortest there is
)


def test_a_request_has_the_fields_of_its_root_in_order() -> None:
    for root, fields in FIELDS.items():
        code = "code" if "preauthcode" in fields else None
        request = Request(root, Copy.ON, Copy.OFF, invoice="I-1", sum="1.00", preauthcode=code)
        document = request_document(request)
        assert (document.root, tuple(child.name for child in document.children)) == (root, fields)


@pytest.mark.parametrize(
    "change",
    [
        ("<pay>", "<paid>"),
        ("<invoice>1</invoice>", ""),
        ("<sum>1</sum>", ""),
        ("<receipt>ON</receipt>", ""),
        ("<custrcpt>OFF</custrcpt>", ""),
        (">ON<", "><"),
        (">ON<", ">on<"),
        (">ON<", ">YES<"),
        ("<sum>1</sum>", "<sum>1</sum><sum>2</sum>"),
        ("<sum>1</sum>", "<sum><x>1</x></sum>"),
        ("<invoice>1</invoice>", "<preauthcode>1</preauthcode>"),
    ],
)
def test_a_request_that_lacks_something_is_refused(change: tuple[str, str]) -> None:
    assert parse_request(SALE).root is Root.PAY
    text = SALE.replace(*change).replace("</pay>", f"</{change[1][1:-1]}>" if change[0] == "<pay>" else "</pay>")
    assert text != SALE
    with pytest.raises(ProtocolError):
        parse_request(text)


def test_what_is_odd_and_harmless_in_a_request_is_read() -> None:
    text = SALE.replace("<sum>1</sum>", "<x>y</x><SUM> 1 </SUM><sum>1</sum>")
    assert parse_request(text) == parse_request(SALE)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("invoice", None),
        ("invoice", ""),
        ("invoice", "x" * 21),
        ("invoice", "á"),
        ("invoice", "a b"),
        ("invoice", "a&b"),
        ("sum", None),
        ("sum", "1,00"),
        ("sum", "-1"),
        ("sum", "1."),
        ("sum", "1e5"),
        ("sum", "\N{ARABIC-INDIC DIGIT ONE}"),
    ],
)
def test_what_this_wire_does_not_carry_is_not_written(field: str, value: str | None) -> None:
    good = {"invoice": "x" * 20, "sum": "9999999999999.9999"}
    request_document(Request(Root.PAY, Copy.ON, Copy.ON, **good))
    with pytest.raises(ValueError, match=r"."):
        request_document(Request(Root.PAY, Copy.ON, Copy.ON, **(good | {field: value or ""})))


@pytest.mark.parametrize("code", ["", " 1", "1\n", "x" * 51, "\x00"])
def test_a_code_is_one_line_of_text(code: str) -> None:
    with pytest.raises(ValueError, match="code"):
        request_document(Request(Root.PREAUTHCANCEL, Copy.ON, Copy.ON, preauthcode=code))


def test_the_spellings_are_exactly_these() -> None:
    family = {root: {name for name, of in ANSWERS.items() if of is root} for root in Root}
    assert family == {
        Root.PAY: {"payresp"},
        Root.REFUND: {"refundresp"},
        Root.PREAUTH: {"preauthresp"},
        Root.PREAUTHCOMPLETION: {
            "preautcompletionresp",
            "preautcompletionhresp",
            "preauthcompletionresp",
            "preauthcompletionhresp",
        },
        Root.PREAUTHCANCEL: {"preautcancelresp", "preauthcancelresp", "preautcancelhresp", "preauthcancelhresp"},
    }


@pytest.mark.parametrize("root", ["pay", "preautresp", "preauthcompletion", "paymentresp", "x:payresp"])
def test_a_root_that_is_nearly_one_is_none(root: str) -> None:
    assert parse_answer(f"<{root}/>").root is None


def test_an_absent_field_is_not_an_empty_one() -> None:
    assert parse_answer("<payresp><ref/></payresp>") == Answer(Root.PAY, ref="")


@pytest.mark.parametrize("field", ["result", "status", "ref"])
def test_two_values_are_a_conflict(field: str) -> None:
    text = f"<payresp><{field}>1</{field}><{field.upper()}> 1 </{field.upper()}><{field}>2</{field}></payresp>"
    assert parse_answer(text).conflicts == {field}


def test_two_texts_contradict_nobody() -> None:
    text = "<payresp><status_text>a</status_text><status_text>b</status_text></payresp>"
    assert parse_answer(text).conflicts == frozenset()


@pytest.mark.parametrize("ref", ["Hibás XML", "HIBÁS XML", "Hib\xa0s XML", "Hibas  xml", "HibĂĄs XML"])
def test_bad_xml_is_known_whatever_became_of_its_accent(ref: str) -> None:
    assert Answer(Root.PAY, "error", ref=ref).bad_xml
    assert Answer(Root.PAY, "ERROR", status="", ref=ref).bad_xml


@pytest.mark.parametrize(
    "answer",
    [
        Answer(Root.PAY, "OK", ref="Hibás XML"),
        Answer(Root.PAY, "ERROR", status="3", ref="Hibás XML"),
        Answer(Root.REFUND, "ERROR", ref="Hibás XML"),
        Answer(Root.PAY, "ERROR", ref="Hiba XML"),
        Answer(Root.PAY, "ERROR", ref="Hibás XML 1"),
        Answer(Root.PAY, "ERROR"),
    ],
)
def test_nothing_else_is_bad_xml(answer: Answer) -> None:
    assert not answer.bad_xml


def test_a_failed_completion_has_a_root_of_its_own() -> None:
    roots = {(root, result): answer_document(Answer(root, result)).root for root in Root for result in ("OK", "ERROR")}
    assert roots[Root.PREAUTHCOMPLETION, "OK"] == "preautcompletionresp"
    assert roots[Root.PREAUTHCOMPLETION, "ERROR"] == "preautcompletionhresp"
    assert roots[Root.PREAUTHCANCEL, "OK"] == roots[Root.PREAUTHCANCEL, "ERROR"] == "preautcancelresp"


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (b"<ref>4970101234567890</ref>", "<ref>############7890</ref>"),
        (b"4970 1012 3456 7890", "###############7890"),
        (b"1234567890123456789012345", "#####################2345"),
        (b"card4970101234567890x", "card############7890x"),
        (b"<status>3</status>\r\n\x00 <ref/>", "<status>3</status> <ref/>"),
        (b"\xff\xe1", "\ufffd\ufffd"),
    ],
)
def test_what_is_shown_holds_no_long_number(raw: bytes, kept: str) -> None:
    assert shown(raw) == kept


def test_a_number_is_masked_before_the_text_is_cut() -> None:
    text = "x" * (KEPT_TEXT - 13) + "4970101234567890"
    assert not any(run.isdigit() and len(run) > 4 for run in shown(text).split("#"))


@pytest.mark.parametrize(
    "ref", ["4970101234567893", "4970 1012 3456 7893", "ref 4970101234567893.", "a4970101234567893"]
)
def test_a_reference_with_a_card_number_is_known(ref: str) -> None:
    assert holds_card_number(ref)


@pytest.mark.parametrize(
    "ref", ["", "004711", "4970101234567890", "a4970101234567890", "019b7ca4970101234567893d0a310d7b"]
)
def test_a_reference_is_otherwise_kept_as_it_is(ref: str) -> None:
    assert not holds_card_number(ref)
