"""`python -m curate.cli`."""

from curate.cli.entry import main

main()
