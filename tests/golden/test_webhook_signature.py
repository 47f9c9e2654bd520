"""Signatures of webhooks: samples whose answer was worked out with a program that is not ours.

With `openssl dgst -sha256 -mac HMAC -macopt hexkey:KEY -binary | base64` over id.timestamp.body.
"""

from datetime import UTC, datetime

import pytest

from tillbridge.web.webhooks.signing import sign

SECRET = "whsec_dGlsbGJyaWRnZS1nb2xkZW4tc2VjcmV0LW51bWJlci0wMDE="
OLDER = "whsec_dGlsbGJyaWRnZS1nb2xkZW4tc2VjcmV0LW51bWJlci0wMDI="
AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)

SAMPLES = [
    ("msg_0f_7", b'{"type":"payment.approved"}', "RYzV8bgPPpikClxRL6TwsKiq8NoizCus6bydD5cTjk0="),
    ("msg_0f_8", '{"note":"žluťoučký kůň, 5 €"}'.encode(), "tBn7wc3JdtRtQn5UFPmoAkABDyfBG9HOCC97+i0eJu0="),
    ("test_1", b"", "PA3GEm7ikfqEl2C2FLmvUzmKmOvet8Vlyi/SLfTHGRc="),
]


@pytest.mark.parametrize(("message_id", "body", "signature"), SAMPLES)
def test_a_signature_is_what_another_program_makes_of_the_same(message_id: str, body: bytes, signature: str) -> None:
    assert sign([SECRET], message_id, AT, body) == {
        "webhook-id": message_id,
        "webhook-timestamp": "1767323045",
        "webhook-signature": f"v1,{signature}",
    }


def test_two_secrets_make_two_signatures_the_newer_one_first() -> None:
    message_id, body, signature = SAMPLES[0]
    both = sign([SECRET, OLDER], message_id, AT, body)["webhook-signature"].split(" ")
    assert both == [f"v1,{signature}", "v1,KTp8a11wtofmhRj+T5SqdrfHoJWNTm2CfEvYLSqNOU0="]


def test_the_moment_is_written_in_whole_seconds_that_have_begun() -> None:
    assert sign([SECRET], "m", AT.replace(microsecond=999999), b"")["webhook-timestamp"] == "1767323045"
