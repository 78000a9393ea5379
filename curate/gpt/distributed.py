"""Several processes that train one model together under torchrun: DDP, or FSDP2 where weights are sharded.

Every process computes its part of the same global batch, and a window counts the same in whichever process it lies; so
the gradient is that of one process, up to the order of its sums, for every number of processes and every split.

A process that fails says so in torchrun's store; then all end, and the first of them prints the one line.
"""

import datetime
import json
import os
import shutil
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed import checkpoint as dcp
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from curate import processes
from curate.errors import SettingsError, UserError, one_line
from curate.gpt.devices import Group, Hardware, Member, make_bands, prepare, rebuilt
from curate.gpt.model import GPT
from curate.storage.writing import sha256_of

TIMEOUT = datetime.timedelta(minutes=10)  # for one collective operation; then a process takes the others for dead
POLL_S = 0.25  # between two looks for a failure
HEARD_S = 10.0  # that a failed process waits for the first one to print its message
GONE = f"another process has ended, or has not answered for {TIMEOUT.seconds // 60} minutes"
FAILED, HEARD = "curate/failed", "curate/heard"  # keys of the store

T = TypeVar("T")


class DistributedGroup(Group):
    """This process among several; every method but `rounds` and `part` is called by all of them at the same time."""

    def __init__(self, member: Member, hardware: Hardware, *, sharded: bool) -> None:
        self.rank, self.size, self.hardware, self.sharded = member.rank, member.size, hardware, sharded

    def wrap(self, model: GPT) -> nn.Module:
        """Puts a model on the device and among the processes; returns what computes losses and shares gradients."""
        model.to(self.hardware.device)
        if self.hardware.compile:
            make_bands(model.shape, self.hardware.device)
        if not self.sharded:
            if self.hardware.compile:
                model.compile()
            numbers = [self.hardware.device.index] if self.hardware.device.type == "cuda" else None
            return DistributedDataParallel(model, device_ids=numbers, gradient_as_bucket_view=True)
        warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view")  # nothing changes logits in place
        mesh = dist.init_device_mesh(self.hardware.device.type, (self.size,))
        for block in model.h:
            if self.hardware.compile:
                block.compile()
            fully_shard(block, mesh=mesh)
        fully_shard(model, mesh=mesh, reshard_after_forward=True)  # else parameters are whole after a validation
        return model

    def syncs(self, model: nn.Module, *, last: bool) -> AbstractContextManager[Any]:
        """Returns the context of a micro-batch: DDP adds up the gradients of all processes after the last one only.

        FSDP2 does so after each, so that no process holds the gradients of the whole model.
        """
        return nullcontext() if last or isinstance(model, FSDPModule) else model.no_sync()

    def total(self, *values: float) -> list[float]:
        """Returns the sums of numbers over all processes."""
        numbers = torch.tensor(values, dtype=torch.float64, device=self.hardware.device)
        dist.all_reduce(numbers)
        return [float(number) for number in numbers.tolist()]

    def agreed(self, value: T) -> T:
        """Returns the value that the first process has."""
        values: list[Any] = [value]
        dist.broadcast_object_list(values, src=0, device=self.hardware.device)
        agreed: T = values[0]
        return agreed

    def placed(self, whole: Tensor, like: Tensor) -> Tensor:
        """Returns a weight, or a mean of its gradients, as it lies in this process: like the model's own."""
        if not isinstance(like, DTensor):
            return super().placed(whole, like)
        return distribute_tensor(whole.to(self.hardware.device), like.device_mesh, like.placements)

    def write_shards(self, folder: Path, tensors: Mapping[str, Tensor]) -> dict[str, str] | None:
        """Writes sharded tensors into a folder that all processes see; returns the sha256 of each file, or None."""
        if not self.sharded:
            return None
        if self.rank == 0:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        dist.barrier()
        dcp.save({**tensors}, checkpoint_id=folder)
        names = [path.name for path in folder.iterdir() if path.name.startswith(f"__{self.rank}_")]
        names += [".metadata"] * (self.rank == 0)
        parts: list[Any] = [None] * self.size
        dist.all_gather_object(parts, {name: sha256_of(folder / name) for name in names})
        return {name: digest for part in parts for name, digest in part.items()}

    def whole(self, model: GPT) -> GPT | None:
        """Returns the model on the CPU, with all its weights and not compiled; None but in the first process."""
        if not self.sharded:
            return super().whole(model) if self.rank == 0 else None
        whole = StateDictOptions(full_state_dict=True, cpu_offload=True)  # in the memory of the first process
        weights = get_model_state_dict(model, options=whole)
        return rebuilt(model.shape, weights) if self.rank == 0 else None

    def record(self) -> dict[str, Any]:
        """Returns what train.json holds of the hardware."""
        return {**super().record(), "parallel": "fsdp" if self.sharded else "ddp"}


