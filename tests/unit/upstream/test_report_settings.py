"""The settings of receivers: what does not go together is refused with its place, and no secret is ever shown."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from tests.support.reports import SECRET, settings
from tillbridge.connector.settings_file import SettingsInvalid, load_settings
from tillbridge.upstream.settings import ContractName, UpstreamSettings

CONTRACT = {"payment_application": "001", "merchant_id": "1234567"}
HIPAY: dict[str, Any] = {
    "kind": "hipay",
    "environment": "stage",
    "login": "94654727.stage-secure-gateway.hipay-tpp.com",
    "password": "the password",
    "hashkey": "the hashkey",
    "contract": {"proxy": CONTRACT},
}
WEBHOOK = {"kind": "webhook", "url": "https://shop.example/told", "secret": SECRET}
FILE = {"kind": "file", "path": "reports.jsonl"}


def test_without_more_hipay_is_off_and_no_secret_is_shown() -> None:
    found = settings(HIPAY).hipay
    assert found is not None
    assert "enabled_by_merchant" in (found.off_because or "")
    assert found.gateway == "https://stage-secure-gateway.hipay-tpp.com"
    shown = f"{found!r} {found} {found.model_dump_json()}"
    assert "the password" not in shown
    assert "the hashkey" not in shown
    assert "whsec_" not in repr(settings(WEBHOOK))


@pytest.mark.parametrize(
    ("receivers", "said"),
    [
        ([HIPAY | {"base_url": "https://x.example"}], "one of environment"),
        ([HIPAY | {"environment": None}], "one of environment"),
        ([HIPAY | {"environment": None, "base_url": "http://gateway.example"}], "https"),
        ([HIPAY | {"environment": None, "base_url": "https://a:b@gateway.example"}], "no login"),
        ([HIPAY | {"contract": {}}], "contract"),
        ([HIPAY | {"contract_if_unknown": "nfc"}], "no nfc contract"),
        ([HIPAY | {"login": "a:b"}], "login"),
        ([HIPAY | {"digests": []}], "digests"),
        ([HIPAY, HIPAY], "given twice"),
        ([HIPAY, WEBHOOK | {"for_hipay": True}], "only one"),
        ([FILE, {"kind": "none"}], "stands alone"),
        ([WEBHOOK | {"secret": "short"}], "whsec_"),
        ([WEBHOOK | {"per_contract": {"proxy": CONTRACT}}], "for_hipay"),
        ([FILE | {"largest_bytes": 1}], "largest_bytes"),
        ([{"kind": "fax"}], "fax"),
    ],
)
def test_what_does_not_go_together_is_refused(receivers: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        settings(*receivers)


def test_a_base_url_is_a_gateway_on_this_computer_too() -> None:
    found = settings(HIPAY | {"environment": None, "base_url": "http://127.0.0.1:8580/"}).hipay
    assert found is not None
    assert found.gateway == "http://127.0.0.1:8580"
    assert list(found.contract.named()) == [ContractName.PROXY]


def test_the_wait_has_its_bounds() -> None:
    for wait in (-1, 2.5):
        with pytest.raises(ValidationError):
            UpstreamSettings.model_validate({"wait": wait})


def written(folder: Path, upstream: dict[str, Any]) -> Path:
    path = folder / "connector.yml"
    line = {"name": "t", "driver": "concert-v3", "settings": {"host": "127.0.0.1"}}
    path.write_text(yaml.safe_dump({"data": "data", "terminals": [line], "upstream": upstream}))
    return path


def test_the_file_takes_references_and_no_secret_in_clear(tmp_path: Path) -> None:
    (tmp_path / "pass").write_text("the password\n")
    referring = HIPAY | {"password": {"file": "pass"}, "hashkey": {"env": "HASHKEY"}}
    found = load_settings(written(tmp_path, {"receivers": [referring]}), {"HASHKEY": "h"}).upstream.hipay
    assert found is not None
    assert (found.password.get_secret_value(), found.hashkey.get_secret_value()) == ("the password", "h")
    with pytest.raises(SettingsInvalid) as refusal:
        load_settings(written(tmp_path, {"receivers": [HIPAY]}), {})
    said = " ".join(refusal.value.sentences)
    assert "upstream.receivers[0].password" in said.replace(".0.", "[0].")
    assert "the password" not in said


def test_a_receiver_s_address_follows_the_rules_of_webhooks(tmp_path: Path) -> None:
    inside = WEBHOOK | {"url": "https://192.168.1.5/told", "secret": {"env": "SECRET"}}
    with pytest.raises(SettingsInvalid) as refusal:
        load_settings(written(tmp_path, {"receivers": [inside]}), {"SECRET": SECRET})
    assert "inside this network" in " ".join(refusal.value.sentences)
