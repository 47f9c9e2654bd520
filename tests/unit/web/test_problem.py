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
    number = CATALOGUE[code].number
    assert json.loads(body) == {
        "type": TYPE_PREFIX + code.value,
        "title": CATALOGUE[code].title,
        "status": status,
        "code": code.value,
        "action": CATALOGUE[code].action,
        "money_moved": "no",
        **({"number": number} if number else {}),
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


def test_an_error_of_the_link_has_its_number() -> None:
    assert json.loads(problem_json(BridgeError(Code.PIN_REFUSED))[2])["number"] == "P101"
    assert "number" not in json.loads(problem_json(BridgeError(Code.TERMINAL_BUSY))[2])


@pytest.mark.parametrize("seconds", [0, 30])
def test_how_long_to_wait_is_told_in_the_body_and_in_the_header(seconds: int) -> None:
    _, headers, body = problem_json(BridgeError(Code.SLOW_DOWN, retry_after=seconds))
    assert json.loads(body)["retry_after"] == seconds
    assert dict(headers)[b"retry-after"] == str(seconds).encode()


def test_nobody_is_told_to_wait_where_nothing_is_known_of_it() -> None:
    _, headers, body = problem_json(BridgeError(Code.SLOW_DOWN))
    assert "retry_after" not in json.loads(body)
    assert b"retry-after" not in dict(headers)


def test_text_of_any_alphabet_is_utf_8() -> None:
    _, _, body = problem_json(BridgeError(Code.FIELD_INVALID, "œuf à 3 €"))
    assert "œuf à 3 €" in body.decode("utf-8")