@contextmanager
def joined(member: Member, hardware: Hardware, *, sharded: bool) -> Iterator[DistributedGroup]:
    """Joins the processes of torchrun until the block ends; if one fails, all end with its message and its exit code.

    torchrun sends SIGTERM to a command and to the process that works for it. The latter leaves it to the former, which
    announces the interrupt.
    """
    if hardware.device.type == "mps":
        raise SettingsError("device 'mps' trains in one process; start it without torchrun, or give device=cpu")
    prepare(hardware)  # so that collectives find this process's GPU
    backend = "nccl" if hardware.device.type == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=TIMEOUT)
    store = _store()
    over, ending = threading.Event(), threading.Lock()
    threading.Thread(target=_watch, args=(store, member, over, ending), daemon=True).start()
    try:
        with processes.left_to_supervisor():
            group = DistributedGroup(member, hardware, sharded=sharded)
            precision, why = group.agreed((hardware.precision, hardware.why))
            group.hardware = replace(hardware, precision=precision, why=why)
            yield group
            dist.barrier()
    except Exception as error:
        ending.acquire()
        raise _failure(store, member, error) from error
    else:
        dist.destroy_process_group()  # waits for what is under way, so not where a process has failed
    finally:
        over.set()


def read_shards(folder: Path, tensors: Mapping[str, Tensor]) -> None:
    """Fills tensors, sharded or whole, by name with what `write_shards` wrote, in any number of processes."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.distributed is")  # not in use, where one process reads
        dcp.load({**tensors}, checkpoint_id=folder)


def _store() -> dist.Store:
    """Returns a connection of its own to torchrun's store, which waits for nothing that the collectives do."""
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    store = dist.TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False, timeout=TIMEOUT)
    return dist.PrefixStore(f"curate/{attempt}", store)


def _watch(store: dist.Store, member: Member, over: threading.Event, ending: threading.Lock) -> None:
    """Ends this process once another has failed; the first of them prints the message.

    ending: held by the thread that ends this process.
    """
    while not over.wait(POLL_S):
        try:
            if not store.check([FAILED]):
                continue
            rank, code, message = json.loads(store.get(FAILED))
        except RuntimeError:  # the process that holds the store has ended
            rank, code, message = 0, 1, "ended"
        if rank == member.rank or not ending.acquire(blocking=False):
            return
        if member.rank == 0:
            line = f"process {rank}: {message}"
            if not processes.last_words(line):
                os.write(2, f"curate: {line}\n".encode())
            _tell(store)
        else:
            time.sleep(HEARD_S)  # for torchrun, which ends this process once the first one has
        os._exit(code)


def _failure(store: dist.Store, member: Member, error: BaseException) -> BaseException:
    """States a failure in the store and returns the exception with which this process ends.

    The first process ends with a message: its own, or that of the process that failed before it. Another one waits for
    torchrun, which ends it once the first one has ended, and ends without words, unless nobody heard of it.
    """
    code = 2 if isinstance(error, ValueError) else 1
    mine = GONE if _of_the_group(error) else one_line(error)
    try:
        rank, code, message = json.loads(store.compare_set(FAILED, "", json.dumps([member.rank, code, mine])))
    except RuntimeError:  # the process that holds the store has ended
        return error
    if member.rank == 0:
        _tell(store)
        if message == mine != GONE:
            return error
        where = "" if message == GONE else f"process {rank}: "
        return (UserError if code == 2 else RuntimeError)(where + message)
    heard = time.monotonic() + HEARD_S
    with suppress(RuntimeError):
        while time.monotonic() < heard:
            if store.check([HEARD]):
                time.sleep(HEARD_S)
                return SystemExit(code)
            time.sleep(POLL_S)
    return error


def _of_the_group(error: BaseException) -> bool:
    """Returns whether a collective operation failed, as it does in the other processes where one has ended."""
    words = ("gloo", "Connection closed", "NCCL", "Timed out")
    return isinstance(error, dist.DistError) or (
        type(error) is RuntimeError and any(word in str(error) for word in words)
    )


def _tell(store: dist.Store) -> None:
    """States that the first process has the message."""
    with suppress(RuntimeError):
        store.set(HEARD, "1")
