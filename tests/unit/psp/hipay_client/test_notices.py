"""Notifications: what is kept of them, and that nothing else is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.psp.hipay.notices import KEPT, LONGEST_VALUE, NoticeUnreadable, read_notice

FORM = "application/x-www-form-urlencoded; charset=utf-8"


def test_a_form_is_read_by_its_own_names_and_a_card_is_left_out() -> None:
    body = (
        b"state=completed&status=118&order%5Bid%5D=47-abc&transaction_reference=800&payment_method%5Bpan%5D=4111111111111111"
        b"&reason%5Bmessage%5D=all%0A+well&custom_data%5Bx%5D=y"
    )
    found = read_notice(FORM, body)
    assert found.order_id == "47-abc"
    assert found.fields == {
        "state": "completed",
        "status": "118",
        "order[id]": "47-abc",
        "transaction_reference": "800",
        "reason[message]": "all well",
    }


def test_json_is_read_in_both_of_its_shapes() -> None:
    webhook = {"event_key": "k", "data": {"status": 118, "order": {"id": "47", "amount": 10.23}}, "sent_date": "x"}
    found = read_notice("application/json", json.dumps(webhook).encode())
    assert (found.order_id, found.fields["status"], found.fields["order[amount]"]) == ("47", "118", "10.23")
    terminal = {"id": "t", "references": {"order": "48"}, "result": {"status": "Success", "amount": 1023}}
    found = read_notice("application/json", json.dumps(terminal).encode())
    assert (found.order_id, found.fields["result[status]"]) == ("48", "Success")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/xml", b"<mapi/>"),
        ("", b"a=b"),
        ("application/json", b"[1]"),
        ("application/json", b"{"),
        ("application/json", b"\xff"),
        (FORM, b"a=\xff"),
        (FORM, b"&".join(b"a%d=1" % number for number in range(600))),
    ],
)
def test_what_cannot_be_read_is_said_so(kind: str, body: bytes) -> None:
    with pytest.raises(NoticeUnreadable):
        read_notice(kind, body)


@given(st.sampled_from([FORM, "application/json"]), st.binary(max_size=300))
def test_garbage_is_read_or_refused_and_never_grows(kind: str, body: bytes) -> None:
    try:
        found = read_notice(kind, body)
    except NoticeUnreadable:
        return
    assert set(found.fields) <= set(KEPT)
    assert all(len(value) <= LONGEST_VALUE for value in found.fields.values())
