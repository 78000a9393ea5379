"""Faults for worker processes that have this folder on PYTHONPATH: part 0 of every stage fails twice, or is slow once.

CURATE_INJECT=fail|slow, CURATE_INJECT_NOTES=a folder with one file per part 0, one byte per attempt at it.
CURATE_INJECT_STAGE=the only stage that has the fault; all have it if that is left out.
"""

import os
import time
from pathlib import Path

FAILURES = 2
SLOW_S = 15


def injected(write_receipt):
    """The same function with the fault before it."""

    def faulty(notice, folder, receipt):
        if receipt.number == 0 and os.environ.get("CURATE_INJECT_STAGE", folder.name) == folder.name:
            note = Path(os.environ["CURATE_INJECT_NOTES"]) / folder.name
            with note.open("ab") as file:
                file.write(b".")
                attempts = file.tell()
            if os.environ["CURATE_INJECT"] == "fail" and attempts <= FAILURES:
                raise OSError(f"injected failure {attempts} of {folder.name}")
            if os.environ["CURATE_INJECT"] == "slow" and attempts == 1:
                time.sleep(SLOW_S)
        write_receipt(notice, folder, receipt)

    return faulty


if os.environ.get("CURATE_INJECT"):
    from curate.stage import parts

    parts.write_receipt = injected(parts.write_receipt)
