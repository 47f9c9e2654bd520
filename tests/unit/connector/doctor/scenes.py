"""Connectors for the doctor to look at: a settings file in a folder, and what lies in its data folder."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from tillbridge.connector.doctor.examination import checks_of, examine, scene_of
from tillbridge.connector.doctor.findings import Finding, Part, Saw
from tillbridge.connector.doctor.report import ReportResource, report_of
from tillbridge.connector.doctor.scene import Scene
from tillbridge.domain.cashier_texts import Language
from tillbridge.runtime.effects import Runtime
from tillbridge.runtime.settings.secret_values import hash_password

HASH = hash_password("door-password")


def settings(**more: Any) -> dict[str, Any]:
    """A shop whose terminal is on a port that nobody listens on."""
    terminal = {"name": "front", "driver": "concert-v3", "settings": {"host": "127.0.0.1", "port": 9}}
    door = {"port": 0, "api_username": "log", "api_password_hash": HASH}
    return {
        "data": "kept",
        "terminals": [terminal],
        "doors": [{"name": "till", "door": "hipay", "settings": door}],
        **more,
    }


def write(folder: Path, content: object) -> Path:
    path = folder / "connector.yml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))
    return path


def in_scene(file: Path, look: Callable[[Scene], Any], environment: dict[str, str] | None = None) -> Any:
    """What `look` finds in the scene of this file."""

    async def main() -> Any:
        async with scene_of(file, Runtime(), environment or {}) as scene:
            found = look(scene)
            return await found if asyncio.iscoroutine(found) else found

    return asyncio.run(main())


def findings_of(file: Path, environment: dict[str, str] | None = None, parts: Sequence[Part] = ()) -> list[Finding]:
    """Everything that is found there, or what is found of these parts."""

    async def look(scene: Scene) -> list[Finding]:
        checks = [one for one in checks_of(scene) if not parts or one.part in parts]
        return [finding for one in await examine(checks) for finding in one.findings]

    found: list[Finding] = in_scene(file, look, environment)
    return found


def saw(findings: Sequence[Finding]) -> set[Saw]:
    return {one.saw for one in findings}


def empty_report(runtime: Runtime) -> ReportResource:
    return report_of([], Language.EN, runtime.clock.now())
