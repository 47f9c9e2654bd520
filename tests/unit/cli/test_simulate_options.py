"""The options of `tillbridge simulate` are those of its doors: their names, their values, their defaults."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Literal, get_args, get_origin

import pytest
import typer.main
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from tillbridge.cli import simulate_mypos, simulate_touchscreen
from tillbridge.cli.main import app
from tillbridge.protocols import registry

WIRES = (("touchscreen", "touchscreen"), ("mypos", "mypos-xml"))


def options(command: str) -> dict[str, Any]:
    group: Any = typer.main.get_command(app)
    found = group.commands["simulate"].commands[command]
    return {one.name: one for one in found.params if one.name is not None}


def choices(field: FieldInfo) -> list[str]:
    """What a setting with few values takes, the default first."""
    kind = field.annotation
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        values = [one.value for one in kind]
    elif get_origin(kind) is Literal:
        values = list(get_args(kind))
    else:
        return []
    return [str(field.default), *(str(one) for one in values if one != field.default)]


def switches(wire: str) -> Iterator[tuple[str, FieldInfo]]:
    personality = registry.door(wire).settings.model_fields["personality"].annotation
    assert isinstance(personality, type)
    assert issubclass(personality, BaseModel)
    yield from personality.model_fields.items()


@pytest.mark.parametrize(("command", "wire"), WIRES)
def test_every_switch_of_a_personality_is_an_option(command: str, wire: str) -> None:
    offered = options(command)
    for name, field in switches(wire):
        option = offered[name]
        if field.annotation is bool:
            assert option.default is field.default, name
        else:
            assert option.default is None, name
            listed = str(option.metavar).split("|")
            assert (listed[0], sorted(listed)) == (choices(field)[0], sorted(choices(field))), name


def test_the_manners_of_a_concert_terminal_are_named() -> None:
    field = registry.door("concert-v3").settings.model_fields["personality"]
    assert str(options("concert")["personality"].metavar).split("|") == choices(field)


def test_the_way_to_prove_delivery_is_the_doors() -> None:
    field = registry.door("mypos-xml").settings.model_fields["proof_of_delivery"]
    assert str(options("mypos")["proof_of_delivery"].metavar).split("|") == choices(field)


@pytest.mark.parametrize(
    ("port", "wire"), [(simulate_touchscreen.PORT, "touchscreen"), (simulate_mypos.PORT, "mypos-xml")]
)
def test_the_usual_port_is_the_wires_own(port: int, wire: str) -> None:
    fields = registry.door(wire).settings.model_fields
    assert fields["port"].default == port
    assert fields["host"].default == "127.0.0.1"


COMMON = {"name", "scenario", "delay", "ledger", "control"}


@pytest.mark.parametrize(
    ("command", "wire", "settings"),
    [
        ("touchscreen", "touchscreen", simulate_touchscreen.SETTINGS),
        ("mypos", "mypos-xml", simulate_mypos.SETTINGS),
    ],
)
def test_every_option_stands_for_a_setting(command: str, wire: str, settings: dict[str, str]) -> None:
    assert set(options(command)) - {"help"} == set(settings) | COMMON
    model = registry.door(wire).settings
    assert {setting.partition(".")[0] for setting in settings.values()} <= model.model_fields.keys()
    personal = {setting.partition(".")[2] for setting in settings.values() if setting.startswith("personality.")}
    assert personal == {name for name, _ in switches(wire)}
