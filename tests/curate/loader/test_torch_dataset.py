"""The torch data set: the loader's stream, for any number of workers and ranks."""

import numpy as np
import pytest
from small_sets import write

torch = pytest.importorskip("torch", reason="needs torch: pip install '.[train]'")

from torch.utils.data import DataLoader  # noqa: E402

from curate.loader import Loader  # noqa: E402
from curate.loader.torch_dataset import Batches  # noqa: E402


@pytest.fixture
def loader(tmp_path):
    sources = {"a": (0.7, {"train": [range(1000)]}), "b": (0.3, {"train": [range(10000, 10500)]})}
    return Loader(write(tmp_path, sources), context=16, batch=6, seed=7)


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # more workers than this machine has cores
@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("world", [1, 4])
def test_the_stream_is_the_same_for_any_number_of_workers_and_ranks(loader, workers, world):
    read = [
        list(DataLoader(Batches(loader, seen=5, steps=4, rank=rank, world=world), batch_size=None, num_workers=workers))
        for rank in range(world)
    ]
    batches = [torch.cat(parts).numpy() for parts in zip(*read, strict=True)]
    assert (np.concatenate(batches) == loader.samples(5, 24)).all()


def test_without_a_number_of_steps_it_does_not_end(loader):
    batches = iter(DataLoader(Batches(loader), batch_size=None))
    assert len([next(batches) for _ in range(500)]) == 500
