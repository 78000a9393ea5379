"""A worker process: Beam's own, with logging set up before Beam can set it up differently."""

import logging
import os
import sys


def main() -> None:
    """Run Beam's SDK worker with the arguments and the environment that the runner gave."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.CRITICAL)  # what fails comes back as the exception; the rest is Beam talking to itself
    logging.getLogger().addHandler(handler)
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - a crash of the interpreter writes to the descriptor all the same
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main(sys.argv)


if __name__ == "__main__":
    main()
