"""What may be set of HiPay as the shop's payment service: secrets by reference, and never two systems mixed up."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from tillbridge.domain.errors import BridgeError
from tillbridge.portal.settings import load_settings
from tillbridge.portal.shop.payments.hipay_settings import HipayShopSettings

STAGE = "94654727.stage-secure-gateway.hipay-tpp.com"
ACCOUNT = {"login": STAGE, "password": "p", "passphrase": "s"}
FILE = """data: data
shop:
  hipay:
    login: {login}
    password: {password}
    passphrase: {{env: PASSPHRASE}}
"""


def test_secrets_come_by_reference_and_are_never_shown(tmp_path: Path) -> None:
    place = tmp_path / "portal.yml"
    place.write_text(FILE.format(login=STAGE, password="{file: secret}"))
    (tmp_path / "secret").write_text("hidden-one")
    found = load_settings(place, {"PASSPHRASE": "hidden-two"}).shop.hipay
    assert found is not None
    assert (found.password.get_secret_value(), found.passphrase.get_secret_value()) == ("hidden-one", "hidden-two")
    assert "hidden" not in repr(found)
    assert found.gateway == "https://stage-secure-gateway.hipay-tpp.com"
    assert found.reads == "https://stage-api-gateway.hipay.com"


def test_a_secret_in_clear_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "portal.yml"
    place.write_text(FILE.format(login=STAGE, password="in-clear"))
    with pytest.raises(BridgeError) as error:
        load_settings(place, {"PASSPHRASE": "hidden"})
    assert "in-clear" not in str(error.value)


@pytest.mark.parametrize(
    "different",
    [
        {"environment": "production"},
        {"login": "94654727.secure-gateway.hipay-tpp.com"},
        {"passphrase": ""},
        {"base_url": "http://gateway.example"},
        {"currencies": ["XXX"]},
        {"currencies": []},
        {"products": ["visa,cb"]},
        {"page_seconds": 10},
        {"other": 1},
    ],
)
def test_what_may_not_be_set(different: dict[str, object]) -> None:
    HipayShopSettings.model_validate(ACCOUNT)
    with pytest.raises(ValidationError):
        HipayShopSettings.model_validate(ACCOUNT | different)
