"""The cost of a part that does not depend on its size comes from the short parts of a sample."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate import recipe as recipes
from curate.pipelines.estimation.listing import Listing
from curate.pipelines.estimation.places import Place, Sample
from curate.pipelines.estimation.projection import Projection, _Flow
from curate.pipelines.estimation.trial import PartCost, StageTrial, Trial
from curate.stage.plan import Item
from curate.stage.receipts import Counts
from curate.stage.record import StageRecord

IDLE_S, START_S, LARGE_FILE = 0.002, 0.6, 1_000_000
SECONDS = st.floats(IDLE_S, 0.02)
RATES = st.floats(1e-7, 1e-5)  # seconds a byte


def item(number: int, form: str = "owned") -> Item:
    return Item(number=number, name=f"{number}", uri="", form=form, digest="", size=LARGE_FILE, source="web")


def sample_of(sizes: list[int]) -> Sample:
    """A sample of places of these bytes, of which every fourth is a short one."""
    places = tuple(
        Place(item=item(number if not number else number + 3), bytes=size, short=number % 4 == 2)
        for number, size in enumerate(sizes)
    )
    return Sample(places=places, idle=tuple(item(number) for number in (1, 2, 3)))


def trial_of(sample: Sample, fixed: float, rate: float, *, start_s: float = 0.0) -> StageTrial:
    """A stage whose parts cost a fixed time and one for each byte; a part of nothing costs less."""
    parts = {place.item.number: PartCost(seconds=fixed + rate * place.bytes, read=1, kept=1) for place in sample.places}
    parts |= {number.number: PartCost(seconds=IDLE_S) for number in sample.idle}
    record = StageRecord(
        stage="filter", key="", settings={}, items=(), outputs={}, counts=Counts(), seconds=0.0, versions={}
    )
    seconds = sum(part.seconds for part in parts.values()) + start_s
    return StageTrial(
        stage="filter", parts=parts, seconds=seconds, record=record, beside_bytes=0, records=0.0, start_s=start_s
    )


def projection_of(sample: Sample, tried: StageTrial, workers: int = 1, form: str = "owned") -> Projection:
    inputs = Listing(
        items=(item(0, form),),
        sizes={"web": LARGE_FILE},
        files=1,
        parts=7,
        exact=True,
        piece_sizes=(LARGE_FILE,),
    )
    recipe = recipes.load("documents", files=("x.jsonl",))
    return Projection(recipe, inputs, sample, Trial(stages=(tried,), closing_s=0.0, memory=0), workers, None)


@given(fixed=SECONDS, rate=RATES, large=st.integers(5_000, 50_000))
def test_the_time_of_all_parts_is_that_of_their_bytes_and_of_so_many_parts(fixed, rate, large):
    sample = sample_of([large // 5 if number % 4 == 2 else large for number in range(16)])
    (stage,) = projection_of(sample, trial_of(sample, fixed, rate)).estimate().stages
    assert stage.parts_s.value == pytest.approx(7 * fixed + rate * LARGE_FILE)


def test_a_part_costs_at_least_what_one_of_nothing_does_and_one_of_pages_that():
    sample = sample_of([1000 if number % 4 == 2 else 5000 for number in range(16)])
    tried = trial_of(sample, 0.01, 1e-6)
    nothing = np.zeros_like(projection_of(sample, tried).weights.input)
    flow = _Flow(size=nothing, text=0.0, documents=nothing, tokens=nothing)
    assert projection_of(sample, tried)._fixed(tried, flow) == pytest.approx(0.01)
    assert projection_of(sample, tried, form="warc")._fixed(tried, flow) == IDLE_S
    cheaper = trial_of(sample, 0.0, 1e-6)
    assert projection_of(sample, cheaper)._fixed(cheaper, flow) == IDLE_S


def test_an_extractor_starts_in_every_worker_and_counts_in_no_part():
    sample = sample_of([1000 if number % 4 == 2 else 5000 for number in range(16)])
    costs = {}
    for start_s in (0.0, START_S):
        tried = trial_of(sample, 0.01, 1e-4, start_s=start_s)  # so much work that it is shared
        for workers in (1, 3):
            (costs[start_s, workers],) = projection_of(sample, tried, workers).estimate().stages
    for workers in (1, 3):
        before, after = costs[0.0, workers], costs[START_S, workers]
        assert after.cpu_s.value - before.cpu_s.value == pytest.approx(START_S * before.processes)
        assert after.parts_s.value == pytest.approx(before.parts_s.value)
