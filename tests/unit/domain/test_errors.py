"""The catalogue of errors: stable codes, each with what happened and what to do about it."""

import pickle
import re
from http import HTTPStatus

import pytest

from tillbridge.domain.errors import CATALOGUE, BridgeError, Code, Entry
from tillbridge.domain.portal_entries import PORTAL_ENTRIES
from tillbridge.domain.voucher_entries import VOUCHER_ENTRIES

# Programs rely on these words. A code may be added here; one that stands here is never changed nor taken away.
_PROMISED = """
body_invalid body_too_large field_invalid amount_invalid currency_unknown unauthenticated host_not_allowed
origin_not_allowed rate_limited path_unknown method_not_allowed terminal_unknown terminal_busy terminal_locked door_held
operation_unsupported currency_unsupported amount_too_large key_required key_conflict order_conflict payment_unknown
already_closed still_running nothing_to_sign parent_required parent_unfit parent_spent address_not_allowed
scope_missing webhook_unknown webhook_refused receiver_unknown printer_unavailable journal_unavailable
connector_stopping
settings_invalid port_taken folder_in_use folder_unusable journal_too_new secrets_unreadable
bundle_unsafe internal update_unreachable update_untrusted update_failed release_refused
pin_refused pairing_input slow_down waiting_confirm pairing_denied finish_conflict pairing_over portal_unproven
clone_suspected link_exists suite_unknown not_paired link_revoked link_suspended token_expired proof_refused
nonce_needed link_scope keystore_unreadable right_missing licence_missing step_up_needed conversion_required
conversion_licence conversion_blocked conversion_failed conversion_changed conversion_running portal_unreachable
switched_off maintenance portal_refused overloaded portal_fault portal_silent sign_in_refused signed_out record_unknown
record_conflict service_unavailable command_expired link_outdated database_unavailable database_too_old
database_too_new file_unreadable
voucher_unreadable voucher_check_digit voucher_unknown voucher_two_pins voucher_pin_needed voucher_other_merchant
voucher_not_activated voucher_blocked voucher_expired voucher_retired voucher_pin_wrong voucher_pin_locked
voucher_pin_blocked voucher_empty voucher_funds voucher_cap voucher_amount voucher_load_spent voucher_over_reversal
voucher_currency voucher_country voucher_rate voucher_not_participating voucher_quota voucher_key_body voucher_running
voucher_voided voucher_order voucher_offline_limit
provider_down provider_refused provider_unknown provider_must_finish provider_prefix
shop_range shop_product_gone shop_sign_in shop_unpaid payment_service_away payment_service_refused
""".split()

