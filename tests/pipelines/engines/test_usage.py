"""The CPU time of workers is that of all processes below them, and their idle share lies between 0 and 1."""

import os
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.pipelines.engines.usage import Usage, cpu_seconds, total

linux = pytest.mark.skipif(sys.platform != "linux", reason="the system has no /proc")
BURNT_S = 0.2
BURN = f"import time\nwhile time.process_time() < {BURNT_S}: pass\n"
NESTED = (
    f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN!r}]); print(flush=True); sys.stdin.read()"
)
SECONDS = st.floats(0, 1e6)
USAGES = st.builds(Usage, wall=SECONDS, busy=SECONDS, workers=st.integers(1, 64))


@given(USAGES)
def test_the_idle_share_lies_between_none_and_all(usage):
    assert 0 <= usage.idle <= 1
    assert (
        usage.idle == pytest.approx(1 - min(1, usage.busy / (usage.wall * usage.workers or 1)), abs=1e-9)
        or not usage.wall
    )


@given(st.lists(USAGES))
def test_the_usage_of_a_run_is_the_sum_of_its_stages(usages):
    whole = total(usages, 10.0)
    assert whole.busy == pytest.approx(sum(usage.busy for usage in usages))
    assert whole.workers == max((usage.workers for usage in usages), default=0)


@linux
def test_the_time_of_children_of_children_counts_once_they_have_ended_too():
    before = cpu_seconds(os.getpid(), with_root=False)
    with subprocess.Popen([sys.executable, "-c", NESTED], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        assert cpu_seconds(os.getpid(), with_root=False) - before >= 0.9 * BURNT_S
        assert cpu_seconds(child.pid, with_root=True) >= 0.9 * BURNT_S


@linux
def test_the_root_counts_only_if_it_is_to():
    own = time.process_time()
    without, whole = (cpu_seconds(os.getpid(), with_root=counts) for counts in (False, True))
    assert whole - without >= own - 0.1  # and the time of children that it has waited for


def test_a_process_that_is_not_there_has_no_time():
    assert cpu_seconds(-1, with_root=True) is None
