"""The command line; imports every other folder inside its commands.

Reading order: entry, app, options, extras, run, stages, look, dataset, quality, runners, tables.
"""

from curate.cli.entry import main as main
