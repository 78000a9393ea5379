"""The command line; imports every other folder inside its commands.

Reading order: supervisor, entry, app, options, extras, run, stages, look, dataset, quality, runners, tables.
"""


def main() -> None:
    """Runs the command that the arguments name in a process of its own, and exits with its code."""
    from curate.cli import supervisor

    supervisor.divide()  # before the others are imported, so that an interrupt is answered from the first moment
    from curate.cli import entry

    entry.main()
