from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pytest

from tillbridge.domain.cashier_link import LINK_REFUSED
from tillbridge.domain.cashier_refusals import REFUSED, refusal_text
from tillbridge.domain.cashier_texts import (
    ABORTED,
    DECLINED,
    IN_DOUBT,
    MOMENTS,
    NOT_STARTED,
    Language,
    Moment,
    Said,
    outcome_text,
    running_text,
)
from tillbridge.domain.cashier_vouchers import VOUCHER_REFUSED
from tillbridge.domain.errors import Code
from tillbridge.domain.money import EUR, Money
from tillbridge.domain.operation import Kind
from tillbridge.domain.outcome import (
    Aborted,
    AbortedBy,
    Approved,
    Declined,
    DeclineReason,
    DoubtReason,
    InDoubt,
    NotStarted,
    NotStartedReason,
)
from tillbridge.domain.portal_entries import PORTAL_ENTRIES
from tillbridge.domain.voucher_entries import VOUCHER_ENTRIES

TABLES: list[tuple[Mapping[Any, Said], type[StrEnum]]] = [
    (MOMENTS, Moment),
    (DECLINED, DeclineReason),
    (ABORTED, AbortedBy),
    (NOT_STARTED, NotStartedReason),
    (IN_DOUBT, DoubtReason),
    (REFUSED, Code),
]
SENTENCES = [said.to(language) for table, _ in TABLES for said in table.values() for language in Language]
CHECK_THE_TERMINAL = {
    Language.DE: "Terminal",
    Language.FR: "terminal",
    Language.CS: "terminálu",
    Language.EN: "terminal",
}
PAID = Approved(Money(1000, EUR))


@pytest.mark.parametrize(("table", "words"), TABLES, ids=lambda value: getattr(value, "__name__", ""))
def test_nothing_is_left_unsaid(table: Mapping[Any, Said], words: type[StrEnum]) -> None:
    assert set(table) == set(words)


@pytest.mark.parametrize("sentence", sorted(set(SENTENCES)))
def test_a_sentence_is_short_and_whole(sentence: str) -> None:
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert len(sentence) <= 120
    assert not any(mark in sentence for mark in "{}_!?\n")
    assert "  " not in sentence


def test_every_language_is_its_own() -> None:
    for table, _ in TABLES:
        for said in table.values():
            assert len({said.to(language) for language in Language}) == len(Language)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("reason", DoubtReason)
def test_a_doubt_sends_the_cashier_to_the_terminal(reason: DoubtReason, language: Language) -> None:
    sentence = outcome_text(Kind.SALE, InDoubt(reason), language)
    assert CHECK_THE_TERMINAL[language] in sentence
    no_promise = {Language.DE: "nichts abgebucht", Language.FR: "Rien", Language.CS: "Nic ", Language.EN: "Nothing"}
    assert no_promise[language] not in sentence


@pytest.mark.parametrize("language", Language)
def test_a_fault_of_our_own_sends_the_cashier_to_the_terminal_too(language: Language) -> None:
    assert CHECK_THE_TERMINAL[language] in refusal_text(Code.INTERNAL, language)


def test_every_refusal_of_the_portal_has_its_sentence_apart() -> None:
    assert set(LINK_REFUSED) == set(PORTAL_ENTRIES)
    assert all(REFUSED[code] is said for code, said in LINK_REFUSED.items())


def test_every_refusal_of_a_voucher_has_its_sentence_apart() -> None:
    assert set(VOUCHER_REFUSED) == set(VOUCHER_ENTRIES)
    assert all(REFUSED[code] is said for code, said in VOUCHER_REFUSED.items())


@pytest.mark.parametrize("code", [Code.PORTAL_FAULT, Code.PORTAL_SILENT])
def test_where_the_portal_may_have_done_it_nothing_is_promised(code: Code) -> None:
    no_promise = {Language.DE: "nichts ge", Language.FR: "Rien n'", Language.CS: "Nic ne", Language.EN: "Nothing was"}
    nothing_by_hand = {Language.DE: "von Hand", Language.FR: "à la main", Language.CS: "ručně", Language.EN: "by hand"}
    for language in Language:
        assert no_promise[language] in refusal_text(Code.PORTAL_UNREACHABLE, language)
        assert no_promise[language] not in refusal_text(code, language)
        assert nothing_by_hand[language] in refusal_text(code, language)


def test_each_outcome_is_said_with_its_own_reason() -> None:
    assert outcome_text(Kind.SALE, Declined(DeclineReason.REFUSED), Language.DE).startswith("Die Karte wurde abgelehnt")
    assert outcome_text(Kind.SALE, Aborted(AbortedBy.CUSTOMER), Language.FR).startswith("Le client a annulé")
    silent = NotStarted(NotStartedReason.TERMINAL_SILENT)
    assert outcome_text(Kind.SALE, silent, Language.CS).startswith("Terminál neodpovídá")
    assert running_text(Language.EN).startswith("The terminal is still working")


@pytest.mark.parametrize(
    ("kind", "in_part", "moment"),
    [
        (Kind.SALE, False, Moment.PAID),
        (Kind.SALE, True, Moment.PAID_IN_PART),
        (Kind.CAPTURE, False, Moment.PAID),
        (Kind.REFUND, False, Moment.PAID_BACK),
        (Kind.AUTHORIZATION, False, Moment.HELD),
        (Kind.VOID, False, Moment.DONE),
        (Kind.RECONCILIATION, False, Moment.DONE),
    ],
)
def test_an_approval_says_what_was_approved(kind: Kind, in_part: bool, moment: Moment) -> None:
    assert outcome_text(kind, PAID, Language.EN, in_part=in_part) == MOMENTS[moment].en
