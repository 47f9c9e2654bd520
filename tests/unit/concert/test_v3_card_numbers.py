"""A full card number dies in the codec: wherever a terminal puts one, it reaches no outcome, no journal and no log."""

import asyncio
import base64

import pytest
from structlog.testing import capture_logs

from tests.support.concert_v3 import operation
from tests.support.concert_v3_canned import HEAD, OURS, PAID, PONG, house
from tests.support.wires import Journal
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.outcome import Approved
from tillbridge.protocols.concert.tlv import Fields, Tlv, container, encode
from tillbridge.protocols.concert.v3.judgement import Asked, judge, late_result
from tillbridge.protocols.concert.v3.messages import Action, parse_answer
from tillbridge.runtime.manual import run_manual

FULL_NUMBER = "4970101234567890"
ASKED = Asked(frozenset({Action.DEBIT}), "01", Money(1250, EUR), "0123456789abcdef0123456789abcdef")
APPROVED = {"AE": "10", "CA": "01", "CB": "1250", "CD": "0", "CE": "978"}
REFUSED = {"AE": "01", "AF": "04", "CA": "01", "CB": "1250", "CD": "0", "CE": "978"}
IMMEDIATE = {"AE": "11", "BA": "1", "CA": "01", "CB": "1250", "CD": "0", "CE": "978"}
TAGS = [
    *("CZ", "CJ", "CA", "CB", "CD", "CE", "BA", "BB", "BF", "BH", "BI", "CC", "CF", "CG", "CH", "CI", "CK", "AA"),
    *("AB", "AC", "AD", "AE", "AF", "AG", "AH", "AI", "AK", "AL", "AM", "AN", "AP", "AQ", "ID", "IM", "OD", "ZT", "ZZ"),
]


def _shows_it(text: object) -> bool:
    return FULL_NUMBER in f"{text!r} {text}"


@pytest.mark.parametrize("shape", ["{}", "{} ", " {}", "{}F", "{}=2512", "00{}"])
@pytest.mark.parametrize("base", [APPROVED, REFUSED, IMMEDIATE], ids=["approved", "refused", "immediate"])
@pytest.mark.parametrize("tag", TAGS)
def test_it_stands_in_no_outcome_whichever_tag_brings_it(tag: str, base: dict[str, str], shape: str) -> None:
    values = base | {tag: shape.format(FULL_NUMBER)}
    fields = Fields.of(Tlv(name, value) for name, value in values.items())
    assert not _shows_it(judge(ASKED, fields))
    assert not _shows_it((late_result(fields, ASKED), late_result(fields, None)))
    assert not _shows_it(fields)


@pytest.mark.parametrize("number", ["4222222222222", "378282246310005", "6304000000000000000"])
@pytest.mark.parametrize("base", [APPROVED, REFUSED], ids=["approved", "refused"])
def test_a_number_of_any_length_is_no_amount(base: dict[str, str], number: str) -> None:
    fields = Fields.of(Tlv(name, value) for name, value in (base | {"CB": number}).items())
    for said in (judge(ASKED, fields), late_result(fields, ASKED), late_result(fields, None)):
        assert number not in repr(said)
    assert parse_answer(fields).malformed == {"CB"}


@pytest.mark.parametrize("tag", ["CZ", "CC", "AB", "AC", "AI", "CG"])
def test_what_does_not_fit_the_wires_tables_is_left_out_and_named(tag: str) -> None:
    answer = parse_answer(Fields.of(Tlv(name, value) for name, value in (APPROVED | {tag: FULL_NUMBER}).items()))
    assert answer.malformed == {tag}
    kept = {answer.version, answer.application, answer.expiry, answer.authorization, answer.aid, answer.contract}
    assert kept == {None}


def test_what_fits_is_kept_without_the_blanks_around_it() -> None:
    sent = {"CZ": "0301", "CC": "1", "AB": "1603", "AC": "A00395    ", "AI": "A0000000421010  ", "CG": " 1999403"}
    answer = parse_answer(Fields.of(Tlv(name, value) for name, value in sent.items()))
    assert answer.malformed == frozenset()
    assert (answer.version, answer.application, answer.expiry) == ("0301", "1", "1603")
    assert (answer.authorization, answer.aid, answer.contract) == ("A00395", "A0000000421010", "1999403")


def test_it_is_masked_in_the_card_number_and_on_the_receipt() -> None:
    receipt = base64.b64encode(f"CARTE {FULL_NUMBER}\r\nDEBIT 12,50 EUR".encode()).decode()
    held = container("ZT", (Tlv("AA", FULL_NUMBER), Tlv("CK", "100"), Tlv("AK", receipt)))
    plain = [Tlv(name, value) for name, value in (APPROVED | {"AA": FULL_NUMBER}).items()]
    outcome = judge(ASKED, Fields.of([*plain, held]))
    assert isinstance(outcome, Approved)
    assert outcome.card is not None
    assert outcome.card.masked_pan == "497010######7890"
    assert outcome.ticket == "CARTE 497010######7890\r\nDEBIT 12,50 EUR"


def test_it_stands_in_no_log_and_in_no_state_of_the_terminal() -> None:
    everywhere = encode(Tlv(tag, FULL_NUMBER) for tag in ("CC", "AC", "AI", "CG", "AB", "CF", "AD", "ZZ", "CC", "ZT"))

    async def main() -> None:
        answers = {
            "0": HEAD + b"CD0010" + PAID[:7] + b"CB0041250CE003978" + everywhere,
            "I": PONG.replace(b"CZ0040301", b"CZ016" + FULL_NUMBER.encode()) + everywhere,
            "T": HEAD + b"CD001T" + PAID + OURS + everywhere,
            "3": HEAD + b"CD0013" + PAID + everywhere,
        }
        async with house(answers, application="001") as here:
            journal = Journal()
            outcome = await here.terminal.perform(operation(), journal)
            health = await here.terminal.health()
            said = await here.terminal.inquire(operation())
            await asyncio.sleep(1.0)
            assert isinstance(outcome, Approved)
            assert not _shows_it((outcome, journal.outcomes, health, said))

    with capture_logs() as logs:
        run_manual(main())
    assert logs, "the odd answer was worth a line"
    assert not _shows_it(logs)
