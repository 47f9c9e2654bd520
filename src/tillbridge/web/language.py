"""The languages of a site: which one a browser gets, and the texts of each from its package's `locales/`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from tillbridge.domain.cashier_texts import Language

COOKIE: Final = "tillbridge_language"
COOKIE_SECONDS: Final = 365 * 24 * 3600

LONGEST_HEADER: Final = 200
"""Characters of Accept-Language that are read; a browser sends about forty."""

_FALLBACK: Final = Language.EN
_KNOWN: Final = frozenset(Language)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The texts of one language, by key."""

    language: Language
    texts: Mapping[str, str]

    def __call__(self, key: str, **fields: object) -> str:
        """The text of this key with its fields filled in; `KeyError` for a key that does not exist."""
        text = self.texts[key]
        return text.format(**fields) if fields else text

    def has(self, key: str) -> bool:
        """Whether there is a text of this key: for words that a wire or a later release may add."""
        return key in self.texts


def read_catalogues(package: str) -> Mapping[Language, Catalogue]:
    """The texts of every language in the `locales` folder of a package: `de.json`, or every file of a folder `de`.

    `ValueError` where two files of one language have the same key, so that none hides the other.
    """
    locales = files(package) / "locales"
    return {language: Catalogue(language, _texts(locales, language)) for language in Language}


def _texts(locales: Traversable, language: Language) -> dict[str, str]:
    folder = locales / language
    parts = sorted(folder.iterdir(), key=lambda one: one.name) if folder.is_dir() else [locales / f"{language}.json"]
    texts: dict[str, str] = {}
    for part in parts:
        found: dict[str, str] = json.loads(part.read_text(encoding="utf-8"))
        if twice := texts.keys() & found.keys():
            raise ValueError(f"{part.name} ({language}) has keys of another file: {', '.join(sorted(twice))}")
        texts |= found
    return texts


def choose(cookie: str | None, preset: Language | None, accept_language: str | None) -> Language:
    """The language of a page: what the person switched to, else the shop's own, else the browser's, else English."""
    if cookie in _KNOWN:
        return Language(cookie)
    return preset or _asked(accept_language or "") or _FALLBACK


def _asked(header: str) -> Language | None:
    wishes: list[tuple[float, Language]] = []
    for wish in header[:LONGEST_HEADER].split(","):
        tag, _, weight = wish.partition(";")
        primary = tag.strip().partition("-")[0].lower()
        if primary in _KNOWN:
            wishes.append((_weight(weight), Language(primary)))
    best = max(wishes, key=lambda wish: wish[0], default=None)
    return best[1] if best is not None and best[0] > 0 else None


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
