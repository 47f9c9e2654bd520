"""Reads the settings file and checks all of it, the settings of every wire included, before anything starts."""

import os
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from tillbridge.connector.portal.places import tls_context
from tillbridge.connector.portal.settings import PortalSettings
from tillbridge.connector.reaching import listening
from tillbridge.connector.settings import Configured, ConnectorSettings, SettingsFile
from tillbridge.connector.vouchers.providers.profile import ProfileInvalid, Provider, read_profile
from tillbridge.domain.errors import BridgeError
from tillbridge.protocols import registry
from tillbridge.runtime.settings.problems import unknown_name
from tillbridge.runtime.settings.reading import ModelReader, SettingsInvalid, open_document
from tillbridge.runtime.settings.yaml_file import Key
from tillbridge.upstream.settings import WebhookReceiver
from tillbridge.web.webhooks.addresses import AddressRefused, check_url

__all__ = ["SettingsInvalid", "load_settings"]

ANY_PORT: Final = 0
"""The system chooses one, and never one that is taken."""


def load_settings(path: Path, environment: Mapping[str, str] = os.environ) -> ConnectorSettings:
    """The settings in this file. Raises `BridgeError(SETTINGS_INVALID)`: `SettingsInvalid` where it could be read."""
    reader = _Reader(open_document(path), path.parent, environment)
    settings = reader.read()
    if settings is None or reader.problems:
        raise SettingsInvalid(path, reader.problems)
    return settings


class _Reader(ModelReader):
    def read(self) -> ConnectorSettings | None:
        """The settings, or None where problems stand in the way."""
        file = self.check(SettingsFile, ())
        terminals = self._wires("terminals", "driver", lambda name: registry.driver(name).settings)
        doors = self._wires("doors", "door", lambda name: registry.door(name).settings)
        if file is None or self.problems:
            return None
        self._check_together(file, terminals, doors)
        portal, providers = self._portal(file), self._providers(file)
        data = self._folder / file.data.expanduser()
        return ConnectorSettings(
            data=data.resolve(),
            console=file.console,
            engine=file.engine,
            log=file.log,
            webhooks=file.webhooks,
            receipts=file.receipts,
            terminals=tuple(terminals),
            doors=tuple(doors),
            portal=portal,
            keeping=file.keeping,
            upstream=file.upstream,
            updates=file.updates,
            providers=providers,
        )

    def _providers(self, file: SettingsFile) -> tuple[Provider, ...]:
        """Other makers whose vouchers are taken here, each with its profile."""
        found: list[Provider] = []
        for index, entry in enumerate(file.vouchers.providers):
            key: Key = ("vouchers", "providers", index)
            own = {"prefix": entry.prefix, "name": entry.name, "base_url": entry.base_url}
            try:
                one = Provider(read_profile(entry.profile, self._folder, **own), entry.key)
            except ProfileInvalid as error:
                self.note((*key, "profile"), str(error))
                continue
            if any(other.prefix == one.prefix for other in found):
                self.note(key, f"the prefix {one.prefix} is already that of another provider")
            found.append(one)
        return tuple(found)

    def _portal(self, file: SettingsFile) -> PortalSettings | None:
        """The portal, with the file of its authority where it is; one that holds no certificate is found here."""
        if file.portal is None or file.portal.ca is None:
            return file.portal
        path = self._folder / file.portal.ca.expanduser()
        try:
            tls_context(path)
        except OSError as error:
            why = (
                "it holds no certificate" if isinstance(error, ssl.SSLError) else f"it cannot be read: {error.strerror}"
            )
            self.note(("portal", "ca"), why)
        return file.portal.model_copy(update={"ca": path.resolve()})

    # ------------------------------------------------------------ the wires

    def _wires(self, section: str, word: str, find: Callable[[str], type[BaseModel]]) -> list[Configured]:
        found: list[Configured] = []
        entries = self.at((section,))
        for index, entry in enumerate(entries if isinstance(entries, list) else []):
            if not isinstance(entry, dict) or not isinstance(entry.get(word), str):
                continue  # the model of the whole file has said so already
            key: Key = (section, index)
            try:
                model = find(entry[word])
            except BridgeError as error:
                self.note((*key, word), error.detail)
                continue
            settings = self._check_wire(model, entry, (*key, "settings"))
            if settings is not None:
                found.append(Configured(str(entry.get("name")), entry[word], settings))
        return found

    def _check_wire(self, model: type[BaseModel], entry: dict[str, Any], key: Key) -> BaseModel | None:
        if entry.get("settings") is None:
            if not entry.keys() <= {"name", "driver", "door", "settings"}:
                return None  # they are there under a name that does not exist, which has been said
            entry["settings"] = {}
        return self.check(model, key) if isinstance(entry["settings"], dict) else None

    # ------------------------------------------------------------ what only shows when all of it is seen together

    def _check_together(self, file: SettingsFile, terminals: list[Configured], doors: list[Configured]) -> None:
        names = [one.name for one in terminals]
        for section, found in (("terminals", names), ("doors", [one.name for one in doors])):
            for index, name in enumerate(found):
                if name in found[:index]:
                    self.note((section, index, "name"), f"the name {name!r} is already taken")
        for index, route in enumerate(file.engine.routes):
            if route.terminal not in names:
                said = f"there is no terminal {route.terminal!r}; {unknown_name(route.terminal, names)}"
                self.note(("engine", "routes", index, "terminal"), said)
        taken: dict[int, str] = {file.console.port: "the console"}
        for index, door in enumerate(doors):
            key: Key = ("doors", index, "settings")
            terminal = getattr(door.settings, "terminal", None)
            if terminal is not None and terminal not in names:
                self.note((*key, "terminal"), f"there is no terminal {terminal!r}; {unknown_name(terminal, names)}")
            self._check_port(door, key, taken)
        self._check_tills(doors)
        self._check_addresses(file)

    def _check_tills(self, doors: list[Configured]) -> None:
        """Two doors whose tills could not be told apart: one till would get the answer that another one has lost."""
        known: dict[str, str] = {}
        for index, door in enumerate(doors):
            if "name" not in type(door.settings).model_fields:
                continue
            till = getattr(door.settings, "name", None) or door.wire
            if till in known:
                said = f"the door {known[till]!r} goes by {till!r} too: give each door's till a name of its own"
                self.note(("doors", index, "settings", "name"), said)
            known.setdefault(till, door.name)

    def _check_addresses(self, file: SettingsFile) -> None:
        """Where reports go as webhooks: to no address that a webhook could not be added for."""
        for index, receiver in enumerate(file.upstream.receivers):
            if isinstance(receiver, WebhookReceiver):
                try:
                    check_url(receiver.url, file.webhooks)
                except AddressRefused as refusal:
                    self.note(("upstream", "receivers", index, "url"), str(refusal))

    def _check_port(self, door: Configured, key: Key, taken: dict[int, str]) -> None:
        listens = listening(door.settings)
        if listens is None or listens.port == ANY_PORT:
            return
        if listens.port in taken:
            place = (*key, "tcp", "port") if getattr(door.settings, "tcp", None) is not None else (*key, "port")
            self.note(place, f"port {listens.port} is already that of {taken[listens.port]}")
        taken.setdefault(listens.port, f"the door {door.name!r}")
