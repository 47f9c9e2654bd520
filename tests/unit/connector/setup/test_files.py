"""Files of answers and of HiPay's own connector: every line is accounted for, and a bad one is named."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.architecture.tree import ROOT
from tests.unit.connector.setup.test_interview import ITS_ANSWERS
from tillbridge.connector.setup.answers import Key
from tillbridge.connector.setup.answers_file import read_answers
from tillbridge.connector.setup.checks import Around
from tillbridge.connector.setup.completing import Completed
from tillbridge.connector.setup.import_hipay import Fate, Imported, import_hipay
from tillbridge.connector.setup.language import texts
from tillbridge.domain.cashier_texts import Language
from tillbridge.domain.errors import BridgeError, Code
from tillbridge.runtime.settings.reading import SettingsInvalid
from tillbridge.runtime.settings.secret_values import hash_password

ENGLISH = texts(Language.EN, {})
SECRET = ITS_ANSWERS["hipay_password"]

WINDOWS = """{ "baudRate": 9600, "dataBits": 8, "parity": "none", "stopBits": 1,
"hipay_login": "12345678.stage-secure-gateway.hipay-tpp.com", "hipay_password": "Test_qVpLbNOWemB7SCcnuqQoT3Yu",
"serial_port": "COM14", "serial_number": "1234567890", "local_port": "8888", "api_username": "log",
"api_password": "pwd", "environment": "dev", "authorization_threshold": 100, "update_time": "03:00", "contract":
{ "proxy": { "payment_application": "001", "merchant_id": "1234567", "rank": "001" },
"nfc": { "payment_application": "00B", "merchant_id": "1234568", "rank": "001" } } }
"""
LINUX = """hipay_login: 1234567.stage-secure-gateway.hipay-tpp.com
hipay_password: Test_1234567
serial_port: /dev/ttyUSB0
serial_number: SN_123
local_port: 3001
api_username: log
api_password: password
environment: prod
authorization_threshold: 3
update_time: 06:15
contract:
  proxy:
    payment_application: 001
    merchant_id: 1234567
    rank: 001
