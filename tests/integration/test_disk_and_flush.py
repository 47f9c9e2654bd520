"""The order of flush and send as the kernel sees it, and a disk that is full, with real processes."""

import re
from pathlib import Path
from typing import Final

import pytest

from tests.support.shop import Shop, shop

TRACED: Final = "trace=fdatasync,fsync,write,sendto,writev,sendmsg,read,recvfrom"
MOST_PAYMENTS: Final = 60


def _index(lines: list[str], pattern: str, start: int = 0) -> int:
    for number, line in enumerate(lines[start:], start):
        if re.search(pattern, line):
            return number
    raise AssertionError(f"no {pattern} after line {start} of:\n" + "\n".join(lines[-80:]))


async def test_the_flush_comes_before_the_first_byte_and_before_the_answer(tmp_path: Path) -> None:
    async with shop(tmp_path) as place:
        trace = tmp_path / "trace"
        connector = await place.open(before=("strace", "-f", "-qq", "-y", "-s", "200", "-o", str(trace), "-e", TRACED))
        status, told = await place.order("1", "12.50")
        assert (status, told["paymentStatus"]) == (200, "SUCCESS")
        await connector.stop()
        lines = trace.read_text(errors="replace").splitlines()
        asked = _index(lines, r"POST /order")
        enq = _index(lines, r'write\(\d+</dev/pts/\d+>, "\\5"')
        flushed = [
            number
            for number, line in enumerate(lines)
            if re.search(r"(fdatasync|fsync)\(\d+<[^>]*journal\.sqlite-wal>\) += 0", line)
        ]
        # strace writes STX in short where no digit follows, as in a reply that comes byte by byte.
        reply = _index(lines, r'read\(\d+</dev/pts/\d+>, "\\(002|2")', enq)
        answer = _index(lines, r"SUCCESS", reply)
        assert any(asked <= number < enq for number in flushed), "the first byte left before the intent was flushed"
        assert any(reply < number < answer for number in flushed), "the till heard before the outcome was flushed"


async def _pay_until_refused(place: Shop) -> tuple[int, dict[str, object]]:
    for number in range(MOST_PAYMENTS):
        status, told = await place.order(f"{number}", f"10.{number:02}")
        if told["paymentStatus"] != "SUCCESS":
            return status, told
    raise AssertionError("the disk was never full")


@pytest.mark.parametrize("kilobytes", [40, 64, 96])
async def test_a_full_disk_refuses_before_a_byte_is_sent(tmp_path: Path, kilobytes: int) -> None:
    async with shop(tmp_path) as place:
        await (await place.open()).stop()
        # Python leaves SIGXFSZ ignored, so that a write beyond the limit fails as on a full disk. The journal's index
        # in shared memory alone takes 32 KiB: with less, the connector does not even start.
        connector = await place.open(before=("prlimit", f"--fsize={kilobytes * 1024}"))
        status, told = await _pay_until_refused(place)
        taken = len(place.ledger)
        if told["money_moved"] == "no":
            assert (status, told["code"]) == (503, "journal_unavailable") or told["outcome"] == "not_started"
        else:
            assert (told["money_moved"], told["outcome"]) == ("unknown", "unknown")
        for number in range(3):
            status, told = await place.order(f"later-{number}", "9.00")
            assert told["money_moved"] == "no", told
            assert told["paymentStatus"] == "FAILURE"
        assert len(place.ledger) == taken, "something was sent although the journal could not take it"
        connector.kill()
        await connector.gone()
        await place.open()
        status, told = await place.order("after", "9.00")
        assert told["money_moved"] in {"yes", "no"}
