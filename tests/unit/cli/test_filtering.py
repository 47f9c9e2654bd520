"""What a list of payments is asked for: the same journal, whether this process reads it or a connector is asked."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.engine.house import PAID, ask, house
from tests.unit.engine.puppet import Puppet
from tillbridge.cli.filtering import wanted
from tillbridge.cli.local_desk import LocalDesk
from tillbridge.cli.pay import KindWord
from tillbridge.cli.payments import StageWord
from tillbridge.cli.remote_desk import query_of
from tillbridge.connector.api.listing import PageQuestion
from tillbridge.domain.operation import Kind, Stage
from tillbridge.domain.outcome import Declined
from tillbridge.engine.journal.reading import NOTHING, Filter
from tillbridge.runtime.manual import run_manual

NONE = dict.fromkeys(("kind", "stage", "terminal", "order", "since", "search"))


def test_the_words_of_the_command_line_are_the_domains() -> None:
    assert [word.value for word in KindWord] == [kind.value for kind in Kind]
    assert [word.value for word in StageWord] == [stage.value for stage in Stage]


def test_no_option_asks_for_everything() -> None:
    assert wanted(**NONE) == NOTHING


def test_every_option_has_its_place_in_the_filter() -> None:
    options = {"kind": "void", "stage": "in_doubt", "terminal": "bar", "order": "A 7", "search": "12.50"}
    assert wanted(**options, since="2026-03-01T14:30:00+02:00") == Filter(
        kind=Kind.VOID,
        stage=Stage.IN_DOUBT,
        terminal="bar",
        order_id="A 7",
        since=datetime(2026, 3, 1, 12, 30, tzinfo=UTC),
        text="12.50",
    )


@pytest.mark.parametrize("text", ["2026-03-01", "2026-03-01T00:00", "2026-03-01 00:00:00"])
def test_a_moment_without_a_zone_is_in_this_computers_time(text: str) -> None:
    since = wanted(**NONE | {"since": text}).since
    assert since is not None
    assert since.utcoffset() is not None
    assert since.replace(tzinfo=None) == datetime(2026, 3, 1)  # noqa: DTZ001  # what the person wrote


def test_the_native_interface_understands_the_filter_as_it_is_sent() -> None:
    since = datetime(2026, 3, 1, 12, 30, 0, 120, tzinfo=UTC)
    where = Filter(Kind.REFUND, Stage.APPROVED, "bar", "till", "A 7", since, since + timedelta(days=1), "12.50")
    assert PageQuestion.model_validate(query_of(where)).filter() == where
    assert query_of(NOTHING) == {}


def test_the_journal_of_this_process_is_filtered(tmp_path: Path) -> None:
    async def main() -> None:
        terminal = Puppet()
        async with house(tmp_path, terminal) as engine:
            found = []
            for outcome, order in ((PAID, "A 7"), (Declined(), "A 8")):
                terminal.answers.put_nowait(outcome)
                payment = await engine.start(ask(order_id=order))
                found.append((await engine.wait(payment.id, 10)).id)
            desk = LocalDesk(engine)
            approved, declined = found
            for where, expected in (
                (NOTHING, [declined, approved]),
                (Filter(stage=Stage.DECLINED), [declined]),
                (Filter(order_id="A 7"), [approved]),
                (Filter(kind=Kind.VOID), []),
            ):
                assert [one.id for one in await desk.payments(None, 10, where)] == expected

    run_manual(main())
