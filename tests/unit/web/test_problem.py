import json

import pytest

from tillbridge.domain.errors import CATALOGUE, BridgeError, Code
from tillbridge.domain.outcome import MoneyMoved
from tillbridge.web.problem import TYPE_PREFIX, problem_json


@pytest.mark.parametrize("code", Code)
def test_every_error_of_the_catalogue_has_the_members_of_the_rfc(code: Code) -> None:
    status, headers, body = problem_json(BridgeError(code))
    assert status == CATALOGUE[code].status
    assert (b"content-type", b"application/problem+json") in headers
    assert json.loads(body) == {
        "type": TYPE_PREFIX + code.value,
        "title": CATALOGUE[code].title,
        "status": status,
        "code": code.value,
        "action": CATALOGUE[code].action,
        "money_moved": "no",
    }


def test_what_is_known_about_the_case_is_told() -> None:
    error = BridgeError(Code.TERMINAL_LOCKED, "locked since 3:04", place="terminal", payment_id="p1")
    _, _, body = problem_json(error, "t1", MoneyMoved.UNKNOWN)
    members = json.loads(body)
    assert members["detail"] == "locked since 3:04"
    assert members["place"] == "terminal"
    assert members["payment_id"] == "p1"
    assert members["trace_id"] == "t1"
    assert members["money_moved"] == "unknown"


def test_text_of_any_alphabet_is_utf_8() -> None:
    _, _, body = problem_json(BridgeError(Code.FIELD_INVALID, "œuf à 3 €"))
    assert "œuf à 3 €" in body.decode("utf-8")
