"""Turns on an address, among tasks and among processes: starts apart, few at once, and a dead process holds none."""

import asyncio
import subprocess
import sys
import time

import pytest

from curate.crawl.politeness import TIME, AddressGuard

SCRIPT = """
import asyncio, sys, time
from pathlib import Path
from curate.crawl.politeness import AddressGuard

async def main():
    guard = AddressGuard(Path(sys.argv[1]), delay=0.05, requests=2)
    async def one():
        asked = time.monotonic()
        async with guard.turn("10.0.0.1"):
            began = time.monotonic()
            await asyncio.sleep(0.12)
            print(asked, began, time.monotonic(), flush=True)
    await asyncio.gather(*(one() for _ in range(int(sys.argv[2]))))

asyncio.run(main())
"""


def spans(*outputs: str) -> list[tuple[float, float, float]]:
    return sorted(tuple(map(float, line.split())) for text in outputs for line in text.splitlines())


def test_processes_share_the_turns_of_an_address(tmp_path):
    words = [sys.executable, "-c", SCRIPT, tmp_path / "addresses", "6"]
    running = [subprocess.Popen(words, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    turns = spans(*(process.communicate()[0] for process in running))
    assert len(turns) == 18
    # A start is reserved, from when it is asked for on, and what leads to it may end late but not early.
    assert max(start for _, start, _ in turns) - min(asked for asked, _, _ in turns) >= 17 * 0.05
    for _, start, _ in turns:
        assert sum(other <= start < end for _, other, end in turns) <= 2


def test_a_process_that_is_killed_gives_its_turns_back(tmp_path):
    hold = SCRIPT.replace("await asyncio.sleep(0.12)", 'print("in", flush=True); await asyncio.sleep(3600)')
    process = subprocess.Popen(
        [sys.executable, "-c", hold, tmp_path / "addresses", "2"], stdout=subprocess.PIPE, text=True
    )
    assert [process.stdout.readline() for _ in range(2)] == ["in\n", "in\n"]

    async def turn(patience):
        guard = AddressGuard(tmp_path / "addresses", delay=0.0, requests=2)
        try:
            async with asyncio.timeout(patience), guard.turn("10.0.0.1"):
                return True
        except TimeoutError:
            return False
        finally:
            guard.close()

    assert not asyncio.run(turn(0.3))
    process.kill()
    process.communicate()
    assert asyncio.run(turn(30))


@pytest.mark.parametrize("ahead", [1e9, 5000.0])
def test_a_time_of_another_boot_holds_nobody_up(tmp_path, ahead):
    async def go():
        guard = AddressGuard(tmp_path / "addresses", delay=0.01, requests=1)
        for at in range(0, len(guard._times), 8):
            guard._times[at : at + 8] = __import__("struct").pack("d", time.monotonic() + ahead)
        async with asyncio.timeout(30), guard.turn("a"):
            pass
        guard.close()

    asyncio.run(go())


def test_a_start_that_is_late_makes_the_next_one_late_too(tmp_path):
    """A loop that stands still lets two starts be due at once, and still they are apart."""

    async def go():
        guard, starts = AddressGuard(tmp_path / "addresses", delay=0.2, requests=3), []

        async def one():
            async with guard.turn("a"):
                starts.append(max(TIME.iter_unpack(guard._times))[0])  # as the guard entered it

        tasks = [asyncio.create_task(one()) for _ in range(3)]
        await asyncio.sleep(0.1)
        time.sleep(0.6)  # past the reserved times of the second and the third
        await asyncio.gather(*tasks)
        guard.close()
        return starts

    one, two, three = asyncio.run(go())
    assert two - one >= 0.2
    assert three - two >= 0.2
