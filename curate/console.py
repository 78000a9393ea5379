"""Prints any text safely as one line on a terminal."""

from rich.console import Console
from rich.text import Text


def plain(text: object) -> str:
    """Returns the text with its control characters, which could move the cursor or more, as escapes.

    >>> plain("a\\x1b[2J")
    'a\\\\x1b[2J'
    """
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in str(text))


def plain_text(text: str) -> str:
    """Returns the text as `plain` does, with its line ends and tabs."""
    return "".join(char if char in "\n\t" else plain(char) for char in text)


def say(console: Console, text: object) -> None:
    """Prints one line as it is, unwrapped and without markup."""
    console.print(Text(plain(text)), soft_wrap=True)
