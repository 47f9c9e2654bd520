"""A profile is data: every mistake in one is named with its place."""

from pathlib import Path

import pytest

from tests.support.touchscreen import profile
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.protocols.touchscreen import profile as module
from tillbridge.protocols.touchscreen.profile import Op, built_in, profile_of

TEXT = (Path(module.__file__).parent / "profiles" / "gsa.toml").read_text()


def test_the_built_in_profile() -> None:
    gsa = profile_of(None)
    assert (gsa.port, gsa.secret.value.get_secret_value()) == (33350, "27924505")
    assert [gsa.version_of(base) for base in gsa.bases] == ["v6", "v5", "v4", "v2", "paya"]
    assert not gsa.has(Op.AUTHORIZATION)
    assert not gsa.has(Op.CAPTURE)
    assert gsa.unknown_id.statuses == ()
    assert gsa is built_in()


def test_a_file_of_the_users_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(TEXT.replace('path = "reverse"', 'path = "reversal"'))
    assert profile_of(file).operations[Op.VOID].path == "reversal"


MISTAKES = [
    ("port = 33350", "port = 0", "port"),
    ("port = 33350", 'port = "x"', "port"),
    ("port = 33350", "prot = 33350", "prot"),
    ('style = "uuid"', 'style = "guid"', "id.style"),
    ('path = "payment"', 'path = ""', "operations.sale"),
    ('path = "payment"', 'path = "../x y"', "operations.sale.path"),
    ('path = "refund"', 'path = "payment"', "same path"),
    ('path = "cancel"', 'path = "info"', "same path"),
    ("[operations.sale]", "[operations.purchase]", "operations.purchase"),
    ("[operations.status]", "[operations.status]\nenabled = false", "a payment needs status"),
    ("[operations.confirm]", "[operations.confirm]\nenabled = false", "nothing to confirm|no operation to confirm"),
    ('order = "after_result"', 'order = "later"', "ack.order"),
    ('409 = "busy"', '409 = "occupied"', "http.start.409"),
    ('409 = "busy"', 'abc = "busy"', "http.start.abc"),
    ("poll = 0.5", "poll = 0", "timing.poll"),
    ("poll = 0.5", "poll = ", "no TOML"),
    ('approved = ["OK"]', "approved = []", "codes.approved"),
    ('CANCELLED = "customer"', 'CANCELLED = "somebody"', "codes.aborted.CANCELLED"),
    ('"/paya",', '"paya",', "bases.4"),
]


@pytest.mark.parametrize(("right", "wrong", "named"), MISTAKES, ids=[wrong[:30] for _, wrong, _ in MISTAKES])
def test_a_mistake_is_named(tmp_path: Path, right: str, wrong: str, named: str) -> None:
    assert right in TEXT
    file = tmp_path / "mine.toml"
    file.write_text(TEXT.replace(right, wrong, 1))
    with pytest.raises(BridgeError, match=named) as error:
        profile_of(file)
    assert (error.value.code, error.value.place) == (Code.SETTINGS_INVALID, str(file))


def test_the_password_is_not_in_the_error(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(TEXT.replace('value = "27924505"', "value = 27924505"))
    with pytest.raises(BridgeError) as error:
        profile_of(file)
    assert "27924505" not in str(error.value)


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "big.toml").write_bytes(b"#" * (module.MAX_FILE + 1))
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    for name, said in (("big", "limited"), ("latin", "UTF-8"), ("gone", "cannot be read")):
        with pytest.raises(BridgeError, match=said):
            profile_of(tmp_path / f"{name}.toml")


def test_optional_operations_come_with_their_path() -> None:
    operations = {op.value: one.model_dump() for op, one in built_in().operations.items()}
    operations["authorization"] |= {"enabled": True, "path": "preauth"}
    assert profile(operations=operations).has(Op.AUTHORIZATION)
