"""A customer's fields, readable only with the customer's own key, and the keyed hashes by which they are found.

Erasure destroys the key (docs/explanation/customer-base.md). One record is sealed as a whole, so that a conversion
seals once for each customer.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable
from dataclasses import fields as fields_of
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from tillbridge.portal.customers.model import Fields
from tillbridge.portal.customers.normal import PHONE_DIGITS, digits, folded, words
from tillbridge.portal.vault import Vault

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12

PREFIXES: Final = (3, 4, 6, 9)
"""How much of the beginning of a word finds it; what was typed beyond is compared after opening the record."""

MOST_WORDS: Final = 12
"""Words of a name that are found: no company's name has more that anybody looks for."""

MOST_LEGACY_WORDS: Final = 24
"""Words in fields without a home in 2.0 that are found, each as a whole."""

_TOKEN_BYTES: Final = 8
_NAMES: Final = tuple(one.name for one in fields_of(Fields))
_PACK: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


class Sealer:
    """Seals and opens the customers of one merchant."""

    def __init__(self, vault: Vault, tenant_id: str) -> None:
        self._vault = vault
        self._searching = vault.mac("customer search", tenant_id.encode())

    def fresh_key(self, customer_id: str) -> tuple[bytes, bytes]:
        """A new customer's key, and the same as it is stored."""
        key = secrets.token_bytes(KEY_BYTES)
        return key, self._vault.seal(key, _key_context(customer_id))

    def key(self, customer_id: str, sealed: bytes) -> bytes:
        """A stored key. `ValueError` if it is not that customer's."""
        return self._vault.unseal(sealed, _key_context(customer_id))

    @staticmethod
    def seal(packed_fields: bytes, key: bytes, customer_id: str) -> bytes:
        """Fields (see `packed`) as they are stored."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + ChaCha20Poly1305(key).encrypt(nonce, packed_fields, customer_id.encode())

    @staticmethod
    def unseal(sealed: bytes, key: bytes, customer_id: str) -> bytes:
        """The stored fields, packed. `ValueError` if the key is another one, or something was changed."""
        try:
            return ChaCha20Poly1305(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], customer_id.encode())
        except InvalidTag:
            raise ValueError("a customer's record does not open with that customer's key") from None

    def open(self, sealed: bytes, key: bytes, customer_id: str) -> Fields:
        """The stored fields. `ValueError` as `unseal` has it."""
        return Fields(**json.loads(self.unseal(sealed, key, customer_id)))

    def tokens(self, fields: Fields) -> set[int]:
        """What this customer is found by."""
        texts = {text for word in _name_words(fields) for text in _beginnings(word)}
        texts |= {f"x{word}" for word in _legacy_words(fields)}
        if fields.email:
            texts.add(f"e{folded(fields.email)}")
        if len(number := digits(fields.phone)) >= PHONE_DIGITS:
            texts.add(f"p{number[-PHONE_DIGITS:]}")
        return self.hashes(texts)

    def word_tokens(self, word: str) -> set[int]:
        """The tokens of which a customer has one whose name has a word that begins so, or a legacy field this word."""
        length = max((one for one in PREFIXES if one <= len(word)), default=len(word))
        return self.hashes({f"w{word[:length]}", f"x{word}"})

    def email_tokens(self, text: str) -> set[int]:
        """The token of an e-mail address."""
        return self.hashes({f"e{folded(text)}"})

    def phone_tokens(self, number: str) -> set[int]:
        """The token of a telephone number, of which only the last digits count."""
        return self.hashes({f"p{number[-PHONE_DIGITS:]}"})

    def hashes(self, texts: Iterable[str]) -> set[int]:
        """Keyed hashes as signed numbers of 64 bits."""
        key = self._searching
        return {int.from_bytes(hmac.digest(key, text.encode(), "sha256")[:_TOKEN_BYTES], signed=True) for text in texts}


def packed(fields: Fields) -> bytes:
    """The fields as bytes, the same for the same fields."""
    return _PACK({name: getattr(fields, name) for name in _NAMES}).encode()


def fingerprint(plain: bytes, *parts: object) -> bytes:
    """A hash over what was carried over, to compare what was meant with what was written."""
    return hashlib.sha256(plain + repr(parts).encode()).digest()


def _key_context(customer_id: str) -> str:
    return f"customer key/{customer_id}"


def _name_words(fields: Fields) -> list[str]:
    return words(f"{fields.name} {fields.contact}")[:MOST_WORDS]


def _legacy_words(fields: Fields) -> list[str]:
    return words(" ".join(fields.legacy.values()))[:MOST_LEGACY_WORDS]


def _beginnings(word: str) -> Iterable[str]:
    if len(word) < PREFIXES[0]:
        return (f"w{word}",)
    return (f"w{word[:length]}" for length in PREFIXES if length <= len(word))
