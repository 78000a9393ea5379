"""The share of their time in which the slots of a runner work: tasks that sleep, some longer than others.

    python tests/bench/slots.py [--runner spark] [--workers 2] [--tasks 96] [--seconds 0.33] [--unbalanced]

Sleeping takes no core, so a busy machine changes little. `--unbalanced` leaves out `--load_balance_bundles`.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path


def sleep(number: int, seconds: float, folder: str) -> int:
    """Sleeps for half, once or one and a half times the seconds, and notes from when to when, and in which process."""
    from curate.pipelines.stages.map_only import ONE_AT_A_TIME

    with ONE_AT_A_TIME:  # as every part is made
        started = time.time()
        time.sleep(seconds * (0.5 + number % 3 / 2))
    Path(folder, f"{number}.json").write_text(json.dumps([started, time.time(), os.getpid()]))
    return number


def main() -> None:
    """Run the tasks, and print the share."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runner", default="spark")
    parser.add_argument("--master")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--tasks", type=int, default=96)
    parser.add_argument("--seconds", type=float, default=0.33)
    parser.add_argument("--unbalanced", action="store_true")
    chosen = parser.parse_args()
    from curate.pipelines.engines import runners
    from curate.pipelines.engines.target import EngineOptions, pipeline_options

    if chosen.unbalanced:
        runners.pipeline_options = lambda *words: [
            word for word in pipeline_options(*words) if word != "--load_balance_bundles"
        ]
    own = ("--direct_running_mode=multi_processing",) if chosen.runner == "local" else ()
    options = EngineOptions(
        runner=chosen.runner,
        workers=chosen.workers,
        master=chosen.master,
        conf=(f"spark.default.parallelism={chosen.tasks}",) if chosen.runner == "spark" else (),
        beam=own,
    )
    with tempfile.TemporaryDirectory() as folder:

        def build(pipeline) -> None:
            import apache_beam as beam

            numbers = pipeline | beam.Create(range(chosen.tasks)) | beam.Reshuffle()
            numbers | beam.Map(sleep, chosen.seconds, folder)

        with runners.Session(options) as session:
            session.run(build, 1e6)
        slept = [json.loads(path.read_bytes()) for path in Path(folder).glob("*.json")]
    if len(slept) != chosen.tasks:
        sys.exit(f"{len(slept)} of {chosen.tasks} tasks ran")
    wall = max(end for _, end, _ in slept) - min(start for start, _, _ in slept)
    busy = sum(end - start for start, end, _ in slept)
    processes = len({pid for _, _, pid in slept})
    name = f"{chosen.runner}, unbalanced" if chosen.unbalanced else chosen.runner
    print(f"{name}: {chosen.tasks} tasks of {chosen.seconds} s in {wall:.1f} s")
    print(f"{chosen.workers} slots ({processes} processes) work {busy / wall / chosen.workers:.0%} of the time")


if __name__ == "__main__":
    main()
