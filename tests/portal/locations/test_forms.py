"""What somebody types about a location is taken whole or not at all, and each fault is shown where it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.portal.locations.drafts import typed
from tillbridge.portal.locations.countries import COUNTRIES, NAMED
from tillbridge.portal.locations.forms import LONGEST, ZONES, read_draft, read_wish
from tillbridge.portal.rights import Area


def test_a_whole_form_becomes_a_draft() -> None:
    draft, wrong = read_draft(typed(independent="on", **{"restricted.reports": "on", "restricted.people": "on"}))
    assert wrong == {}
    assert draft is not None
    assert (draft.name, draft.address.city, draft.currency) == ("Am Bach", "München", "EUR")
    assert draft.restricted == {Area.REPORTS, Area.PEOPLE}


def test_only_a_franchisee_keeps_something_back() -> None:
    draft, _ = read_draft(typed(**{"restricted.reports": "on"}))
    assert draft is not None
    assert draft.restricted == frozenset()


@pytest.mark.parametrize("area", ["interfaces.pos", "vouchers.state", "licences"])
def test_nothing_else_can_be_kept_back(area: str) -> None:
    draft, _ = read_draft(typed(independent="on", **{f"restricted.{area}": "on"}))
    assert draft is not None
    assert draft.restricted == frozenset()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 101),
        ("name", "two\nlines"),
        ("street", "x" * 201),
        ("postal_code", "\x00"),
        ("city", "Mün\u202echen"),
        ("country", "de"),
        ("country", "ZZ"),
        ("country", ""),
        ("currency", "eur"),
        ("currency", "XAU"),
        ("time_zone", "Berlin"),
        ("time_zone", "../../etc/passwd"),
        ("time_zone", "posix/Europe/Berlin"),
    ],
)
def test_a_wrong_field_is_named(field: str, value: str) -> None:
    draft, wrong = read_draft(typed(**{field: value}))
    assert draft is None
    assert list(wrong) == [field]


@given(
    st.dictionaries(
        st.sampled_from(["name", "street", "postal_code", "city", "country", "currency", "time_zone", "independent"]),
        st.text(max_size=250),
    )
)
def test_anything_typed_is_a_draft_that_fits_the_columns_or_named_faults(form: dict[str, str]) -> None:
    draft, wrong = read_draft(form)
    if draft is None:
        assert wrong
        return
    assert 0 < len(draft.name) <= LONGEST["name"]
    assert draft.name.isprintable()
    assert draft.address.country in COUNTRIES
    assert draft.time_zone in ZONES


def test_the_countries_are_those_of_the_standard() -> None:
    assert len(COUNTRIES) == 249
    assert set(NAMED) < COUNTRIES


@pytest.mark.parametrize(
    ("page", "read"), [("", 1), ("3", 3), ("0", 1), ("-1", 1), ("1e9", 1), ("99999999999999999999", 1), ("²", 1)]
)
def test_a_page_that_cannot_be_read_is_the_first(page: str, read: int) -> None:
    assert read_wish({"page": page}).page == read
