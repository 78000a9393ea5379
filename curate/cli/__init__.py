"""The command line; imports every other folder inside its commands.

Reading order: supervisor, entry, app, options, extras, run, stages, look, dataset, quality, runners, tables.
"""

import gc

# New objects before a collection, and collections before an older generation is looked at. With Python's 700, 10 and 10
# collections take a tenth of a command's start, as modules and graphs are made and stay.
COLLECTED = (50_000, 20, 50)


def main() -> None:
    """Runs the command that the arguments name in a process of its own, and exits with its code."""
    gc.set_threshold(*COLLECTED)
    from curate.cli import supervisor

    supervisor.divide()  # before the others are imported, so that an interrupt is answered from the first moment
    from curate.cli import entry

    entry.main()
