"""The words of the pages: the same keys in every language, none that nobody uses, none missing."""

import json
import re
from importlib.resources import files
from itertools import product

import pytest

from tillbridge.domain.cashier_texts import Language
from tillbridge.link.message_words import CommandKind, Outcome, StationHealth
from tillbridge.portal.commands.model import State
from tillbridge.portal.commands.service import CommandEvent

PAGES = files("tillbridge.portal.pages")
CODE = files("tillbridge.portal.commands")


def words(language: Language) -> dict[str, str]:
    found: dict[str, str] = json.loads((PAGES / "locales" / language.value / "commands.json").read_text("utf-8"))
    return found


def used() -> set[str]:
    """Every key that a template or the code names, or makes of a closed set."""
    templates = (PAGES / "templates" / "commands").iterdir()
    texts = [one.read_text("utf-8") for one in (*templates, *CODE.iterdir()) if one.name.endswith((".html", ".py"))]
    named = {key for text in texts for key in re.findall(r'"(commands\.[a-z_.]+[a-z])"', text)}
    shown = {CommandKind.PAYMENT: "payment", CommandKind.CONFIGURATION: "configuration"}
    return (
        named
        | {f"commands.{kind}" for kind in shown}
        | {f"commands.state.{state}" for state in State}
        | {f"commands.{kind}.{state}" for kind, state in product(shown.values(), State)}
        | {f"commands.outcome.{outcome}{end}" for outcome, end in product(Outcome, ("", ".means"))}
        | {f"commands.health.{health}" for health in StationHealth}
        | {f"audit.event.{event}" for event in CommandEvent}
    )


@pytest.mark.parametrize("language", Language)
def test_every_language_has_the_same_keys_with_the_same_places(language: Language) -> None:
    ours, english = words(language), words(Language.EN)
    assert ours.keys() == english.keys()
    for key, text in english.items():
        assert sorted(re.findall(r"{(\w+)}", ours[key])) == sorted(re.findall(r"{(\w+)}", text)), key
        assert ours[key].strip() == ours[key] != "", key


def test_every_key_is_used_and_every_used_one_is_there() -> None:
    there = {key for key in words(Language.EN) if not key.startswith("commands.refused.")}
    assert used() == there


@pytest.mark.parametrize("language", Language)
def test_only_what_was_charged_is_called_charged(language: Language) -> None:
    """In doubt is never a decline, and nothing but an approval says that money moved."""
    said = words(language)
    doubt = said["commands.outcome.in_doubt"]
    assert said["commands.outcome.unknown"] == doubt != said["commands.outcome.declined"]
    means = {key: text for key, text in said.items() if key.endswith(".means")}
    assert len(set(means.values())) == len(means)
