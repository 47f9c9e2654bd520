"""The page on how to run the portal: its settings are read, its roles are made, its commands and units exist."""

import re
import shlex
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from tests.portal.postgres import Cluster
from tests.support.guide import blocks, run
from tillbridge.cli.main import app
from tillbridge.portal.settings import LicencePolicy, PortalSettings, load_settings
from tillbridge.portal.storage.migrating import migrate, newest

PAGE = "how-to/run-the-portal.md"
REFERENCE = "reference/portal-settings.md"


def settings_of(page: str, folder: Path) -> list[PortalSettings]:
    """The settings of each example on a page, with the files beside them that they name."""
    for name in ("database-url", "owner-url", "mail-password"):
        (folder / name).write_text(f"postgresql://{name}@localhost/portal\n")
    found = []
    for text in blocks(page, "yaml"):
        (folder / "portal.yml").write_text(text)
        found.append(load_settings(folder / "portal.yml"))
    return found


def test_every_example_is_read(tmp_path: Path) -> None:
    serving, migrating, alone = settings_of(PAGE, tmp_path)
    assert serving.listen.behind_proxy
    assert serving.operator.licences is LicencePolicy.ALLOTTED
    assert serving.database.migrating_url is None
    assert migrating.database.migrating_url is not None
    assert alone.listen.certificate == tmp_path / "portal.pem"
    assert len(settings_of(REFERENCE, tmp_path)) == 1


def test_the_three_commands_to_look_at_it(tmp_path: Path) -> None:
    (first,) = blocks(PAGE)
    said = run(first, tmp_path)
    assert said[0] == f"Migrated from nothing to {newest()}."
    assert said[1].startswith("owner@bakery.example")


def test_the_roles_are_made_as_the_page_says(
    postgres: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for statement in blocks(PAGE, "sql")[0].strip().split("\n"):
        postgres.run(statement)
    url = postgres.url("portal")
    monkeypatch.setenv("SERVING", url.replace("//tillbridge@", "//portal@"))
    monkeypatch.setenv("OWNER", url.replace("//tillbridge@", "//portal_owner@"))
    written = "data: data\ndatabase: {url: {env: SERVING}, migrating_url: {env: OWNER}}\n"
    (tmp_path / "migrate.yml").write_text(written)
    assert migrate(load_settings(tmp_path / "migrate.yml")) == ("", newest())
    with psycopg.connect(url.replace("//tillbridge@", "//portal@")) as connection:
        owner = "select tableowner from pg_tables where tablename = 'audit_entry'"
        assert connection.execute(owner).fetchone() == ("portal_owner",)
        may = "select has_table_privilege('audit_entry', 'insert'), has_table_privilege('audit_entry', 'delete')"
        assert connection.execute(may).fetchone() == (True, False)


def test_every_command_on_the_page_exists() -> None:
    text = "\n".join([*blocks(PAGE, "sh"), *blocks(PAGE, "ini")]).replace("\\\n", " ")
    found = [shlex.split(line) for line in re.findall(r"tillbridge (portal [^>\n]*)", text)]
    assert {words[1] for words in found} == {"migrate", "serve", "create-admin", "audit"}
    for words in found:
        end = 3 if words[1] == "audit" else 2
        shown = CliRunner().invoke(app, [*words[:end], "--help"])
        assert shown.exit_code == 0, words
        options = {word for word in words if word.startswith("--")}
        assert all(re.search(rf"{option}\b", shown.output) for option in options), words