# People read these out on the telephone and write them into tickets. A number may be added here; one that stands here
# belongs to its code for ever.
_PROMISED_NUMBERS = {
    "P101": "pin_refused",
    "P102": "pairing_input",
    "P103": "slow_down",
    "P104": "waiting_confirm",
    "P105": "pairing_denied",
    "P106": "finish_conflict",
    "P107": "pairing_over",
    "P108": "portal_unproven",
    "P109": "clone_suspected",
    "P110": "link_exists",
    "P111": "suite_unknown",
    "P201": "not_paired",
    "P202": "link_revoked",
    "P203": "link_suspended",
    "P204": "token_expired",
    "P205": "proof_refused",
    "P206": "nonce_needed",
    "P207": "link_scope",
    "P208": "keystore_unreadable",
    "P301": "right_missing",
    "P302": "licence_missing",
    "P304": "step_up_needed",
    "C401": "conversion_required",
    "C402": "conversion_licence",
    "C403": "conversion_blocked",
    "C404": "conversion_failed",
    "C405": "conversion_changed",
    "C406": "conversion_running",
    "X901": "portal_unreachable",
    "X902": "switched_off",
    "X903": "maintenance",
    "X904": "portal_refused",
    "X905": "overloaded",
    "X906": "portal_fault",
    "X907": "portal_silent",
    "V101": "voucher_unreadable",
    "V102": "voucher_check_digit",
    "V103": "voucher_unknown",
    "V104": "voucher_two_pins",
    "V105": "voucher_pin_needed",
    "V106": "voucher_other_merchant",
    "V201": "voucher_not_activated",
    "V202": "voucher_blocked",
    "V203": "voucher_expired",
    "V204": "voucher_retired",
    "V205": "voucher_pin_wrong",
    "V206": "voucher_pin_locked",
    "V207": "voucher_pin_blocked",
    "V301": "voucher_empty",
    "V302": "voucher_funds",
    "V303": "voucher_cap",
    "V304": "voucher_amount",
    "V305": "voucher_load_spent",
    "V306": "voucher_over_reversal",
    "V307": "voucher_currency",
    "V308": "voucher_country",
    "V401": "voucher_rate",
    "V402": "voucher_not_participating",
    "V403": "voucher_quota",
    "V501": "voucher_key_body",
    "V502": "voucher_running",
    "V503": "voucher_voided",
    "V504": "voucher_order",
    "V506": "voucher_offline_limit",
    "T601": "provider_down",
    "T602": "provider_refused",
    "T603": "provider_unknown",
    "T604": "provider_must_finish",
    "T605": "provider_prefix",
    "S701": "shop_range",
    "S702": "shop_product_gone",
    "S703": "shop_sign_in",
    "S704": "shop_unpaid",
}

# The office has yet to decide: the request was taken and stands, so 202 tells the connector to ask again. It is raised
# all the same, because the connector has nothing to go on with until then.
_NOT_YET = {Code.WAITING_CONFIRM: HTTPStatus.ACCEPTED}


def test_promised_codes_are_there_and_new_ones_are_promised() -> None:
    assert {code.value for code in Code} == set(_PROMISED)


@pytest.mark.parametrize("code", Code)
def test_every_code_says_what_happened_and_what_to_do(code: Code) -> None:
    entry = CATALOGUE[code]
    assert HTTPStatus(entry.status) == _NOT_YET.get(code, entry.status)
    assert code in _NOT_YET or entry.status >= HTTPStatus.BAD_REQUEST
    for sentence in (entry.title, entry.action):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
    assert entry.title != entry.action


def test_no_two_codes_say_the_same() -> None:
    assert len({entry.title for entry in CATALOGUE.values()}) == len(Code)


def test_promised_numbers_stay_with_their_codes_and_new_ones_are_promised() -> None:
    numbered = {code.value: entry.number for code, entry in CATALOGUE.items() if entry.number}
    assert numbered == {code: number for number, code in _PROMISED_NUMBERS.items()}


def test_no_two_codes_have_the_same_number() -> None:
    numbers = [entry.number for entry in CATALOGUE.values() if entry.number]
    assert len(set(numbers)) == len(numbers) > 0
    assert all(re.fullmatch("[A-Z][1-9][0-9]{2}", number) for number in numbers)


def test_only_the_portal_and_the_link_give_numbers_and_nothing_is_entered_twice() -> None:
    apart = {**PORTAL_ENTRIES, **VOUCHER_ENTRIES}
    assert len(apart) == len(PORTAL_ENTRIES) + len(VOUCHER_ENTRIES)
    assert {code for code, entry in CATALOGUE.items() if entry.number} <= set(apart)
    assert all(CATALOGUE[code] is entry for code, entry in apart.items())
    assert set(CATALOGUE) == set(Code)


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
    error = BridgeError(Code.TERMINAL_BUSY, "card is running", place="terminal", payment_id="01", retry_after=30)
    arrived = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes of a line ago
    assert (arrived.code, arrived.detail, arrived.place, arrived.payment_id, arrived.retry_after) == (
        *(error.code, error.detail),
        *(error.place, error.payment_id, error.retry_after),
    )
