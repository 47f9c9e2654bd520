"""Every language says everything that the wizard can say, with the same fields."""

import re
from pathlib import Path
from string import Formatter

import pytest

from tillbridge.cli import setting_up, starting
from tillbridge.connector import setup
from tillbridge.connector.setup.answers import NETWORK_KINDS, SERIAL_KINDS, ContractType, Key
from tillbridge.connector.setup.import_hipay import Fate
from tillbridge.connector.setup.language import CATALOGUES, texts
from tillbridge.connector.setup.starting import Start
from tillbridge.connector.setup.wizard import Next
from tillbridge.domain.cashier_texts import Language

KEY = re.compile(r"""["']((?:ask|help|choice|wrong|note|say|file|import)\.[a-z0-9_.-]+)["']""")
WRONG = re.compile(r"""Wrong\("([a-z_]+)\"""")
MADE_UP = {
    *(f"ask.{key}" for key in Key),
    *(f"choice.{value}" for value in (*ContractType, *NETWORK_KINDS, *SERIAL_KINDS, *Next, *Start, "yes", "no")),
    *(f"choice.{value}" for value in ("production", "stage", "daily", "never", "desktop", "unattended")),
    *(f"import.{fate}" for fate in Fate),
}
SAME = {"choice.concert-v3", "choice.mypos-xml"}


def source() -> str:
    files = [*Path(setup.__path__[0]).glob("*.py"), Path(setting_up.__file__), Path(starting.__file__)]
    return "\n".join(path.read_text() for path in files)


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_every_text_that_is_asked_for_is_there_and_no_other() -> None:
    named = {*KEY.findall(source()), *(f"wrong.{key}" for key in WRONG.findall(source())), *MADE_UP}
    english = set(CATALOGUES[Language.EN].texts)
    assert named <= english
    assert {key for key in english - named if not key.startswith("help.")} == set()
    assert {key.removeprefix("help.") for key in english if key.startswith("help.")} <= set(Key)


@pytest.mark.parametrize("language", sorted(set(Language) - {Language.EN}))
def test_each_language_says_the_same(language: Language) -> None:
    english, other = CATALOGUES[Language.EN].texts, CATALOGUES[language].texts
    assert english.keys() == other.keys()
    for key, text in english.items():
        assert fields(text) == fields(other[key]), key
        assert text != other[key] or key in SAME, key


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({"LANG": "de_AT.UTF-8"}, Language.DE),
        ({"LANG": "de_DE", "LC_ALL": "cs_CZ.UTF-8"}, Language.CS),
        ({"LANG": "C.UTF-8"}, Language.EN),
        ({"LANG": "it_IT.UTF-8"}, Language.EN),
        ({}, Language.EN),
    ],
)
def test_the_computer_says_which_language(environment: dict[str, str], language: Language) -> None:
    assert texts(None, environment).language is language
    assert texts(Language.FR, environment).language is Language.FR
