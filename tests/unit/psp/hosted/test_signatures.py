"""The two signatures: what HiPay signs is known, and one changed character is not."""

import hashlib
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.psp.hipay.hosted.returning import HASH, MOST, PARAMETERS, return_signature, returned
from tillbridge.psp.hipay.sandbox.notices import Digest as TheirDigest
from tillbridge.psp.hipay.sandbox.redirecting import signed
from tillbridge.psp.hipay.signatures import Digest, signature, signed_with

SECRET = "a long secret"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
OURS = st.dictionaries(st.sampled_from(sorted(PARAMETERS - {"orderid"})), TEXTS, max_size=12)
ORDER = st.text(min_size=1, max_size=32, alphabet="abcXYZ0189-._")
DIGESTS = st.sampled_from(list(Digest))


def test_the_published_example() -> None:
    """Names sorted, each with its value and the passphrase behind; what is empty and what is the shop's is left out."""
    text = f"cidC{SECRET}orderid47{SECRET}state-{SECRET}"
    found = {"state": "-", "orderid": "47", "cid": "C", "ip": "", "shop": "mine"}
    assert return_signature(found, SECRET, Digest.SHA1) == hashlib.sha1(text.encode()).hexdigest()  # noqa: S324


@given(ORDER, OURS, st.dictionaries(st.text("abc_", min_size=1, max_size=6), TEXTS, max_size=3), DIGESTS)
def test_what_the_other_side_signs_holds(
    order_id: str, values: Mapping[str, str], own: Mapping[str, str], digest: Digest
) -> None:
    fields = (*values.items(), ("orderid", order_id))
    query = [(name, text) for name, text in own.items() if name not in PARAMETERS]
    query += list(signed(fields, SECRET, TheirDigest(digest.value)))
    found = returned(query, SECRET)
    assert found is not None
    assert found == dict(fields)
    assert returned(query, SECRET, [one for one in Digest if one is not digest]) is None
    assert returned(query, f"{SECRET}x", [digest]) is None


@given(ORDER, OURS, DIGESTS, st.data())
def test_nothing_of_it_can_be_changed(
    order_id: str, values: Mapping[str, str], digest: Digest, data: st.DataObject
) -> None:
    query = list(signed((*values.items(), ("orderid", order_id)), SECRET, TheirDigest(digest.value)))
    at = data.draw(st.integers(0, len(query) - 2))
    name, text = query[at]
    query[at] = (name, f"{text}1")
    assert returned(query, SECRET) is None


@pytest.mark.parametrize(
    "query",
    [
        [],
        [("orderid", "1")],
        [("orderid", "1"), (HASH, "")],
        [("orderid", "1"), (HASH, "é" * 64)],
        [("orderid", "1"), (HASH, "0" * 41)],
        [(HASH, return_signature({"state": "completed"}, SECRET, Digest.SHA256)), ("state", "completed")],
    ],
    ids=["nothing", "no hash", "empty", "letters", "length", "no order"],
)
def test_what_is_no_return(query: list[tuple[str, str]]) -> None:
    assert returned(query, SECRET) is None


def test_a_parameter_twice_and_too_many_are_refused() -> None:
    fine = [("orderid", "1"), (HASH, return_signature({"orderid": "1"}, SECRET, Digest.SHA256))]
    assert returned(fine, SECRET) == {"orderid": "1"}
    assert returned([*fine, ("orderid", "1")], SECRET) is None
    assert returned([*fine, fine[1]], SECRET) is None
    assert returned([*fine, *((f"own{number}", "") for number in range(MOST))], SECRET) is None


@given(st.binary(max_size=200), DIGESTS, st.data())
def test_a_notification_holds_only_as_it_was_signed(body: bytes, digest: Digest, data: st.DataObject) -> None:
    shown = signature(body, SECRET, digest)
    assert signed_with(body, SECRET, notification=[shown], terminal=()) is not None
    assert signed_with(body + b"x", SECRET, notification=[shown], terminal=()) is None
    at = data.draw(st.integers(0, len(shown) - 1))
    other = "0" if shown[at] != "0" else "1"
    assert signed_with(body, SECRET, notification=[shown[:at] + other + shown[at + 1 :]], terminal=()) is None
