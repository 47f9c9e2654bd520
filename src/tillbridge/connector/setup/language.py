"""The wizard's texts in each of its languages, and which one a person gets."""

from collections.abc import Mapping
from typing import Final

from tillbridge.domain.cashier_texts import Language
from tillbridge.web.language import Catalogue, read_catalogues

CATALOGUES: Final[Mapping[Language, Catalogue]] = read_catalogues("tillbridge.connector.setup")

_VARIABLES: Final = ("LC_ALL", "LC_MESSAGES", "LANG")
_KNOWN: Final = frozenset(Language)


def texts(language: Language | None, environment: Mapping[str, str]) -> Catalogue:
    """The texts in this language; without one, in that of the computer, as far as it is one of ours; else English."""
    return CATALOGUES[language or _of(environment)]


def _of(environment: Mapping[str, str]) -> Language:
    # The first of the three that is set decides, as POSIX has it: en_GB.UTF-8 over de_DE.
    said = next((environment[name] for name in _VARIABLES if environment.get(name)), "")
    code = said.partition("_")[0].partition(".")[0].lower()
    return Language(code) if code in _KNOWN else Language.EN
