"""The packages as a shop gets them: really built, and run where there is nothing else."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

import tillbridge
from tests.support.releases import PASSPHRASE
from tests.support.shop import free_port
from tillbridge.connector.publishing.packing import describe, pack
from tillbridge.connector.updates.naming import this_computer
from tillbridge.connector.updates.release import Shipped

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

VERSION = tillbridge.__version__
NEXT = "999.0"
ANSWERS = """
folder: {folder}
serial_port: network
terminal_kind: concert-v3
terminal_host: 127.0.0.1
api_username: till
api_password: {{env: TILL}}
contract_type: none
order_ids_repeat: daily
local_port: 38188
"""


class Shelf:
    """What a publisher has after a release."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = folder / "dist"

    def release(self, *words: str) -> None:
        environment = {**os.environ, "TILLBRIDGE_RELEASE_PASSPHRASE": PASSPHRASE}
        environment["TILLBRIDGE_ROOT_PASSPHRASE"] = PASSPHRASE[::-1]
        command = [sys.executable, "-m", "tillbridge", "release", *words]
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    @property
    def archive(self) -> Path:
        return self.output / f"tillbridge-{VERSION}-{this_computer()}.tar.xz"


@contextmanager
def web_server(folder: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class calls it so
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    made = Shelf(tmp_path_factory.mktemp("publisher"))
    made.release("keys", "--repository", "repository", "--keys", "keys", "--root-keys", "root")
    with web_server(made.folder / "repository") as url:
        made.release("build", "--repository", "repository", "--url", url)
        made.release("installer", str(made.archive))
        made.release("installer", str(made.archive), "--os", "deb")
        _publish_the_next_one(made)
        yield made


def _publish_the_next_one(shelf: Shelf) -> None:
    """The same program under a later name: what an update does is the same, and a second build takes a minute."""
    place = shelf.folder / "next"
    unpack(shelf.output / "setup-concertv2-linux.zip", place)
    folder = place / "versions" / VERSION
    url = Shipped.model_validate_json((folder / "release.json").read_bytes()).url
    describe(folder, Shipped(version=NEXT, kind=this_computer(), url=url), (folder / "root.json").read_bytes())
    pack(folder, shelf.folder / "next.tar.xz")
    shelf.release("publish", "next.tar.xz", "--repository", "repository", "--keys", "keys")


def unpack(archive: Path, folder: Path) -> None:
    """As `unzip` does, with the marks of what may be run."""
    with zipfile.ZipFile(archive) as packed:
        for info in packed.infolist():
            Path(packed.extract(info, folder)).chmod(info.external_attr >> 16 & 0o777)


def run(*command: str, **environment: str) -> str:
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


COMMANDS = ["--help", "self-test", "connector --help", "simulate concert --help", "simulate hipay --help"]
COMMANDS += ["doctor --help", "supervise --help", "service --help", "pay --help", "payments --help", "vouchers --help"]


@pytest.mark.parametrize("words", COMMANDS)
def test_the_program_needs_nothing_around_it(shelf: Shelf, tmp_path: Path, words: str) -> None:
    unpack(shelf.output / "setup-concertv2-linux.zip", tmp_path)
    assert run(str(tmp_path / "versions" / VERSION / "tillbridge"), *words.split())


def test_a_shop_from_nothing_with_an_empty_environment(shelf: Shelf, tmp_path: Path) -> None:
    """Everything that loads files of its own: texts, pages, migrations, scripts, drivers and doors found by name."""
    unpack(shelf.output / "setup-concertv2-linux.zip", tmp_path)
    program, config = str(tmp_path / "versions" / VERSION / "tillbridge"), str(tmp_path / "connector.yml")
    answers = tmp_path / "answers.yml"
    answers.write_text(ANSWERS.format(folder=tmp_path) + f"terminal_port: {free_port()}\n")
    said = run(
        program, "connector", "setup", "--answers", str(answers), "--language", "cs", "-c", config, TILL="w-word-9"
    )
    assert "Spusťte příkazem" in said
    with Path(config).open("a") as settings:
        settings.write(f"console: {{port: {free_port()}}}\n")
    terminal = re.search(r"port: (\d+)", Path(config).read_text())
    assert terminal is not None
    with started(
        program, "simulate", "concert", "--dialect", "v3", "--delay", "0", "--tcp", f"127.0.0.1:{terminal[1]}"
    ):
        assert "well" in run(program, "connector", "check", "-c", config)
        with started(program, "supervise", "-c", config, until="takes payments"):
            assert run(program, "pay", "0.10", "-c", config) == "approved\n"
            report = json.loads(run(program, "doctor", "--json", "-c", config))
            assert report["well"], report
            kept = tmp_path / "shop.tbk"
            (tmp_path / "passphrase").write_text("five words that nobody guesses")
            (tmp_path / "passphrase").chmod(0o600)
            words = ("--passphrase-file", str(tmp_path / "passphrase"), "-c", config)
            run(program, "connector", "export", str(kept), *words)
            assert kept.stat().st_size > 0
            said = run(program, "service", "install", "--kind", "cron", "--dry-run", "-c", config)
            assert f"*/2 * * * * {tmp_path}/always-up.sh" in said


@contextmanager
def started(*command: str, until: str = "stops it") -> Iterator[None]:
    """The program, from the moment in which it says this to the end of the block."""
    with subprocess.Popen(command, env={}, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert any(until in line for line in process.stdout), "it ended before"
            yield
        finally:
            process.terminate()
            process.communicate(timeout=120)


def test_it_fetches_the_newest_signed_version(shelf: Shelf, tmp_path: Path) -> None:
    unpack(shelf.output / "setup-concertv2-linux.zip", tmp_path)
    said = run(str(tmp_path / "versions" / VERSION / "tillbridge"), "self-update")
    assert f"Updated from version {VERSION} to {NEXT}" in said
    assert (tmp_path / "current").read_text() == f"{NEXT}\n"


@pytest.fixture
def bare_debian(tmp_path: Path) -> Path:
    """A Debian with nothing but what makes it one: no Python, no certificates, no tools."""
    assert os.geteuid() == 0, "only root can make a bare Debian: run `make soak` as root"
    folder = tmp_path / "debian"
    subprocess.run(["debootstrap", "--variant=minbase", "bookworm", str(folder)], check=True, capture_output=True)
    (folder / "etc/hosts").write_text("127.0.0.1 localhost\n")
    return folder


def inside(debian: Path, script: str) -> str:
    return run(
        "chroot", str(debian), "/bin/sh", "-ec", script, PATH="/usr/sbin:/usr/bin:/sbin:/bin", TILL="word-word-9"
    )


def test_setup_in_a_bare_debian(shelf: Shelf, bare_debian: Path) -> None:
    shop = bare_debian / "home/shop"
    unpack(shelf.output / "setup-concertv2-linux.zip", shop)
    (shop / "answers.yml").write_text(ANSWERS.format(folder="/home/shop"))
    said = inside(bare_debian, "cd /home/shop && ./setup.sh --answers answers.yml")
    assert f"to {NEXT}" in said
    assert "The connector is kept up from now on." in said
    program = f"/home/shop/versions/{NEXT}/tillbridge"
    try:
        inside(
            bare_debian,
            f"tries=0; until {program} supervise --status -c /home/shop/connector.yml; do"
            " tries=$((tries + 1)); [ $tries -lt 30 ]; sleep 1; done",
        )
    finally:
        status = (shop / "data" / "connector.json").read_text()
        assert '"pid"' in status
        _stop(bare_debian)


def _stop(debian: Path) -> None:
    """Ends what runs in there, by the root that only our processes have."""
    for place in Path("/proc").iterdir():
        if place.name.isdecimal():
            try:
                if (place / "root").resolve() == debian.resolve():
                    os.kill(int(place.name), 15)
            except (OSError, ValueError):
                continue


def test_the_debian_package_comes_and_goes(shelf: Shelf, bare_debian: Path) -> None:
    (package,) = shelf.output.glob("*.deb")
    shutil.copy(package, bare_debian / "tmp/tillbridge.deb")
    (bare_debian / "tmp/answers.yml").write_text(ANSWERS.format(folder="/var/lib/tillbridge"))
    inside(bare_debian, "dpkg -i /tmp/tillbridge.deb")
    assert "dialout" in inside(bare_debian, "id -nG tillbridge")
    assert inside(bare_debian, "tillbridge --version") == f"tillbridge {VERSION}\n"
    inside(bare_debian, "cd /tmp && tillbridge connector setup --answers /tmp/answers.yml")
    assert inside(bare_debian, "stat -c %U:%a /var/lib/tillbridge/connector.yml") == "tillbridge:600\n"
    inside(
        bare_debian,
        "echo '# mine' >> /etc/default/tillbridge; mkdir /var/lib/tillbridge/data; dpkg -i /tmp/tillbridge.deb",
    )
    assert "# mine" in (bare_debian / "etc/default/tillbridge").read_text()
    inside(bare_debian, "dpkg -r tillbridge")
    assert (bare_debian / "var/lib/tillbridge/connector.yml").is_file()
    said = inside(bare_debian, "dpkg -P tillbridge")
    assert "The journal of payments stays in /var/lib/tillbridge" in said
    assert [path.name for path in (bare_debian / "var/lib/tillbridge").iterdir()] == ["data"]
