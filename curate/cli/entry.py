"""The entry point of `curate`: exit codes, and every error as one line that names the value and the mend."""

import os
import re
import signal
import sys
import threading
import traceback

import typer

from curate.cli import crawl, links, look, quality, run, runners  # noqa: F401 - the commands register themselves
from curate.cli.app import app, beam_options, errors
from curate.console import say
from curate.errors import SettingsError

INTERRUPTED = "interrupted; the same command resumes where it stopped"
INTERRUPT_PATIENCE_S = 10.0


def main() -> None:
    """The entry point: exit codes, and errors as one line."""
    arguments = sys.argv[1:]
    if "--" in arguments:
        lone = arguments.index("--")
        beam_options[:] = arguments[lone + 1 :]
        arguments = arguments[:lone]
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # a scheduler's way to interrupt
    try:
        code = app(args=arguments, prog_name="curate", standalone_mode=False)
        if code == 130:  # typer's own answer to an interrupt
            raise KeyboardInterrupt
        sys.exit(code)
    except (KeyboardInterrupt, typer.Abort):
        _fail(INTERRUPTED, 130, debug)
    except SettingsError as error:
        _fail(str(error), 2, debug)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        _fail(f"{place}{error.strerror or error}; the same command resumes once that is mended", 1, debug)
    except Exception as error:
        usage = getattr(error, "format_message", None)  # a usage error, whose class typer keeps to itself
        if usage and usage():
            _fail(f"{usage()} (curate --help)", 2, debug)
        if usage:  # no command at all, which has printed the help
            sys.exit(2)
        _fail(one_line(error), 1, debug)


def _interrupt(*_: object) -> None:
    """Interrupt; should a runner then wait for a worker that has gone, end all the same: parts are whole or absent."""
    over = threading.Timer(INTERRUPT_PATIENCE_S, _fail, (INTERRUPTED, 130, False))
    over.daemon = True
    over.start()
    raise KeyboardInterrupt


def _fail(message: str, code: int, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    say(errors, f"curate: {message}")
    sys.stderr.flush()
    sys.stdout.flush()
    os._exit(code) if code == 130 else sys.exit(code)


def one_line(error: BaseException) -> str:
    """The last line of an error that names an exception, which is the cause where Beam wraps a worker's trace."""
    text = str(error).strip() or type(error).__name__
    cause = r"^(?:\w+\.)*(\w*(?:Error|Exception|Interrupt)): (.*?)(?: \[while running.*)?$"
    causes = re.findall(cause, text, re.MULTILINE)
    if "\n" in text and causes:
        name, message = causes[-1]
        return f"{message} ({name}); --debug shows the trace"
    return f"{text.splitlines()[0]} ({type(error).__name__}); --debug shows the trace"


if __name__ == "__main__":
    main()