"""


def imported(folder: Path, content: str | bytes, name: str = "config.yml") -> Imported:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return import_hipay(path, Around(folder, windows=False), ENGLISH)


def refusals(folder: Path, content: str | bytes, name: str = "config.yml") -> list[str]:
    with pytest.raises(BridgeError) as caught:
        imported(folder, content, name)
    assert caught.value.code is Code.SETTINGS_INVALID
    if isinstance(caught.value, SettingsInvalid):
        return [str(problem) for problem in caught.value.problems]
    return [str(caught.value)]


def test_the_windows_sample_is_taken_over(tmp_path: Path) -> None:
    found = imported(tmp_path, WINDOWS)
    answers, secrets = found.completed.answers, found.completed.secrets
    assert {key: answers.get(Key(key)) for key in ITS_ANSWERS if key not in ("hipay_password", "api_password")} == {
        key: answer for key, answer in {**ITS_ANSWERS, "environment": "stage"}.items() if "password" not in key
    }
    assert secrets == {Key.HIPAY_PASSWORD: SECRET}
    assert answers.get(Key.API_PASSWORD).startswith("$argon2id$")
    assert answers.get(Key.LINE) == "9600 8N1"
    became = {line.name: (line.line, line.fate) for line in found.report}
    assert became["environment"] == (4, Fate.CHANGED)
    assert became["hipay_password"] == (2, Fate.CHANGED)
    assert became["local_port"] == (3, Fate.TAKEN)
    assert SECRET not in str(found)
    assert "'pwd'" not in str(found)


def test_the_linux_sample_is_taken_over_with_a_loud_warning(tmp_path: Path) -> None:
    found = imported(tmp_path, LINUX)
    assert found.completed.answers.get(Key.LOCAL_PORT) == "3001"
    assert found.completed.answers.get(Key.CONTRACT_TYPE) == "proxy"
    assert found.completed.answers.get(Key.UPDATE_TIME) == "06:15"
    assert [(note.line, note.sentence[:9]) for note in found.completed.notes if note.path == "environment"] == [
        (8, "ATTENTION")
    ]


def test_what_is_not_known_is_named_and_left_out(tmp_path: Path) -> None:
    found = imported(tmp_path, LINUX + "proxy_server: x\nextra: {a: 1}\nserial_number2:\n")
    ignored = {line.name: line.line for line in found.report if line.fate is Fate.IGNORED}
    assert ignored == {"proxy_server": 16, "extra": 17, "serial_number2": 18}


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_how_the_file_was_saved_does_not_matter(tmp_path: Path, bom: bytes, end: bytes) -> None:
    found = imported(tmp_path, bom + LINUX.encode().replace(b"\n", end))
    assert found.completed.answers.get(Key.SERIAL_NUMBER) == "SN_123"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (LINUX.replace("  proxy:", "\tproxy:"), "line 12: there is a tab: indent with spaces only"),
        (LINUX.encode().replace(b"SN_123", b"Caf\xe9"), "line 4: this is not UTF-8 text: save the file as UTF-8"),
        (LINUX.encode("utf-16"), "line 1: this is not UTF-8 text: save the file as UTF-8"),
        (LINUX + "local_port: 1\n", "line 16: local_port: this is already set in line 5"),
        (LINUX + "x" * 10_000_000, "line 1: the file is larger than 256 KiB"),
        (
            LINUX.replace("api_username: log", "api_username log"),
            "line 7: a colon is missing: each setting is written as",
        ),
        (LINUX.replace("3001", "300001"), "line 5: local_port: A port is a whole number from 1 to 65535."),
        (LINUX.replace("prod", "live"), "line 8: environment: It must be one of: production (prod), stage (dev)."),
        (LINUX.replace("SN_123", "[1]"), "line 4: serial_number: It must be a single value."),
        (LINUX.replace("serial_port: /dev/ttyUSB0\n", ""), "line 1: serial_port: This answer is missing"),
        (LINUX + "parity: maybe\n", "line 16: parity: It must be one of: none, even, odd."),
        (LINUX + "baudRate: 9601\n", "line 16: baudRate: It must be one of: 9600 8N1"),
        (
            LINUX.replace("    merchant_id: 1234567\n", ""),
            "line 12: contract.proxy.merchant_id: This answer is missing",
        ),
        ("", "line 1: Nothing in this file is a setting of HiPay's connector."),
        ("- a\n- b\n", "line 1: Nothing in this file is a setting of HiPay's connector."),
        ("a: &x 1\nb: *x\n", "line 1: anchors (&) and aliases (*) are not used here"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, content: str | bytes, sentence: str) -> None:
    found = refusals(tmp_path, content)
    assert any(problem.startswith(sentence) for problem in found), found
    assert not any("password: password" in problem or "Test_1234567" in problem for problem in found)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    for name in ("config.yml", "config.txt"):
        with pytest.raises(BridgeError) as caught:
            import_hipay(tmp_path / name, Around(tmp_path), ENGLISH)
        assert caught.value.code is Code.SETTINGS_INVALID


UNATTENDED = """# kiosk
SERIAL_PORT=/dev/ttyUSB0
LOCAL_PORT=8080
TERMINAL_MANAGER_LOGIN=log
TERMINAL_MANAGER_PWD=pa=ss
HIPAY_LOGIN=1234567.stage-secure-gateway.hipay-tpp.com
HIPAY_PWD=Test_1234567
UPDATE_TIME=06:15
COLOUR=blue
"""


def test_the_lines_of_an_unattended_connector_are_taken_over(tmp_path: Path) -> None:
    found = imported(tmp_path, UNATTENDED, "config.txt")
    answers = found.completed.answers
    assert (answers.get(Key.LOCAL_PORT), answers.get(Key.ENVIRONMENT)) == ("8080", "stage")
    assert answers.get(Key.PROFILE) == "unattended"
    assert found.completed.secrets == {Key.HIPAY_PASSWORD: "Test_1234567"}
    assert [line.name for line in found.report if line.fate is Fate.IGNORED] == ["COLOUR"]
    assert refusals(tmp_path, UNATTENDED + "LOCAL_PORT=1\n", "config.txt") == [
        "line 10: LOCAL_PORT: This is already set in line 3."
    ]
    assert refusals(tmp_path, UNATTENDED + "nonsense\n", "config.txt") == ["line 10: A line is written as NAME=value."]


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=20), st.lists(st.integers())
)
NAMES = st.sampled_from([*(str(key) for key in Key if "." not in key), "baudRate", "parity", "contract", "other"])


@settings(max_examples=80)
@given(
    st.one_of(
        st.binary(max_size=200), st.dictionaries(NAMES, VALUES, max_size=12).map(lambda it: yaml.dump(it).encode())
    )
)
def test_any_file_is_taken_whole_or_refused_in_words(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.getbasetemp()
    for name in ("config.yml", "config.txt"):
        try:
            found = imported(folder, content, name)
        except SettingsInvalid as error:
            lines = content.count(b"\n") + content.count(b"\r") + 2
            assert all(1 <= problem.line <= lines for problem in error.problems)  # noqa: PT017  # or it was taken
        else:
            assert isinstance(found.completed, Completed)


THRESHOLDS = st.decimals(min_value=0, max_value=10_000, places=2).map(str)


@settings(max_examples=25)
@given(
    port=st.integers(1, 65535).filter(lambda port: port != 8380),
    quoted=st.booleans(),
    environment=st.sampled_from(["dev", "stage", "prod", "production"]),
    threshold=THRESHOLDS,
)
def test_any_right_file_is_taken_over(
    tmp_path_factory: pytest.TempPathFactory, *, port: int, quoted: bool, environment: str, threshold: str
) -> None:
    written: dict[str, Any] = {
        "serial_port": "/dev/ttyUSB0",
        "local_port": str(port) if quoted else port,
        "api_username": "log",
        "api_password": "pwd",
        "hipay_login": "a",
        "hipay_password": SECRET,
        "environment": environment,
        "authorization_threshold": threshold,
    }
    answers = imported(tmp_path_factory.getbasetemp(), yaml.safe_dump(written)).completed.answers
    assert answers.get(Key.LOCAL_PORT) == str(port)
    assert answers.get(Key.ENVIRONMENT) == ("stage" if environment in ("dev", "stage") else "production")
    assert float(answers.get(Key.AUTHORIZATION_THRESHOLD)) == float(threshold)


# ------------------------------------------------------------ a file of answers

ANSWERS = """hipay_login: shop
hipay_password: {env: HIPAY}
serial_port: /dev/ttyUSB0
api_username: log
api_password: {file: till-password}
contract:
  proxy: {payment_application: 001, merchant_id: 1234567, rank: 001}
