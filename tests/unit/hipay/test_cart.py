from decimal import Decimal
from typing import Any

import pytest

from tillbridge.domain.money import BY_CODE, EUR, Money
from tillbridge.protocols.hipay.cart import MAX_LINES, MAX_PROBLEMS, CartStatus, CheckedCart, Fault, check


def line(**different: Any) -> dict[str, Any]:
    usual = {
        "product_reference": "NF-a1690",
        "name": "My first product",
        "type": "good",
        "quantity": 1,
        "unit_price": Decimal("8.99"),
        "tax_rate": 0,
        "discount": 0,
        "total_amount": Decimal("8.99"),
    }
    return {name: value for name, value in (usual | different).items() if value is not ...}


def checked(cart: object, minor: int = 899) -> CheckedCart:
    return check(cart, Money(minor, EUR))


def faults(cart: object, minor: int = 899) -> set[tuple[Fault, str | None]]:
    return {(problem.fault, problem.field) for problem in checked(cart, minor).problems}


@pytest.mark.parametrize("nothing", [{}, []])
def test_no_cart_is_no_problem(nothing: object) -> None:
    assert checked(nothing) == CheckedCart(CartStatus.ABSENT)


@pytest.mark.parametrize("cart", [line(), [line()]])
def test_a_cart_that_adds_up_is_complete(cart: object) -> None:
    assert checked(cart) == CheckedCart(CartStatus.COMPLETE, (line(),))


def test_the_cart_of_the_sample_does_not_add_up() -> None:
    result = checked(line(), 1023)
    assert (result.status, result.lines) == (CartStatus.LEFT_OUT, ())
    assert [(one.fault, one.line, one.text) for one in result.problems] == [
        (Fault.TOTAL, None, "the lines come to 8.99, the order to 10.23")
    ]


@pytest.mark.parametrize(
    ("price", "quantity", "discount", "total"),
    [("10.5", 4, "-2.5", "39.5"), ("30.5", 2, "-3", "58"), ("5", 3, "0", "15")],
)
def test_the_worked_samples_of_the_formula(price: str, quantity: int, discount: str, total: str) -> None:
    numbers = {"unit_price": Decimal(price), "discount": Decimal(discount), "total_amount": Decimal(total)}
    minor = int(Decimal(total) * 100)
    assert checked(line(quantity=quantity, **numbers), minor).status is CartStatus.COMPLETE


def test_a_discount_above_zero_is_turned_with_a_warning() -> None:
    cart = line(quantity=2, unit_price=Decimal("30.5"), discount=Decimal(3), total_amount=58)
    result = checked(cart, 5800)
    assert result.status is CartStatus.COMPLETE
    assert result.lines[0]["discount"] == -3
    assert faults(cart, 5800) == {(Fault.DISCOUNT_SIGN, "discount")}


def test_lines_of_every_type_add_up() -> None:
    discount = line(type="discount", unit_price=0, discount=Decimal("-1.5"), total_amount=Decimal("-1.5"))
    fee = line(type="fee", unit_price=4, total_amount=4)
    assert checked([line(), fee, discount], 1149).status is CartStatus.COMPLETE


def test_a_discount_line_has_no_price() -> None:
    cart = [line(), line(type="discount", unit_price=1, discount=-2, total_amount=-1)]
    assert faults(cart, 799) == {(Fault.DISCOUNT_LINE, "unit_price")}


def test_a_line_that_does_not_add_up_is_named() -> None:
    result = checked([line(), line(quantity=2)], 1798)
    assert [(one.fault, one.line) for one in result.problems] == [(Fault.LINE_TOTAL, 2)]


def test_a_fraction_of_a_cent_may_be_rounded_away() -> None:
    third = line(quantity=3, unit_price=Decimal("0.333"), total_amount=Decimal("1.00"))
    assert checked(third, 100).status is CartStatus.COMPLETE
    assert checked(line(unit_price=Decimal("8.98")), 899).status is CartStatus.LEFT_OUT


def test_yen_have_no_cents() -> None:
    yen = Money(900, BY_CODE["JPY"])
    assert check(line(unit_price=900, total_amount=900), yen).status is CartStatus.COMPLETE
    assert check(line(unit_price=899, total_amount=899), yen).status is CartStatus.LEFT_OUT


@pytest.mark.parametrize(
    "field", ["product_reference", "name", "type", "quantity", "unit_price", "tax_rate", "total_amount"]
)
def test_a_missing_field_is_named(field: str) -> None:
    assert (Fault.MISSING, field) in faults(line(**{field: ...}))
    assert (Fault.MISSING, field) in faults(line(**{field: None}))


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("name", 5, Fault.WRONG_TYPE),
        ("product_reference", "", Fault.MISSING),
        ("type", "goods", Fault.OUT_OF_RANGE),
        ("quantity", 0, Fault.OUT_OF_RANGE),
        ("quantity", -1, Fault.OUT_OF_RANGE),
        ("quantity", Decimal("1.5"), Fault.OUT_OF_RANGE),
        ("quantity", "one", Fault.WRONG_TYPE),
        ("quantity", True, Fault.WRONG_TYPE),
        ("unit_price", Decimal("8.9901"), Fault.OUT_OF_RANGE),
        ("unit_price", 10**9, Fault.OUT_OF_RANGE),
        ("unit_price", [], Fault.WRONG_TYPE),
        ("unit_price", "1_0", Fault.WRONG_TYPE),
        ("tax_rate", 101, Fault.OUT_OF_RANGE),
        ("tax_rate", "-1", Fault.OUT_OF_RANGE),
        ("total_amount", "8.99 EUR", Fault.WRONG_TYPE),
        ("discount", "none", Fault.WRONG_TYPE),
    ],
)
def test_a_wrong_value_is_named(field: str, value: object, fault: Fault) -> None:
    assert (fault, field) in faults(line(**{field: value}))


def test_numbers_may_come_as_texts() -> None:
    assert checked(line(tax_rate="8.20", unit_price="8,99", quantity="1")).status is CartStatus.COMPLETE


@pytest.mark.parametrize("number", [4711892728946, "4711892728946", "40170725", 36000291452, "036000291452"])
def test_an_article_number_with_the_right_check_digit(number: object) -> None:
    assert faults(line(european_article_numbering=number)) == set()


@pytest.mark.parametrize("number", [4711892728947, "4711892728947", "abc", True, -5, Decimal("1.5"), [1]])
def test_a_wrong_article_number_is_only_a_warning(number: object) -> None:
    result = checked(line(european_article_numbering=number))
    assert result.status is CartStatus.COMPLETE
    assert [problem.fault for problem in result.problems] == [Fault.ARTICLE_NUMBER]


@pytest.mark.parametrize("odd", [1, "x", None, [line()]])
def test_a_line_that_is_no_object_is_named(odd: object) -> None:
    assert faults([line(), odd]) == {(Fault.NOT_AN_OBJECT, None)}


@pytest.mark.parametrize("odd", [0, 1, "x", True, False])
def test_a_cart_that_is_none_is_left_out(odd: object) -> None:
    assert checked(odd).status is CartStatus.LEFT_OUT
    assert faults(odd) == {(Fault.NOT_AN_OBJECT, None)}


def test_lines_and_problems_are_bounded() -> None:
    assert faults([line()] * (MAX_LINES + 1)) == {(Fault.TOO_MANY_LINES, None)}
    assert len(checked([{}] * MAX_LINES).problems) == MAX_PROBLEMS
