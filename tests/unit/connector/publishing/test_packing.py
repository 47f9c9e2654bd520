"""Archives, installers and Debian packages, of a program that is a script."""

import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from tests.support.releases import Hands, Publisher
from tillbridge.connector.publishing import building
from tillbridge.connector.publishing.debian_package import debian_version, make_debian_package
from tillbridge.connector.publishing.installing import make_installer
from tillbridge.connector.publishing.packing import describe, pack, read_packed
from tillbridge.connector.updates.naming import this_computer
from tillbridge.connector.updates.release import Shipped
from tillbridge.domain.errors import BridgeError


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return Publisher(tmp_path, Hands()).begin()


def test_the_same_folder_gives_the_same_archive(publisher: Publisher, tmp_path: Path) -> None:
    first = publisher.archive("1.0").read_bytes()
    for path in (tmp_path / "built/1.0").rglob("*"):
        os.utime(path, (0, 0))
    pack(tmp_path / "built/1.0", tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == first


def test_what_is_packed_is_read_as_a_connector_reads_it(publisher: Publisher) -> None:
    packed = read_packed(publisher.archive("1.0", url="https://updates.example/x"))
    assert packed.shipped == Shipped(version="1.0", kind=this_computer(), url="https://updates.example/x")
    assert packed.root == publisher.repository.trusted_root()
    latest = packed.latest("stable")
    assert latest.archive == f"stable/{this_computer()}/tillbridge-1.0-{this_computer()}.tar.xz"
    folder = publisher.home / "built/1.0"
    assert latest.unpacked == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_links_inside_are_followed_and_links_outside_refused(publisher: Publisher, tmp_path: Path) -> None:
    archive = publisher.archive("1.0")
    folder = tmp_path / "built/1.0"
    (folder / "alias").symlink_to("lib/part.txt")
    pack(folder, archive)
    assert read_packed(archive).shipped.version == "1.0"
    (folder / "outside").symlink_to("/etc/hostname")
    with pytest.raises(BridgeError, match="leads out of the folder"):
        pack(folder, archive)


def test_an_archive_without_a_program_or_a_name_is_refused(publisher: Publisher, tmp_path: Path) -> None:
    archive = publisher.archive("1.0")
    folder = tmp_path / "built/1.0"
    (folder / "tillbridge").unlink()
    pack(folder, archive)
    with pytest.raises(BridgeError, match="there is no tillbridge in it"):
        read_packed(archive)
    (folder / "release.json").unlink()
    pack(folder, archive)
    with pytest.raises(BridgeError, match=r"no release\.json"):
        read_packed(archive)


def test_the_linux_installer_holds_a_whole_version_and_the_scripts(publisher: Publisher, tmp_path: Path) -> None:
    made = make_installer(publisher.archive("1.0"), tmp_path / "out", "linux")
    assert made.name == "setup-concertv2-linux.zip"
    with zipfile.ZipFile(made) as packed:
        modes = {info.filename: info.external_attr >> 16 & 0o777 for info in packed.infolist()}
        assert packed.read("current") == b"1.0\n"
        text = packed.read("setup.sh").decode() + packed.read("READ-ME.txt").decode()
    assert "@" not in text.replace('"$@"', "")
    runs = {name for name, mode in modes.items() if mode == 0o755}
    assert runs == {"setup.sh", "launch.sh", "always-up.sh", "supervise.sh", "versions/1.0/tillbridge"}
    assert {"versions/1.0/lib/part.txt", "versions/1.0/release.json", "versions/1.0/root.json"} <= set(modes)


@pytest.mark.parametrize("name", ["setup.sh"])
def test_the_script_is_a_plain_shells(publisher: Publisher, tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(make_installer(publisher.archive("1.0"), tmp_path / "out", "linux")) as packed:
        (tmp_path / name).write_bytes(packed.read(name))
    subprocess.run(["dash", "-n", str(tmp_path / name)], check=True)


def test_the_windows_installer_needs_its_setup_program(publisher: Publisher, tmp_path: Path) -> None:
    folder = tmp_path / "windows"
    folder.mkdir()
    (folder / "tillbridge.exe").write_bytes(b"MZ")
    describe(folder, Shipped(version="1.0", kind="windows-x86_64"), publisher.repository.trusted_root())
    pack(folder, tmp_path / "windows.tar.xz")
    assert read_packed(tmp_path / "windows.tar.xz").shipped.kind == "windows-x86_64"
    with pytest.raises(BridgeError, match=r"setup\.exe"):
        make_installer(tmp_path / "windows.tar.xz", tmp_path / "out", "windows")
    (tmp_path / "setup.exe").write_bytes(b"MZ setup")
    made = make_installer(tmp_path / "windows.tar.xz", tmp_path / "out", "windows", tmp_path / "setup.exe")
    assert made.name == "setup-concertv2-windows_64.zip"
    with zipfile.ZipFile(made) as packed:
        assert packed.read("setup.exe") == b"MZ setup"
        for name in ("launch.cmd", "always-up.cmd", "READ-ME.txt"):
            text = packed.read(name)
            assert text.count(b"\n") == text.count(b"\r\n") > 5
        assert "versions/1.0/tillbridge.exe" in packed.namelist()


def test_an_archive_of_another_system_makes_no_installer(publisher: Publisher, tmp_path: Path) -> None:
    archive = publisher.archive("1.0")
    with pytest.raises(BridgeError, match="no installer for windows can be made of it"):
        make_installer(archive, tmp_path / "out", "windows")
    assert list((tmp_path / "out").iterdir()) == []


def test_the_debian_package(publisher: Publisher, tmp_path: Path) -> None:
    made = make_debian_package(publisher.archive("1.0rc1"), tmp_path / "out")
    assert made.name.startswith("tillbridge_1.0~rc1_")

    def said(*command: str) -> str:
        return subprocess.run(["dpkg-deb", *command, str(made)], check=True, capture_output=True, text=True).stdout

    fields = said("--field")
    assert "Version: 1.0~rc1" in fields
    assert "@" not in fields.replace("<tillbridge@", "")
    listed = said("--contents").splitlines()
    modes = {line.split(maxsplit=5)[5]: line.split()[:2] for line in listed}
    assert modes["./usr/lib/tillbridge/tillbridge"] == ["-rwxr-xr-x", "root/root"]
    assert modes["./etc/default/tillbridge"] == ["-rw-r--r--", "root/root"]
    assert "./usr/lib/systemd/system/tillbridge.service" in modes
    # A package is updated by the system: nothing is in it that the updater could begin with.
    assert not [name for name in modes if name.endswith(("release.json", "root.json"))]
    assert all(mode[0].startswith("drwxr-xr-x") for name, mode in modes.items() if name.endswith("/"))
    subprocess.run(["dpkg-deb", "--raw-extract", str(made), str(tmp_path / "raw")], check=True)
    assert (tmp_path / "raw/DEBIAN/conffiles").read_text() == "/etc/default/tillbridge\n"
    for script in ("postinst", "prerm", "postrm"):
        subprocess.run(["dash", "-n", str(tmp_path / "raw/DEBIAN" / script)], check=True)
    unit = (tmp_path / "raw/usr/lib/systemd/system/tillbridge.service").read_text()
    assert "User=tillbridge" in unit
    assert 'ExecStart="/usr/lib/tillbridge/tillbridge" "supervise" "--config"' in unit


@pytest.mark.parametrize(
    ("version", "debian"), [("1.0", "1.0"), ("1.0rc1", "1.0~rc1"), ("1.0a2", "1.0~a2"), ("1.0.dev3", "1.0~dev3")]
)
def test_a_version_keeps_its_place_among_debians(version: str, debian: str) -> None:
    assert debian_version(version) == debian
    if version != "1.0":
        subprocess.run(["dpkg", "--compare-versions", debian, "lt", "1.0"], check=True)


def test_a_build_without_its_builder_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "find_spec", lambda _: None)
    with pytest.raises(BridgeError, match="PyInstaller is not in this environment"):
        building.build(tmp_path / "out", b"{}", None)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "program", ["#!/bin/sh\necho tillbridge 9.9\n", "#!/bin/sh\necho tillbridge 1.0; exit 1\n", "no program at all"]
)
def test_a_built_program_that_is_not_what_it_should_be(tmp_path: Path, program: str) -> None:
    (tmp_path / "tillbridge").write_text(program)
    (tmp_path / "tillbridge").chmod(0o755)
    with pytest.raises(BridgeError, match="the built program"):
        building._try_out(tmp_path / "tillbridge", "1.0")
