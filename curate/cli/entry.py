"""The entry point of `curate`: its commands, its exit codes, and every error as one line."""

import os
import signal
import sys
import threading
import traceback

import typer

from curate.cli import dataset, look, model, quality, run, runners, stages
from curate.cli.app import MACHINE, MODEL, app, errors
from curate.console import say
from curate.errors import StrictError, UserError, one_line

INTERRUPTED = "interrupted; the same command resumes where it stopped"
INTERRUPTED_CODE = 130
INTERRUPT_PATIENCE_S = 10.0  # for a runner that waits for a worker that has gone

# The order of the panels of `curate --help`, and of the commands in a panel.
for _module in (run, stages, look, dataset, model):
    app.add_typer(_module.commands)
app.add_typer(quality.commands, name="quality", rich_help_panel=MODEL)
app.add_typer(runners.runners, name="runners", rich_help_panel=MACHINE)
app.add_typer(runners.dataflow, name="dataflow", rich_help_panel=MACHINE)


def main() -> None:
    """Runs the command that the arguments name, and exits with its code; an error is one line on standard error."""
    arguments, beam_options = _split(sys.argv[1:])
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # a scheduler's way to interrupt
    try:
        code = app(args=arguments, prog_name="curate", standalone_mode=False, obj=beam_options)
        if code == INTERRUPTED_CODE:  # typer's own answer to an interrupt
            raise KeyboardInterrupt
        sys.exit(code)
    except (KeyboardInterrupt, typer.Abort):
        _fail(INTERRUPTED, INTERRUPTED_CODE, debug=debug)
    except UserError as error:
        _fail(str(error), 2, debug=debug)
    except StrictError as error:
        _fail(str(error), 1, debug=debug)
    except OSError as error:
        file = f"{error.filename}: " if error.filename else ""
        _fail(f"{file}{error.strerror or error}; the same command resumes once that is mended", 1, debug=debug)
    except Exception as error:
        usage = getattr(error, "format_message", None)  # a usage error, whose class typer keeps to itself
        if usage is None:
            _fail(f"{one_line(error)}; --debug shows the trace", 1, debug=debug)
        elif message := usage():
            _fail(f"{message} (curate --help)", 2, debug=debug)
        else:  # no command at all, which has printed the help
            sys.exit(2)


def _split(arguments: list[str]) -> tuple[list[str], tuple[str, ...]]:
    """Returns the arguments before a lone `--`, which are ours, and those behind it, which are Beam's."""
    if "--" not in arguments:
        return arguments, ()
    lone = arguments.index("--")
    return arguments[:lone], tuple(arguments[lone + 1 :])


def _interrupt(*_: object) -> None:
    """Raises KeyboardInterrupt, and ends the process if a runner still waits later: parts are whole or absent."""
    end = threading.Timer(INTERRUPT_PATIENCE_S, _fail, (INTERRUPTED, INTERRUPTED_CODE), {"debug": False})
    end.daemon = True
    end.start()
    raise KeyboardInterrupt


def _fail(message: str, code: int, *, debug: bool) -> None:
    """Prints a message, with the trace if that is wanted, and exits; after an interrupt at once."""
    if debug:
        traceback.print_exc()
    say(errors, f"curate: {message}")
    sys.stderr.flush()
    sys.stdout.flush()
    if code == INTERRUPTED_CODE:
        os._exit(code)
    sys.exit(code)
