"""An operation in the wire's words; above all, that no two operations get the same reference."""

import random
from datetime import datetime

from tests.support.mypos import INVOICE, REFERENCE, driver_settings, operation
from tillbridge.domain.operation import Kind, Parent
from tillbridge.protocols.mypos_xml.expressing import express, invoice_of
from tillbridge.protocols.mypos_xml.messages import Copy, Request, Root
from tillbridge.runtime.effects import TimeOrderedIds
from tillbridge.runtime.manual import EPOCH


class _Stopped:
    """A clock that stands still: every id is made in the same millisecond."""

    def now(self) -> datetime:
        return EPOCH

    def monotonic(self) -> float:
        return 0.0


def test_references_of_one_millisecond_stay_apart_when_they_are_shortened() -> None:
    ids = TimeOrderedIds(_Stopped(), random.Random(1))
    made = {invoice_of(ids.new()) for _ in range(5000)}
    assert len(made) == 5000
    assert all(len(one) == 20 and one.isalnum() for one in made)


def test_a_short_reference_is_kept_whole() -> None:
    assert invoice_of("a" * 20) == "a" * 20
    assert invoice_of(REFERENCE) == INVOICE


def test_an_operation_becomes_its_request() -> None:
    settings = driver_settings(receipt="ON", custrcpt="AFTER_CONFIRMATION")
    slips = {"receipt": Copy.ON, "custrcpt": Copy.AFTER_CONFIRMATION}
    parent = Parent("x", Kind.AUTHORIZATION, operation().amount or NotImplemented, " 004711 ")
    made = {
        kind: express(operation(kind=kind, parent=parent), settings)[0] for kind in Kind if kind != "reconciliation"
    }
    assert made == {
        Kind.SALE: Request(Root.PAY, invoice=INVOICE, sum="12.50", **slips),
        Kind.REFUND: Request(Root.REFUND, invoice=INVOICE, sum="12.50", **slips),
        Kind.AUTHORIZATION: Request(Root.PREAUTH, invoice=INVOICE, sum="12.50", **slips),
        Kind.CAPTURE: Request(Root.PREAUTHCOMPLETION, sum="12.50", preauthcode="004711", **slips),
        Kind.VOID: Request(Root.PREAUTHCANCEL, preauthcode="004711", **slips),
    }
