"""Training runs in processes of their own, which a test kills; from a server that has one thread, so forks are safe."""

import json
import multiprocessing
import os
import signal
from multiprocessing.process import BaseProcess
from pathlib import Path

from counting import spell

from curate.gpt.config import Train

SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(["curate.gpt.train", "torch._dynamo", "counting"])  # torch's optimizers import the second


def started(manifest: Path, out: Path, settings: Train, cut_at: float | None = None) -> BaseProcess:
    """Starts a run; cut_at: it kills itself in a write behind step 9, at this share of the file's bytes."""
    process = SERVER.Process(target=run, args=(manifest, out, settings, cut_at))
    process.start()
    return process


def run(manifest: Path, out: Path, settings: Train, cut_at: float | None) -> None:
    """Trains in this process."""
    from curate.gpt import checkpoint
    from curate.gpt.train import train

    save_file = checkpoint.save_file

    def save_and_die(tensors, path, metadata):
        save_file(tensors, path, metadata)
        if "state" in metadata and int(json.loads(metadata["state"])["step"]) > 9:
            os.truncate(path, int(cut_at * path.stat().st_size))
            os.kill(os.getpid(), signal.SIGKILL)

    if cut_at is not None:
        checkpoint.save_file = save_and_die
    train(manifest, out, settings, decode=spell)
