"""Writes the settings file whole or not at all: secrets first, under new names, then the one file that names them.

A power cut at any step leaves the former file with the secrets that it names, or the new one with its own.
"""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from tillbridge.connector.settings_file import load_settings
from tillbridge.connector.setup.answers import Answers, Key
from tillbridge.connector.setup.building import Settings, build, reports_to_hipay, written
from tillbridge.connector.setup.questions import PRODUCTION, is_stage_login
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.data_folder import make
from tillbridge.runtime.durable import read_bounded, write_durably
from tillbridge.runtime.sealed_secrets import SealedSecrets
from tillbridge.runtime.settings.reading import SettingsInvalid
from tillbridge.runtime.settings.yaml_file import MAX_BYTES, Unreadable, parse_document
from tillbridge.web.language import Catalogue

COPY_TIME: Final = "%Y%m%d-%H%M%S"
_OURS: Final = ("hipay-password", "hipay-hashkey", "terminal-password")


@dataclass(frozen=True, slots=True)
class Written:
    """Where the settings are now, what stands in them, the copy of the former file, and what somebody must know."""

    path: Path
    settings: Settings
    copy: Path | None
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes to `config`. `now` names the copy of the former file, `environment` is what references look at."""

    config: Path
    now: datetime
    texts: Catalogue
    environment: Mapping[str, str]

    def write(self, answers: Answers, secrets: Mapping[Key, str]) -> Written:
        """The settings of these answers. `BridgeError` where they cannot be written or would not load.

        Then everything is as it was.
        """
        folder = self.config.parent
        make(folder)
        store = SealedSecrets(folder, self.environment)
        aside = store.put_aside()
        names = _fresh_names(secrets, store.names())
        try:
            for key, name in names.items():
                store.keep(name, secrets[key])
            settings = build(answers, names)
            text = written(settings, self._heading(answers, names))
            self._prove(text)
            copy = self._keep_former(text)
            write_durably(self.config, text.encode())
        except BaseException:
            self._forget_unnamed(store)
            raise
        self._forget_unnamed(store, names.values())
        warnings = [] if aside is None else [self.texts("say.secrets_aside", path=aside)]
        return Written(self.config, settings, copy, (*warnings, *self._warnings(answers, names)))

    def _heading(self, answers: Answers, names: Mapping[Key, str]) -> str:
        lines = [self.texts("file.heading")]
        if answers.get(Key.HIPAY_LOGIN) and not reports_to_hipay(answers, names):
            password = names.get(Key.HIPAY_PASSWORD, "")
            lines.append(self.texts("file.no_upstream", login=answers.get(Key.HIPAY_LOGIN), name=password))
        return "\n".join(lines)

    def _warnings(self, answers: Answers, names: Mapping[Key, str]) -> Iterable[str]:
        if answers.get(Key.ENVIRONMENT) == PRODUCTION and is_stage_login(answers.get(Key.HIPAY_LOGIN)):
            yield self.texts("note.stage_login")
        if answers.get(Key.HIPAY_LOGIN) and not reports_to_hipay(answers, names):
            yield self.texts("note.no_hashkey")
        elif answers.get(Key.HIPAY_LOGIN) and answers.get(Key.HIPAY_CONFIRMED) != "yes":
            yield self.texts("note.not_confirmed")

    def _prove(self, text: str) -> None:
        """The file is read as the connector will read it, before it takes the place of the former one."""
        # References lead from the file's own folder: so it is tried there, under a name that nobody starts.
        trial = self.config.with_name(f".{self.config.name}.trial")
        try:
            write_durably(trial, text.encode())
            load_settings(trial, self.environment)
        except SettingsInvalid as error:
            raise SettingsInvalid(self.config, error.problems) from None
        finally:
            trial.unlink(missing_ok=True)

    def _keep_former(self, text: str) -> Path | None:
        try:
            former = read_bounded(self.config, MAX_BYTES)
            if former is None or former == text.encode():
                return None
            copy = self.config.with_name(f"{self.config.name}.{self.now.astimezone().strftime(COPY_TIME)}")
            if len(former) > MAX_BYTES:
                # No settings file of ours: it is not read into memory, and not lost either.
                os.link(self.config, copy)
            else:
                write_durably(copy, former)
        except OSError as error:
            raise BridgeError(
                Code.FOLDER_UNUSABLE,
                f"no copy of the former file can be kept: {error.strerror}",
                place=str(self.config),
            ) from None
        return copy

    def _forget_unnamed(self, store: SealedSecrets, keep: Iterable[str] = ()) -> None:
        """Takes away what was stored for us and no settings file of this folder names, copies included."""
        named = set(keep)
        for path in (*self.config.parent.glob("*.yml*"), *self.config.parent.glob("*.yaml*"), self.config):
            referenced = _referenced(path)
            if referenced is None:
                return  # a file that cannot be read might name any of them
            named |= referenced
        # What stays behind where the disk refuses is sealed all the same, and goes with the next setup.
        with suppress(BridgeError):
            for name in store.names():
                if name.startswith(_OURS) and name not in named:
                    store.forget(name)


def _fresh_names(secrets: Mapping[Key, str], taken: Iterable[str]) -> dict[Key, str]:
    """A name for each that nothing has: what the former file names stays what it was until that file is gone."""
    used = set(taken)
    names: dict[Key, str] = {}
    for key in secrets:
        name = key.replace("_", "-")
        number = 2
        while name in used:
            name = f"{key.replace('_', '-')}-{number}"
            number += 1
        used.add(name)
        names[key] = name
    return names


def _referenced(path: Path) -> set[str] | None:
    """The names that a settings file, or a copy of one, refers to; None for one that cannot be read."""
    try:
        content = read_bounded(path, MAX_BYTES)
        return set() if content is None else set(_sealed_names(parse_document(content[:MAX_BYTES]).value))
    except (OSError, Unreadable):
        return None


def _sealed_names(value: object) -> Iterable[str]:
    match value:
        case {"sealed": str(name)}:
            yield name
        case dict():
            for inner in value.values():
                yield from _sealed_names(inner)
        case list():
            for inner in value:
                yield from _sealed_names(inner)
        case _:
            return
