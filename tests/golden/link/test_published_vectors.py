"""Vectors that the standards print, and what they come to here."""

import base64
import json
from datetime import UTC, datetime

from tillbridge.link import proofs
from tillbridge.link.base64url import decode
from tillbridge.link.keys import KeyPair
from tillbridge.link.signatures import base, content_digest, mac


def test_the_thumbprint_of_rfc_8037() -> None:
    """Appendix A.3: the key of A.1 and A.2."""
    pair = KeyPair.load(decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"))
    assert pair.public.jwk.model_dump(mode="json") == {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    }
    assert pair.public.thumbprint == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_the_signature_of_rfc_8037() -> None:
    """Appendix A.4: Ed25519 over the signing input of a JWS."""
    pair = KeyPair.load(decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"))
    signed = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
    signature = decode("hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg")
    assert pair.sign(signed) == signature
    assert pair.public.verifies(signature, signed)


def test_the_token_hash_of_rfc_9449() -> None:
    """Section 7.1: the access token of the example and its `ath`."""
    call = proofs.Call(
        "GET", "https://resource.example.org/protectedresource", "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
    )
    pair = KeyPair.load(bytes(32))
    proof = proofs.make(pair, call, jti="e1j3V_bKic8-LAEB", at=datetime.fromtimestamp(1562262618, UTC))
    claims = json.loads(decode(proof.split(".")[1]))
    assert claims == {
        "jti": "e1j3V_bKic8-LAEB",
        "htm": "GET",
        "htu": "https://resource.example.org/protectedresource",
        "iat": 1562262618,
        "ath": "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo",
    }


def test_the_hmac_of_rfc_9421() -> None:
    """Appendix B.2.5: hmac-sha256 over other components than ours, with the same base and the same MAC."""
    secret = base64.b64decode(
        "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
    )
    parameters = '("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"'
    components = [
        ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
        ("@authority", "example.com"),
        ("content-type", "application/json"),
    ]
    signature_base = base(components, parameters)
    assert signature_base == (
        b'"date": Tue, 20 Apr 2021 02:07:55 GMT\n'
        b'"@authority": example.com\n'
        b'"content-type": application/json\n'
        b'"@signature-params": ("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"'
    )
    assert base64.b64encode(mac(secret, signature_base)) == b"pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8="


def test_the_content_digest_of_rfc_9530() -> None:
    """Section 2: the JSON of the first example, with its line end."""
    assert content_digest(b'{"hello": "world"}\n') == "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
