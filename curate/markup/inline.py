"""Writes the text of a line: white space as CSS collapses it, raised and lowered text, no unseen characters."""

import re
import unicodedata
from typing import NamedTuple

LINE_BREAK = "\0"  # a <br> among the pieces of a block; no parser leaves this character in a text
# Characters that nobody sees and that part no words: soft hyphens, byte order marks, word joiners, controls.
UNSEEN = re.compile("[\u00ad\u2060\ufeff\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
# A zero-width space parts words only in scripts that are written without blanks.
ZERO_WIDTH_SPACE = re.compile(
    "(?<![\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u19e0-\u19ff\u1a20-\u1aaf])\u200b"
    "|\u200b(?![\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u19e0-\u19ff\u1a20-\u1aaf])"
)
NOTE = re.compile(r"[\[(]?(\d{1,3}|[*†‡§]+|[a-z])[\])]?")  # the sign of a note
NOTES = re.compile(r"[\[(]?(\d{1,3}(?:\s*[,–-]\s*\d{1,3})+)[\])]?")  # signs of several notes
SIGN_BEFORE = re.compile(r"\[[\w*†‡§,–-]{1,12}\],?$")  # of a note, as this file writes it
LENGTH = re.compile(  # a unit whose power is an area or a volume, or that of a time; an acre has none
    r"(?i)(?<![a-z])(?:(?:kilo|deci|centi|milli)?met(?:re|er)s?|inch(?:es)?|foot|feet|yards?|miles?|sec(?:ond)?s?)$"
)
LABEL = re.compile(r"\(.*[^\W\d_]{3}.*\)")  # words in brackets
NOTE_TEXT = re.compile(r"\s+[^\W\d_]|[A-Z][a-z]{2,}\s")  # what follows a note's sign at the beginning of the note
ORDINAL = re.compile(r"[^\W\d_]{1,3}\.?|[™®©ªº°]")  # 1st, 2e, Mme, and marks that stand high anyway
EXPONENT = re.compile(r"[-+−–]?\w+")
LONG_WORD = re.compile(
    r"[^\W\d_]{4,}[.,;:!?…\"'”’»)\]]*$|[.,;:!?…\"'”’»]$"
)  # what a note follows, no unit and no variable
VARIABLE = re.compile(
    r"(?:^|[^\w])[^\W\d_]$|[)\]}]$"
)  # a single letter or a closed bracket: a letter above it is a power


class Mark(NamedTuple):
    """A part of a block's text that the page emphasises, sets as code or links.

    start, end: how many characters of the text, without white space, stand before its beginning and its end.
    """

    start: int
    end: int
    kind: str
    address: str = ""  # of a link


def letters(text: str) -> int:
    """Returns how many characters of a text are neither white space nor line breaks."""
    return sum(map(len, text.split())) - text.count(LINE_BREAK)


def collapsed(text: str) -> str:
    """Returns the text of a block: runs of white space as one blank, line breaks as line ends.

    >>> collapsed(" a\\n  b\\0 c ")
    'a b\\nc'
    """
    if "\x85" in text:  # the ellipsis of windows-1252, which Python takes for white space
        text = text.replace("\x85", "…")
    if LINE_BREAK not in text:
        return " ".join(text.split())
    return "\n".join(" ".join(line.split()) for line in text.split(LINE_BREAK)).strip("\n")


def cleaned(text: str) -> str:
    """Returns a text in normal form C without characters that nobody sees; joiners stay, they shape letters.

    A control character that stands where windows-1252 has a quotation mark or the like is that mark.

    >>> cleaned("Unter\\xadnehmen don\\x92t")
    'Unternehmen don’t'
    """
    if text.isascii() and text.isprintable():
        return text
    return unicodedata.normalize("NFC", ZERO_WIDTH_SPACE.sub("", UNSEEN.sub(_meant, text)))


def _meant(match: re.Match[str]) -> str:
    """Returns the mark that a control character from 80 to 9F was in windows-1252, '' for any other character."""
    character = match[0]
    return character.encode("latin-1").decode("cp1252", "ignore") if "\x80" <= character <= "\x9f" else ""


def raised(text: str, before: str, *, is_link: bool, after: str = "") -> str:
    """Returns raised text in its line: a power as `10^6`, a note as `[1]`, an ordinal or a comma as it is.

    A number behind a word, a punctuation mark or another note is a note; 2 or 3 behind a unit of length is a power.
    before: the end of the text in front of it; after: what follows it.

    >>> raised("6", "10", is_link=False), raised("1", "bells", is_link=False), raised("th", "19", is_link=False)
    ('^6', '[1]', 'th')
    >>> raised("2", "metres", is_link=False), raised("2", "acres", is_link=False), raised("3-5", "Jones", is_link=False)
    ('^2', '[2]', '[3-5]')
    >>> raised("1", "", is_link=False, after="See page 3."), raised("14", "", is_link=False, after="C decays.")
    ('[1] ', '14')
    """
    bare = " ".join(text.split())
    if not before.strip() and (is_link or NOTE_TEXT.match(after)) and (note := NOTE.fullmatch(bare)):
        return f"[{note[1]}] "
    if not bare or before[-1:].isspace() or not before:
        note = NOTE.fullmatch(bare) if is_link else None
        return f"[{note[1]}]" if note else text
    if not any(map(str.isalnum, bare)) and bare in ",;":
        return bare
    if bare in ("2", "3") and not is_link and LENGTH.search(before):
        return f"^{bare}"
    note = NOTE.fullmatch(bare)
    is_behind_word = LONG_WORD.search(before) is not None or SIGN_BEFORE.search(before) is not None
    if (notes := NOTES.fullmatch(bare)) and (is_link or is_behind_word):
        return f"[{notes[1]}]"
    if note and (is_link or bare[0] in "[(" or (not bare.isalpha() and is_behind_word)):
        return f"[{note[1]}]"
    if ORDINAL.fullmatch(bare) and not VARIABLE.search(before):
        return text
    if EXPONENT.fullmatch(bare):
        return f"^{bare}"
    if len(bare) > 20 or is_link or "[" in bare:
        return text
    if LABEL.fullmatch(bare):
        return f" {bare}"
    return f"^{bare}" if bare[0] == "(" and bare[-1] == ")" else f"^({bare})"


def lowered(text: str, before: str) -> str:
    """Returns lowered text in its line.

    >>> lowered("2", "H")
    '_2'
    """
    bare = " ".join(text.split())
    if not bare or not before or not (before[-1].isalnum() or before[-1] in ")]}"):
        return text
    if EXPONENT.fullmatch(bare):
        return f"_{bare}"
    return text if len(bare) > 20 else f"_({bare})"
