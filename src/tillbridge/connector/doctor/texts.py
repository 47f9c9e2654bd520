"""The doctor's sentences in each language."""

import locale
import os
from collections.abc import Mapping
from typing import Final

from tillbridge.connector.doctor.findings import Finding, Part
from tillbridge.connector.portal.checks import Verdict
from tillbridge.domain.cashier_texts import Language
from tillbridge.web.language import Catalogue, read_catalogues

CATALOGUES: Final[Mapping[Language, Catalogue]] = read_catalogues("tillbridge.connector.doctor")

VARIABLES: Final = ("LC_ALL", "LC_MESSAGES", "LANG")
"""Where a person's language stands, in the order in which POSIX asks for it."""


def language_of(environment: Mapping[str, str] = os.environ) -> Language:
    """The language of who sits there: the environment's, else the system's (Windows has no variable), else English."""
    wished = next((environment[name] for name in VARIABLES if environment.get(name)), None)
    if wished is None:
        wished = locale.getlocale()[0] or ""
    tag = wished.replace("-", "_").partition("_")[0].lower()
    named = _NAMES.get(tag, tag)
    return Language(named) if named in frozenset(Language) else Language.EN


_NAMES: Final = {"german": "de", "french": "fr", "czech": "cs", "english": "en"}
"""What Windows calls the languages."""


def part_words(part: Part, language: Language) -> str:
    """The name of a check."""
    return CATALOGUES[language](f"part.{part}")


def verdict_words(verdict: Verdict, language: Language) -> str:
    """How it came out."""
    return CATALOGUES[language](f"verdict.{verdict}")


def found_words(finding: Finding, language: Language) -> str:
    """What was seen."""
    return CATALOGUES[language](f"saw.{finding.saw}", **finding.facts)


def remedy_words(finding: Finding, language: Language) -> str:
    """What to do; empty where nothing is due."""
    catalogue = CATALOGUES[language]
    if finding.verdict is Verdict.OK:
        return ""
    for key in (f"do.{finding.saw}.{finding.subject}", f"do.{finding.saw}"):
        if catalogue.has(key):
            return catalogue(key, **finding.facts)
    return ""
