"""What the updater remembers."""

from datetime import timedelta
from pathlib import Path

import pytest

from tillbridge.connector.updates.state import MOST_REFUSED, STATE_FILE, State, read_state, write_state
from tillbridge.runtime.manual import EPOCH

LATER = EPOCH + timedelta(days=1)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    state = State(
        outcome="Well.", looked=EPOCH, known_past=LATER, root=3, refused={"1.1": "it fell"}, failed={"1.2": 1}
    )
    write_state(tmp_path / "updates", state)
    assert read_state(tmp_path / "updates") == state


@pytest.mark.parametrize("content", ["", "{", "[]", '{"looked": "yesterday"}', '{"refused": 3}', "x" * 300_000])
def test_a_broken_file_is_an_empty_one(tmp_path: Path, content: str) -> None:
    (tmp_path / STATE_FILE).write_text(content)
    assert read_state(tmp_path) == State()


def test_a_later_release_may_have_written_more(tmp_path: Path) -> None:
    (tmp_path / STATE_FILE).write_text('{"outcome": "Well.", "mood": "good"}')
    assert read_state(tmp_path).outcome == "Well."


def test_time_only_goes_forward() -> None:
    state = State().at_least(LATER, None, 1)
    assert state.floor(EPOCH) == LATER
    assert state.floor(LATER + timedelta(1)) == LATER + timedelta(1)
    assert State().at_least(EPOCH, LATER, 1).known_past == LATER
    assert State().floor(EPOCH) == EPOCH


def test_a_refused_version_is_not_counted_any_more_and_the_oldest_are_forgotten() -> None:
    state = State(failed={"1.1": 2, "1.2": 1}).with_refused("1.1", "it fell")
    assert (state.refused, state.failed) == ({"1.1": "it fell"}, {"1.2": 1})
    for number in range(MOST_REFUSED):
        state = state.with_refused(f"2.{number}", "it fell")
    assert len(state.refused) == MOST_REFUSED
    assert "1.1" not in state.refused
