"""The sentences of a line, by marks and not by a model."""

import re
from collections.abc import Iterator

SENTENCE_END = re.compile(r"(?<![.?!।۔؟])[.?!।۔؟]+[\"'”’»)\]]*(?=\s+[^\sa-z])|[。！？](?=.)")
ABBREVIATION = re.compile(
    r"(?:^|[\s(\"“'])(?:[A-Z]|[A-Z]\.[A-Z]|[a-z]\.[a-z]|Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|Gen|Col|Sen|Gov|Capt|Lt|Rev|Mt|vs)$"
)
BLANKS = re.compile(r"\s*")


def inner_ends(line: str) -> Iterator[int]:
    """Yields where a sentence of a line ends and another begins behind it, blanks aside.

    A sentence ends at an end mark that a blank and no lower-case letter follow, and that is not the dot of an initial
    or of an abbreviation; in Chinese and Japanese at an end mark.
    """
    for end in SENTENCE_END.finditer(line):
        if end[0] != "." or not ABBREVIATION.search(line, max(0, end.start() - 6), end.start()):
            yield end.end()


def sentences(line: str) -> list[str]:
    """Returns the sentences of a line, each with the blanks behind it; joined they are the line.

    >>> sentences("Dr. J. Roberts came today... but why? Nobody knows.")
    ['Dr. J. Roberts came today... but why? ', 'Nobody knows.']
    """
    starts = [0]
    for end in inner_ends(line):
        blanks = BLANKS.match(line, end)
        starts.append(blanks.end() if blanks else end)
    return [line[start:stop] for start, stop in zip(starts, [*starts[1:], len(line)], strict=True)]
