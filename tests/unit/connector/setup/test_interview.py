"""The questions: their order, what each takes, the way back, and what is left of answers that no longer fit."""

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillbridge.connector.setup.answers import Answers, Key
from tillbridge.connector.setup.checks import Around, Seen, Wrong
from tillbridge.connector.setup.interview import Interview
from tillbridge.connector.setup.questions import BY_KEY, QUESTIONS, Shape, asked, settled

AROUND = Around(Path("/tmp"), windows=False, ports=("/dev/ttyUSB0",))  # noqa: S108  # any folder that is there

# The order in which HiPay's own installer asks on Windows, field by field (the folder is ours in the same place).
AS_HIPAY_ASKS = """
hipay_login hipay_password folder serial_port serial_number local_port api_username api_password environment
authorization_threshold update_time contract_type contract.proxy.payment_application contract.nfc.payment_application
contract.proxy.merchant_id contract.nfc.merchant_id contract.proxy.rank contract.nfc.rank
""".split()

ITS_ANSWERS = {
    "hipay_login": "12345678.stage-secure-gateway.hipay-tpp.com",
    "hipay_password": "Test_qVpLbNOWemB7SCcnuqQoT3Yu",
    "serial_port": "COM14",
    "serial_number": "1234567890",
    "local_port": "8888",
    "api_username": "log",
    "api_password": "pwd",
    "environment": "dev",
    "authorization_threshold": "100",
    "update_time": "03:00",
    "contract_type": "both",
    "contract.proxy.payment_application": "001",
    "contract.nfc.payment_application": "00B",
    "contract.proxy.merchant_id": "1234567",
    "contract.nfc.merchant_id": "1234568",
    "contract.proxy.rank": "001",
    "contract.nfc.rank": "001",
}


def walk(answers: dict[str, str], around: Around = AROUND) -> tuple[Interview, list[str]]:
    """Answers every question, with the usual answer where none is given."""
    interview = Interview(around)
    put = []
    while interview.question is not None:
        key = interview.question.key
        put.append(str(key))
        interview = interview.answered(interview.check(answers.get(key, interview.usual)))
    return interview, put


def test_it_asks_what_hipay_asks_in_the_same_order() -> None:
    interview, put = walk(ITS_ANSWERS)
    assert put[: len(AS_HIPAY_ASKS)] == AS_HIPAY_ASKS
    assert interview.answers.get(Key.ENVIRONMENT) == "stage"
    assert interview.answers.get(Key.AUTHORIZATION_THRESHOLD) == "100"


def test_without_hipay_nothing_of_hipay_is_asked() -> None:
    _, put = walk({"hipay_login": "", "api_username": "log", "api_password": "pwd"})
    assert not {"hipay_password", "environment", "hipay_hashkey", "hipay_confirmed"} & set(put)
    assert not [key for key in put if key.startswith("contract.")]


@pytest.mark.parametrize(
    ("kind", "only", "never"),
    [
        ("concert-v3", {"terminal_host", "terminal_port"}, {"line", "currency", "terminal_password"}),
        ("touchscreen", {"terminal_host", "terminal_password", "currency"}, {"line"}),
        ("mypos-xml", {"terminal_host", "currency"}, {"line", "terminal_password"}),
    ],
)
def test_a_terminal_in_the_network_is_asked_for_its_address(kind: str, only: set[str], never: set[str]) -> None:
    _, put = walk({**ITS_ANSWERS, "serial_port": "network", "terminal_kind": kind, "terminal_host": "192.168.1.50"})
    assert only <= set(put)
    assert not never & set(put)


def test_an_answer_that_no_longer_fits_is_asked_again() -> None:
    interview, _ = walk(ITS_ANSWERS)
    while interview.at is not Key.SERIAL_PORT:
        interview = interview.back()
    assert interview.usual == "COM14"
    interview = interview.answered(interview.check("Network"))
    assert Key.LINE not in interview.answers
    assert Key.TERMINAL_KIND not in interview.answers  # Concert V2 over a network has no address yet
    assert interview.answers.get(Key.LOCAL_PORT) == "8888"
    assert Interview.resumed(interview.answers, AROUND).at is Key.TERMINAL_KIND


def test_back_stops_at_the_first_question() -> None:
    interview = Interview(AROUND)
    assert interview.first
    assert interview.back().at is Key.HIPAY_LOGIN
    assert interview.place == (1, len(asked(Answers())))


