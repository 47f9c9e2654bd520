"""The settings that the docs show are right, word by word, and so is the service that they tell to start."""

import re
import shlex
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT
from tillbridge.connector.host import LAST_PAYMENT_SECONDS
from tillbridge.connector.settings_file import load_settings
from tillbridge.connector.supervisor.planning import Computer, Kind, Served, installing
from tillbridge.runtime.settings.secret_values import hash_password

DOCS = ROOT / "docs"
INSTALL = DOCS / "how-to" / "install-the-connector.md"


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page that are in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


OF_THE_PORTAL = {"run-the-portal", "portal-settings", "payment-services"}


def examples() -> list[tuple[str, str]]:
    """Every settings file of a connector in the docs, with its page; those of the portal have tests of their own."""
    pages = [
        page
        for page in sorted(DOCS.rglob("*.md"))
        if page.stem not in {"run-the-portal", "portal-settings", "payment-services"}
    ]
    return [(page.stem, block) for page in pages for block in blocks(page, "yaml")]


REST = """data: data
terminals: [{name: counter, driver: virtual}]
doors: [{name: till, door: touchscreen}]
"""


def whole(text: str) -> str:
    """The example as a whole file; some show only the part that they are about."""
    return text if re.search(r"^data:", text, re.MULTILINE) else REST + text


@pytest.mark.parametrize(("page", "text"), examples())
def test_an_example_in_the_docs_can_be_pasted(page: str, text: str, tmp_path: Path) -> None:
    hashed = hash_password("pwd")
    (tmp_path / "till-password-hash").write_text(hashed)
    (tmp_path / "terminal-password").write_text("27924505")
    for name in ("hipay-password", "hipay-hashkey", "hipay-passphrase", "lunch-card-key"):
        (tmp_path / name).write_text(name)
    # HASH stands for the reader's own one.
    (tmp_path / "connector.yml").write_text(re.sub(r"\bHASH\b", hashed, whole(text)))
    settings = load_settings(tmp_path / "connector.yml", {"TILL_PASSWORD_HASH": hashed})
    assert settings.terminals, page
    assert settings.doors, page


def test_the_pages_about_settings_have_an_example() -> None:
    assert {"settings", "install-the-connector"} <= {page for page, _ in examples()}


def test_the_service_of_the_page_fits_its_settings() -> None:
    (line,) = re.findall(r"^tillbridge service install (.*)$", INSTALL.read_text(), re.MULTILINE)
    words = shlex.split(line)
    options = dict(zip(words[::2], words[1::2], strict=True))
    (settings,) = blocks(INSTALL, "yaml")
    (data,) = re.findall(r"^data: (.*)$", settings, re.MULTILINE)
    assert f"useradd --system --home-dir {data} " in INSTALL.read_text()
    served = Served(Path(options["--config"]), Path(data), Path("/opt/tillbridge/bin/tillbridge"), None)
    here = Computer(windows=False, systemd=True, root=True, units=Path("/home/till/.config/systemd/user"))
    plan = installing(Kind.SYSTEMD, served, here, options["--account"])
    unit = plan.files[-1].content.decode()
    assert f'ExecStart="/opt/tillbridge/bin/tillbridge" "supervise" "--config" "{options["--config"]}"' in unit
    assert f'ReadWritePaths="{data}"' in unit
    assert f"User={options['--account']}\n" in unit
    assert f"up to {LAST_PAYMENT_SECONDS:g} seconds" in INSTALL.read_text()
