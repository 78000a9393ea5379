"""Starts a Beam SDK worker without Docker, by the container contract: the command `curate-worker-boot`.

A runner calls it on each node as the command of a PROCESS environment, or a worker pool as its container executable,
with `--id --provision_endpoint` and the addresses of control and logging. The worker runs in the Python that this
command is installed in, so curate must be installed there; nothing is downloaded. Where the environment names a nursery
on this machine, the worker is a fork of that, which saves the import of Beam; this command then only waits for it.
"""

import os
import sys
from contextlib import suppress

from curate.pipelines.engines import contract, nursery


def main() -> None:
    """Runs the worker of a nursery, or asks the runner for the job's options and runs the worker in this process."""
    arguments = sys.argv[1:]
    if address := os.environ.pop(nursery.ADDRESS, ""):
        with suppress(OSError):  # where it has ended, this process works in its place
            sys.exit(not nursery.run_boot(address, arguments))
    from curate.pipelines.engines import worker

    os.environ.update(contract.worker_environment(contract.parsed(arguments)))
    worker.main()


if __name__ == "__main__":
    main()
