"""The catalogue of errors: stable codes, each with what happened and what to do about it."""

import pickle
from http import HTTPStatus

import pytest

from tillbridge.domain.errors import CATALOGUE, BridgeError, Code, Entry

# Programs rely on these words. A code may be added here; one that stands here is never changed nor taken away.
_PROMISED = """
body_invalid body_too_large field_invalid amount_invalid currency_unknown unauthenticated host_not_allowed
origin_not_allowed rate_limited path_unknown method_not_allowed terminal_unknown terminal_busy terminal_locked door_held
operation_unsupported currency_unsupported amount_too_large key_required key_conflict order_conflict payment_unknown
already_closed still_running nothing_to_sign parent_required parent_unfit parent_spent address_not_allowed
scope_missing webhook_unknown webhook_refused printer_unavailable journal_unavailable connector_stopping
settings_invalid port_taken folder_in_use folder_unusable journal_too_new internal
""".split()


def test_promised_codes_are_there_and_new_ones_are_promised() -> None:
    assert {code.value for code in Code} == set(_PROMISED)


@pytest.mark.parametrize("code", Code)
def test_every_code_says_what_happened_and_what_to_do(code: Code) -> None:
    entry = CATALOGUE[code]
    assert HTTPStatus(entry.status) >= HTTPStatus.BAD_REQUEST
    for sentence in (entry.title, entry.action):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
    assert entry.title != entry.action


def test_no_two_codes_say_the_same() -> None:
    assert len({entry.title for entry in CATALOGUE.values()}) == len(Code)


def test_the_catalogue_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        CATALOGUE[Code.INTERNAL] = Entry(500, "", "")  # type: ignore[index]


def test_a_key_used_for_something_else_is_unprocessable() -> None:
    assert CATALOGUE[Code.KEY_CONFLICT].status == HTTPStatus.UNPROCESSABLE_ENTITY


def test_a_bare_error_reads_as_its_entry() -> None:
    assert str(BridgeError(Code.TERMINAL_BUSY)) == CATALOGUE[Code.TERMINAL_BUSY].title


def test_an_error_names_its_place_and_detail() -> None:
    error = BridgeError(Code.SETTINGS_INVALID, "9601 is not a baud rate", place="tillbridge.yaml:12", payment_id="01")
    assert str(error) == "tillbridge.yaml:12: 9601 is not a baud rate"
    assert error.entry is CATALOGUE[Code.SETTINGS_INVALID]
    assert error.payment_id == "01"


def test_an_error_keeps_all_it_knows_when_it_crosses_a_process() -> None:
    error = BridgeError(Code.TERMINAL_BUSY, "card is running", place="terminal", payment_id="01")
    arrived = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes of a line ago
    assert (arrived.code, arrived.detail, arrived.place, arrived.payment_id) == (
        *(error.code, error.detail),
        *(error.place, error.payment_id),
    )