order_ids_repeat: no
"""


def read(folder: Path, content: str) -> Completed:
    (folder / "till-password").write_text("pwd")
    (folder / "answers.yml").write_text(content)
    return read_answers(folder / "answers.yml", Around(folder, windows=False), ENGLISH, {"HIPAY": SECRET})


def wrong(folder: Path, content: str) -> list[str]:
    with pytest.raises(SettingsInvalid) as caught:
        read(folder, content)
    return [str(problem) for problem in caught.value.problems]


def test_answers_come_from_a_file(tmp_path: Path) -> None:
    found = read(tmp_path, ANSWERS)
    assert found.secrets == {Key.HIPAY_PASSWORD: SECRET}
    assert found.answers.get(Key.CONTRACT_TYPE) == "proxy"
    assert found.answers.get(Key.ORDER_IDS_REPEAT) == "never"
    assert found.answers.get(Key.LOCAL_PORT) == "8888"
    assert found.answers.get(Key.API_PASSWORD).startswith("$argon2id$")
    hashed = hash_password("pwd")
    other = read(tmp_path, ANSWERS.replace("api_password: {file: till-password}", f"api_password_hash: {hashed}"))
    assert other.answers.get(Key.API_PASSWORD) == hashed


def test_a_json_file_is_one_too(tmp_path: Path) -> None:
    found = read(tmp_path, '{"serial_port": "COM3", "api_username": "log", "api_password": {"env": "HIPAY"}}')
    assert found.answers.get(Key.SERIAL_PORT) == "COM3"


def test_everything_that_is_wrong_is_named_at_once(tmp_path: Path) -> None:
    content = ANSWERS.replace("{env: HIPAY}", "in-clear").replace("1234567", "1-3") + "colour: blue\nterminal_host: x\n"
    found = wrong(tmp_path, content)
    assert len(found) == 4
    assert found[0].startswith("line 2: hipay_password: a password does not stand here in clear")
    assert found[1].startswith("line 7: contract.proxy.merchant_id: A merchant number has digits and letters only")
    assert found[2].startswith("line 9: colour: there is no such answer")
    assert found[3].startswith("line 10: terminal_host: This is not asked after the other answers")
    assert "in-clear" not in " ".join(found)


def test_what_is_missing_is_named_where_it_belongs(tmp_path: Path) -> None:
    found = wrong(tmp_path, ANSWERS.replace(", rank: 001", "").replace("merchant_id: 1234567", "rank: 001"))
    assert found == [
        "line 7: contract.proxy.merchant_id: This answer is missing: Merchant number of the contact contract"
    ]
    assert "line 1: api_password: This answer is missing: Password of the till" in wrong(tmp_path, "serial_port: COM1")
    assert wrong(tmp_path, "- a")[0].startswith("line 1: this must be a mapping")


# ------------------------------------------------------------ the page of documentation

PAGE = ROOT / "docs" / "reference" / "setup.md"


def test_the_page_names_every_question_once() -> None:
    questions = PAGE.read_text().partition("## The questions")[2].partition("\n## ")[0]
    named = re.findall(r"^\| `([a-z_.]+)` \|", questions, re.MULTILINE)
    assert named == list(map(str, Key))


def test_the_file_on_the_page_can_be_used(tmp_path: Path) -> None:
    (example,) = re.findall(r"^```yml\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (tmp_path / "answers.yml").write_text(example)
    environment = {"HIPAY_PASSWORD": SECRET, "TILL_PASSWORD": "pwd"}
    found = read_answers(tmp_path / "answers.yml", Around(tmp_path, windows=False), ENGLISH, environment)
    assert found.answers.get(Key.CONTRACT_TYPE) == "both"
