"""The form for a wire's settings: made from the model of every installed wire, and read back into that model."""

from enum import StrEnum
from typing import Literal

import pytest
from pydantic import BaseModel, Field, SecretStr

from tillbridge.connector.wiretest import fields
from tillbridge.connector.wiretest.fields import MARK, Entered, Setting, Shape
from tillbridge.protocols import registry


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Line(BaseModel):
    port: str
    baud_rate: Literal[1200, 9600] = 9600


class Waits(BaseModel):
    answer: float = 180.0


class Wire(BaseModel):
    """A wire. `host` says
    where."""

    waits: Waits = Waits()
    host: str
    serial: Line | None = None
    colour: Colour = Colour.RED
    loud: bool = False
    codes: frozenset[str] | None = None
    token: SecretStr | None = None
    number: int = Field(5, alias="register")


def setting(name: str) -> Setting:
    return next(one for one in fields.settings_of(Wire) if one.name == name)


def enter(**entered: str) -> Entered:
    return fields.read(Wire, {MARK + name.replace("__", "."): value for name, value in entered.items()})


def test_simple_settings_come_first_and_each_has_its_shape_and_usual_value() -> None:
    names = [one.name for one in fields.settings_of(Wire)]
    assert names[:3] == ["host", "serial.port", "serial.baud_rate"]
    assert setting("host") == Setting("host", Shape.TEXT, "", True, (), True)
    assert setting("serial.port").required is False
    assert (setting("serial.baud_rate").choices, setting("serial.baud_rate").usual) == (("1200", "9600"), "9600")
    assert (setting("colour").shape, setting("colour").choices) == (Shape.CHOICE, ("red", "blue"))
    assert (setting("loud").choices, setting("loud").usual) == (("true", "false"), "false")
    assert setting("codes").shape is Shape.LIST
    assert setting("token").shape is Shape.SECRET
    assert (setting("register").shape, setting("register").usual) == (Shape.NUMBER, "5")
    assert setting("waits.answer").usual == "180"


def test_what_was_left_empty_keeps_its_usual_value() -> None:
    entered = enter(host="10.0.0.5", register="", serial__port="", serial__baud_rate="1200")
    assert entered.settings == Wire(host="10.0.0.5")


def test_what_was_entered_becomes_settings() -> None:
    entered = enter(
        host="x", serial__port="COM3", serial__baud_rate="1200", codes="EUR, CHF", loud="true", waits__answer="9"
    )
    assert entered.settings == Wire(
        host="x",
        serial=Line(port="COM3", baud_rate=1200),
        codes=frozenset({"EUR", "CHF"}),
        loud=True,
        waits=Waits(answer=9),
    )


def test_what_is_wrong_is_said_at_its_setting() -> None:
    assert set(enter(host="x", register="many").wrong) == {"register"}
    assert set(enter().wrong) == {"host"}
    assert set(enter(host="x", waits__answer="long").wrong) == {"waits.answer"}


def test_no_complaint_repeats_a_password() -> None:
    class Strict(BaseModel):
        password: int

    wrong = fields.read(Strict, {"s.password": "hunter2"}).wrong
    assert "hunter2" not in str(wrong)


def test_the_notes_are_one_text_without_marks() -> None:
    assert fields.notes_of(Wire) == "A wire. host says where."


@pytest.mark.parametrize("wire", fields.wires())
def test_every_installed_wire_has_a_form(wire: str) -> None:
    model = registry.driver(wire).settings
    found = fields.settings_of(model)
    assert found
    assert len({one.name for one in found}) == len(found)
    needed = {one.field: "127.0.0.1" for one in found if one.required}
    for one in found:
        if one.usual and one.shape is not Shape.SECRET:
            needed[one.field] = one.usual
    # Whatever the form shows as usual is taken back as it is; only which line it is has to be said.
    wrong = fields.read(model, needed).wrong
    assert not {name for name in wrong if MARK + name in needed and needed[MARK + name] != "127.0.0.1"}
