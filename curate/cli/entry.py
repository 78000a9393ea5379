"""The entry point of `curate`: its commands, its exit codes, and every error as one line."""

import os
import select
import sys
import time
import traceback

import typer

from curate import processes
from curate.cli import ablate, dataset, evaluate, look, model, quality, run, scale, stages, supervisor
from curate.cli.app import LOOK, MACHINE, MODEL, app, errors
from curate.console import plain, say
from curate.errors import StrictError, UserError, one_line, system_error

HEARD_S = 10.0  # for the first of torchrun's processes, which fails alike, to say why; torchrun then ends the others
MEND = "the same command resumes once that is mended"

# The order of the panels of `curate --help`, and of the commands in a panel.
for _module in (run, stages, look, dataset, model, evaluate, scale, ablate):
    app.add_typer(_module.commands)
app.add_typer(look.filters, name="filters", rich_help_panel=LOOK)
app.add_typer(quality.commands, name="quality", rich_help_panel=MODEL)
app.add_typer(run.runners, name="runners", rich_help_panel=MACHINE)
app.add_typer(run.dataflow, name="dataflow", rich_help_panel=MACHINE)


def main() -> None:
    """Runs the command that the arguments name, and exits with its code; an error is one line on standard error."""
    arguments, beam_options = _split(sys.argv[1:])
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        code = app(args=arguments, prog_name="curate", standalone_mode=False, obj=beam_options)
        sys.stdout.flush()
        sys.exit(code)
    except (KeyboardInterrupt, typer.Abort):
        os._exit(supervisor.INTERRUPTED_CODE)  # the supervisor has the words for it
    except UserError as error:
        _fail(str(error), 2, debug=debug)
    except StrictError as error:
        _fail(str(error), 1, debug=debug)
    except OSError as error:
        if isinstance(error, BrokenPipeError) and _unread():
            os._exit(1)  # as typer and Rich do, where they notice it
        _fail(f"{one_line(error)}; {MEND}", 1, debug=debug)
    except Exception as error:
        usage = getattr(error, "format_message", None)  # a usage error, whose class typer keeps to itself
        if usage is None:
            _fail(f"{one_line(error)}; {MEND if system_error(error) else '--debug shows the trace'}", 1, debug=debug)
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


def _unread() -> bool:
    """Returns whether the reader of standard output or standard error has gone, as `head` has after ten lines."""
    streams = select.poll()
    streams.register(1, 0)
    streams.register(2, 0)
    return any(event & select.POLLERR for _, event in streams.poll(0))


def _fail(message: str, code: int, *, debug: bool) -> None:
    """Ends the command with a message, and with the trace if that is wanted."""
    if os.environ.get("RANK", "0") != "0":
        time.sleep(HEARD_S)
    if debug:
        traceback.print_exc()
    if not processes.last_words(plain(message)):
        say(errors, f"curate: {message}")
    sys.exit(code)