def test_it_goes_on_at_the_first_question_without_an_answer() -> None:
    interview, _ = walk(ITS_ANSWERS)
    for question in asked(interview.answers):
        without = Answers({key: one for key, one in interview.answers.said.items() if key is not question.key})
        at = Interview.resumed(without, AROUND).at
        assert at is not None
        assert [one.key for one in QUESTIONS].index(at) <= [one.key for one in QUESTIONS].index(question.key)


@pytest.mark.parametrize(
    ("key", "takes", "refuses"),
    [
        (Key.SERIAL_PORT, {"/dev/ttyUSB0": "/dev/ttyUSB0", "com3": "COM3", "NETWORK": "network"}, "x ftp://a COM0 tty"),
        (Key.LOCAL_PORT, {"8888": "8888", " 08080 ": "8080"}, "0 65536 8380 -1 3.5 x ٣"),
        (Key.API_USERNAME, {"log": "log"}, "a:b ä"),
        (Key.ENVIRONMENT, {"dev": "stage", "Prod": "production", "stage": "stage"}, "x live"),
        (
            Key.AUTHORIZATION_THRESHOLD,
            {"": "", "100": "100", "49,90": "49.90", "0": "0"},
            "-1 1.234 NaN x 1e9 Infinity",
        ),
        (Key.UPDATE_TIME, {"03:00": "03:00", "6:15": "06:15", "23:59": "23:59"}, "24:00 3 03:60 x"),
        (Key.PROXY_APPLICATION, {"001": "001", "00b": "00B"}, "1 0001 0-1"),
        (Key.PROXY_MERCHANT, {"1234567": "1234567", "12345": "12345"}, "12-34567 1234567890123456"),
        (Key.TERMINAL_HOST, {"192.168.1.50": "192.168.1.50", "till.local": "till.local"}, "http://x -a"),
        (Key.CURRENCY, {"eur": "EUR"}, "EURO XX"),
        (Key.ORDER_IDS_REPEAT, {"yes": "daily", "Nein": "never", "daily": "daily"}, "maybe"),
        (Key.PORTAL_ADDRESS, {"": "", "https://portal.example": "https://portal.example"}, "portal http://x.example"),
    ],
)
def test_an_answer_is_taken_in_its_one_way_of_writing(key: Key, takes: dict[str, str], refuses: str) -> None:
    check = BY_KEY[key].check
    seen = Seen(Answers(), AROUND)
    for written, taken in takes.items():
        assert check(written, seen) == taken
        assert check(taken, seen) == taken  # what was stored is read again
    for written in refuses.split():
        with pytest.raises(Wrong):
            check(written, seen)


def test_a_folder_must_be_one(tmp_path: Path) -> None:
    check = BY_KEY[Key.FOLDER].check
    seen = Seen(Answers(), Around(tmp_path))
    assert check("shop", seen) == str(tmp_path / "shop")
    (tmp_path / "file").touch()
    with pytest.raises(Wrong) as wrong:
        check("file/below", seen)
    assert wrong.value.key == "wrong.no_folder"


def test_what_somebody_should_know_is_said() -> None:
    login = Answers().put(Key.HIPAY_LOGIN, ITS_ANSWERS["hipay_login"])
    assert BY_KEY[Key.ENVIRONMENT].note("production", Seen(login, AROUND)) == "note.stage_login"
    assert BY_KEY[Key.ENVIRONMENT].note("stage", Seen(login, AROUND)) is None
    assert BY_KEY[Key.SERIAL_PORT].note("/dev/ttyUSB9", Seen(login, AROUND)) == "note.no_port"
    assert BY_KEY[Key.SERIAL_PORT].note("/dev/ttyUSB0", Seen(login, AROUND)) is None
    assert BY_KEY[Key.PROXY_MERCHANT].note("12345", Seen(login, AROUND)) == "note.merchant_length"


TYPED = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["", "network", "both", "nfc", "COM1", "8888", "yes", "daily", "concert-v3", "001", "log", "03:00"]
    ),
)


@given(st.lists(st.one_of(st.none(), TYPED), max_size=60))
def test_whatever_is_typed_leads_to_a_question_or_to_the_end(typed: Iterable[str | None]) -> None:
    """None stands for the way back."""
    interview = Interview(AROUND)
    for text in typed:
        if text is None:
            interview = interview.back()
        else:
            try:
                answer = interview.check(text)
            except Wrong:
                continue
            interview = interview.answered(answer)
        number, count = interview.place
        assert 1 <= number <= count <= len(QUESTIONS)
        assert settled(interview.answers, AROUND).said == interview.answers.said
        if interview.question is not None and interview.question.shape is Shape.SECRET:
            assert interview.usual == ""
