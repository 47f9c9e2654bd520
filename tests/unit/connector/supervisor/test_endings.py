"""How a connector ended, and when the next one is started."""

import pytest

from tillbridge.cli.exits import Exit
from tillbridge.connector.supervisor.endings import (
    CRASH_DELAYS,
    FAULTS,
    HEALTHY_SECONDS,
    REFUSED_DELAYS,
    SETTINGS_SECONDS,
    Again,
    Ended,
    Restarts,
    Why,
)
from tillbridge.connector.supervisor.words import STOPPED_BY_WISH
from tillbridge.domain.codes import Code

CRASH = Ended(-9, 1.0)


@pytest.mark.parametrize(
    ("ended", "why"),
    [
        (Ended(0, 5.0, asked=True), Why.ASKED),
        (Ended(-15, 5.0, asked=True), Why.ASKED),
        (Ended(STOPPED_BY_WISH, 5.0), Why.WISH),
        (Ended(STOPPED_BY_WISH, 5.0, asked=True), Why.WISH),
        (Ended(1, 0.3, Code.SETTINGS_INVALID), Why.SETTINGS),
        (Ended(1, 0.3, Code.PORT_TAKEN), Why.REFUSED),
        (Ended(1, 0.3, Code.FOLDER_UNUSABLE), Why.REFUSED),
        (Ended(1, 900.0, Code.INTERNAL), Why.CRASHED),
        (Ended(1, 5.0), Why.CRASHED),
        (Ended(-11, 5.0), Why.CRASHED),
        (Ended(0, 5.0), Why.LEFT),
        (Ended(-9, 5.0, killed_for=Why.HUNG), Why.HUNG),
        (Ended(-9, 5.0, killed_for=Why.NEVER_READY), Why.NEVER_READY),
    ],
)
def test_each_end_has_its_reason(ended: Ended, why: Why) -> None:
    assert ended.why is why


def test_the_wish_of_a_till_has_the_exit_code_that_the_command_line_gives() -> None:
    assert int(Exit.STOPPED_BY_WISH) == STOPPED_BY_WISH


def test_the_words_name_the_signal() -> None:
    assert Ended(-9, 1.0).words == "killed by SIGKILL"
    assert Ended(-200, 1.0).words == "killed by signal 200"
    assert Ended(3, 1.0).words == "exit code 3"


def test_the_first_restart_is_at_once_and_later_ones_take_longer_up_to_a_cap() -> None:
    restarts = Restarts()
    found = [restarts.after(CRASH) for _ in range(len(CRASH_DELAYS) + 3)]
    seconds = [one.seconds for one in found if one is not None]
    assert seconds == [*CRASH_DELAYS, *[CRASH_DELAYS[-1]] * 3]
    assert seconds[0] == 0
    assert seconds == sorted(seconds)


def test_a_healthy_while_begins_the_count_anew() -> None:
    restarts = Restarts()
    for _ in range(5):
        restarts.after(CRASH)
    assert restarts.after(Ended(-9, HEALTHY_SECONDS)) == Again(0.0)
    assert restarts.after(Ended(-9, HEALTHY_SECONDS - 1)) == Again(CRASH_DELAYS[1])


@pytest.mark.parametrize("why", [Why.ASKED, Why.WISH])
def test_who_was_asked_to_stop_stays_down(why: Why) -> None:
    ended = {Why.ASKED: Ended(0, 1.0, asked=True), Why.WISH: Ended(STOPPED_BY_WISH, 1.0)}[why]
    assert Restarts().after(ended) is None
    assert why not in FAULTS


def test_wrong_settings_are_not_tried_every_second() -> None:
    restarts = Restarts()
    for _ in range(3):
        again = restarts.after(Ended(1, 0.3, Code.SETTINGS_INVALID))
        assert again == Again(SETTINGS_SECONDS, when_file_changes=True)
    assert restarts.after(CRASH) == Again(0.0), "a mistake of a person is no crash"


def test_what_is_not_there_yet_is_asked_for_again_soon_and_for_ever() -> None:
    restarts = Restarts()
    found = [restarts.after(Ended(1, 0.3, Code.FOLDER_UNUSABLE)) for _ in range(50)]
    assert all(one is not None and 0 < one.seconds <= REFUSED_DELAYS[-1] for one in found)
