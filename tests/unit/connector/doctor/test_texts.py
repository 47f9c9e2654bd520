"""Whatever the doctor may see has its sentence in every language, and what is not well has a remedy."""

import re
from string import Formatter

import pytest

from tillbridge.connector.doctor.findings import Finding, Part, Saw, wrong
from tillbridge.connector.doctor.texts import (
    CATALOGUES,
    found_words,
    language_of,
    part_words,
    remedy_words,
    verdict_words,
)
from tillbridge.connector.portal.checks import Part as LinkPart
from tillbridge.connector.portal.checks import Verdict
from tillbridge.domain.cashier_texts import Language

NOTHING_TO_DO = {
    *(Saw.SETTINGS_RIGHT, Saw.SECRETS_SAFE, Saw.CONNECTOR_RUNS, Saw.DISK_ROOMY, Saw.JOURNAL_SOUND, Saw.JOURNAL_NONE),
    *(Saw.CLOCK_RIGHT, Saw.CLOCK_UNCOMPARED, Saw.PORT_THERE, Saw.TERMINAL_READY, Saw.TERMINAL_BUSY),
    *(Saw.TERMINAL_UNASKED, Saw.DOOR_FREE, Saw.DOOR_OURS, Saw.DOOR_ON_LINE, Saw.PROVIDER_NONE, Saw.PROVIDER_REACHED),
    *(Saw.PORTAL_NONE, Saw.PORTAL_WELL, Saw.PORTAL_UNSEEN, Saw.CERTIFICATE_VALID, Saw.VERSION_RUNS),
    *(Saw.UPDATE_UNDER_WAY, Saw.SUPERVISOR_NONE, Saw.SUPERVISOR_WATCHES),
}


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("saw", Saw)
def test_each_finding_has_its_sentence_with_the_same_facts_in_every_language(saw: Saw) -> None:
    english = CATALOGUES[Language.EN]
    for catalogue in CATALOGUES.values():
        assert fields(catalogue.texts[f"saw.{saw}"]) == fields(english.texts[f"saw.{saw}"])
        assert catalogue.has(f"do.{saw}") is (saw not in NOTHING_TO_DO)


def test_no_language_has_a_text_that_the_others_lack() -> None:
    english = CATALOGUES[Language.EN].texts
    for language, catalogue in CATALOGUES.items():
        assert set(catalogue.texts) == set(english), language
        for key, text in catalogue.texts.items():
            assert text.strip(), key
            assert fields(text) == fields(english[key]), key


def test_no_text_is_left_over() -> None:
    known = {f"{kind}.{saw}" for kind in ("saw", "do") for saw in Saw}
    known |= {f"do.{saw}.{part}" for saw in (Saw.PORTAL_CARE, Saw.PORTAL_WRONG) for part in LinkPart}
    known |= {f"part.{part}" for part in Part} | {f"verdict.{verdict}" for verdict in Verdict}
    left = {key for key in CATALOGUES[Language.EN].texts if not key.startswith("cli.")} - known
    assert left == set()


@pytest.mark.parametrize("language", Language)
def test_parts_and_verdicts_are_named(language: Language) -> None:
    assert len({part_words(part, language) for part in Part}) == len(Part)
    assert len({verdict_words(verdict, language) for verdict in Verdict}) == len(Verdict)


def test_each_part_of_the_link_has_a_remedy_of_its_own() -> None:
    facts = {"detail": "it is so", "remedy": "an English word"}
    told = {
        remedy_words(Finding(Part.PORTAL, Verdict.WRONG, Saw.PORTAL_WRONG, part, facts), Language.DE)
        for part in LinkPart
    }
    assert len(told) == len(LinkPart)
    assert "an English word" not in told


def test_a_finding_that_is_well_asks_for_nothing() -> None:
    finding = wrong(Part.DISK, Saw.DISK_FULL, free="1 MiB", needed="16 MiB", folder="kept")
    assert "kept" in remedy_words(finding, Language.CS)
    well = Finding(Part.DISK, Verdict.OK, Saw.DISK_FULL, facts=finding.facts)
    assert remedy_words(well, Language.CS) == ""
    assert re.search(r"1 MiB.*16 MiB", found_words(finding, Language.FR))


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({"LANG": "de_DE.UTF-8"}, Language.DE),
        ({"LANG": "fr_FR", "LC_ALL": "cs_CZ.UTF-8"}, Language.CS),
        ({"LC_MESSAGES": "fr", "LANG": "de"}, Language.FR),
        ({"LANG": "C"}, Language.EN),
        ({"LANG": "pl_PL.UTF-8"}, Language.EN),
        ({"LANG": "German_Germany.1252"}, Language.DE),
    ],
)
def test_the_language_is_that_of_who_sits_there(environment: dict[str, str], language: Language) -> None:
    assert language_of(environment) is language
