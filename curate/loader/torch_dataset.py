"""The loader as a torch data set; workers take whole batches in turn, so their number does not change the samples."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from curate.loader.loader import Loader


class Batches(IterableDataset[Tensor]):  # type: ignore[misc]
    """A rank's part (B / world, T + 1) of every batch after `seen` samples; `steps` batches, or without end.

    Give it to `DataLoader(batches, batch_size=None, num_workers=N)`, which takes from its workers in turn.
    """

    def __init__(
        self, loader: Loader, *, seen: int = 0, steps: int | None = None, rank: int = 0, world: int = 1
    ) -> None:
        self.loader, self.seen, self.steps, self.rank, self.world = loader, seen, steps, rank, world

    def __iter__(self) -> Iterator[Tensor]:
        worker = get_worker_info()
        step, stride = (worker.id, worker.num_workers) if worker else (0, 1)
        while self.steps is None or step < self.steps:
            first = self.seen + step * self.loader.batch
            yield torch.from_numpy(self.loader.part(first, self.loader.batch, self.rank, self.world))
            step += stride
