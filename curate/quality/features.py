"""The line that a model with shape features reads: plain words, and pseudo-words that tell the shape of the text.

A word is lower-cased and has no punctuation. A pseudo-word is `~`, the name of a measure and a band of its values, such
as `~closed5`; no text can hold one, as `~` parts words. The block of all pseudo-words stands once for every BLOCK
words, so that it weighs as much in a long text as in a short one (fastText averages over all words).
"""

from bisect import bisect_left
from math import log

MARKER = "~shape1"  # stands in every line, so that a model's dictionary says which features it wants; 1 is the version
BLOCK = 150  # words of the text for a block of pseudo-words
SHORT, LONG = 40, 150  # characters of a short and a long line
CLOSING = (b".", b"!", b"?", b'"', b")", b"\xe2\x80\x9d", b"\xe2\x80\xa6")  # what ends a line that is a sentence
ENDS = (b". ", b".\n", b"? ", b"! ", b"?\n", b"!\n")  # of sentences
CURRENCIES = (b"$", b"\xc2\xa3", b"\xe2\x82\xac")  # dollar, pound, euro
BULLETS = (b"-", b"*", b"\xe2\x80\xa2")
SIGNS = (b"|", b"\xe2\x80\xa2", b"\xc2\xbb")  # bars, bullets, double angles

UPPER, DIGITS = bytes(range(65, 91)), bytes(range(48, 58))
KEPT = b"'" + DIGITS + bytes(range(97, 123)) + bytes(range(128, 256))
WORDS = bytes.maketrans(UPPER, UPPER.lower())
PLAIN = bytes(WORDS[code] if WORDS[code] in KEPT else 32 for code in range(256))
STRAIGHT = ((b"\xe2\x80\x99", b"'"), (b"\xe2\x80\x98", b"'"), (b"\xe2\x80\x9c", b" "), (b"\xe2\x80\x9d", b" "))
DROPPED = (b"\xe2\x80\x93", b"\xe2\x80\x94", b"\xe2\x80\xa2", b"\xe2\x80\xa6", b"\xc2\xa0", b"\xc2\xab", b"\xc2\xbb")

Bands = tuple[float, ...]
# The limits between the bands of each measure: the eighths of its values over the labelled documents that train.
BANDS: dict[str, Bands] = {
    "words": (3.71, 4.09, 4.42, 4.77, 5.15, 5.54, 6.03),
    "lines": (0.693, 1.39, 1.61, 2.08, 2.3, 2.77, 3.37),
    "line": (1.83, 2.3, 2.64, 2.89, 3.11, 3.37, 3.64),
    "median": (3.09, 3.58, 4.06, 4.5, 4.87, 5.19, 5.53),
    "longest": (4.67, 5.06, 5.29, 5.51, 5.71, 5.92, 6.19),
    "first": (2.7, 3.22, 3.78, 4.22, 4.63, 5.09, 5.51),
    "open": (0.154, 0.286, 0.4, 0.5, 0.638, 0.769, 0.935),
    "closed": (0.107, 0.409, 0.593, 0.739, 0.829, 0.903, 0.967),
    "short": (0.0, 0.182, 0.333, 0.429, 0.571, 0.75),
    "long": (0.0, 0.201, 0.464, 0.616, 0.736, 0.846, 0.946),
    "prose": (0.0, 5.07, 5.4, 5.92, 6.41, 6.9, 7.5),
    "repeated": (0.0, 0.0106),
    "sentence": (2.4, 2.6, 2.75, 2.86, 3.0, 3.16, 3.39),
    "letters": (5.4, 5.59, 5.75, 5.89, 6.05, 6.23, 6.53),
    "capitals": (0.0017, 0.00896, 0.014, 0.0199, 0.0264, 0.0354, 0.054),
    "digits": (0.0, 0.00338, 0.00687, 0.0115, 0.0196, 0.0421),
    "commas": (0.012, 0.0257, 0.0349, 0.0443, 0.0533, 0.0641, 0.0811),
    "colons": (0.0, 0.00565, 0.0133, 0.0301),
    "prices": (0.0,),
    "exclaimed": (0.0, 0.00273, 0.0115),
    "asked": (0.0, 0.000748, 0.00723),
    "quoted": (0.0, 0.00541, 0.0185),
    "cut": (0.0,),
    "signs": (0.0,),
    "rights": (0.0,),
    "numbered": (0.0, 0.117),
    "listed": (0.0, 0.154, 0.432),
    "we": (0.0, 0.00394, 0.0111, 0.0261),
    "you": (0.0, 0.00431, 0.0118, 0.0214, 0.0377),
}


def line(text: str) -> str:
    """Returns the line of a text: its plain words and its pseudo-words."""
    content = text.encode("utf-8", "replace")
    words = plain(content)
    block = pseudo_words(measures(content, words))
    return b" ".join([*words, *block * max(1, round(len(words) / BLOCK))]).decode("utf-8", "replace")


def plain(content: bytes) -> list[bytes]:
    """Returns the words of a text, lower-cased, without punctuation.

    >>> plain("Don\\u2019t PANIC: 42% off!".encode())
    [b"don't", b'panic', b'42', b'off']
    """
    if not content.isascii():
        for curly, straight in STRAIGHT:
            content = content.replace(curly, straight)
        for sign in DROPPED:
            content = content.replace(sign, b" ")
    return content.translate(PLAIN).split()


def pseudo_words(values: dict[str, float]) -> list[bytes]:
    """Returns the pseudo-words of a text's measures."""
    bands = [f"~{name}{bisect_left(BANDS[name], value)}".encode() for name, value in values.items()]
    return [MARKER.encode(), *bands]


def measures(content: bytes, words: list[bytes]) -> dict[str, float]:
    """Returns the measures of a text, from its bytes and its plain words; shares are of characters, lines or words."""
    lines = [line for line in map(bytes.strip, content.split(b"\n")) if line] or [b""]
    number = len(words) or 1
    return _of_lines(lines, number) | _of_signs(content, lines, number) | _of_words(words, number)


def _of_lines(lines: list[bytes], number: int) -> dict[str, float]:
    """Returns the measures of the lengths of lines; number: of words."""
    lengths = sorted(map(len, lines))
    rows = len(lines)
    closed = [len(line) for line in lines if line.endswith(CLOSING)]
    long = sum(length for length in lengths if length >= LONG)
    size = sum(lengths) or 1
    return {
        "words": log(number),
        "lines": log(rows),
        "line": log(number / rows),  # words of a line
        "median": log(1 + lengths[rows // 2]),
        "longest": log(1 + lengths[-1]),
        "first": log(1 + len(lines[0])),
        "open": 1 - len(closed) / rows,  # lines without an end mark
        "closed": sum(closed) / size,  # characters in lines with one
        "short": sum(length < SHORT for length in lengths) / rows,
        "long": long / size,
        "prose": log(1 + long),  # characters in long lines
        "repeated": 1 - len(set(lines)) / rows,
    }


def _of_signs(content: bytes, lines: list[bytes], number: int) -> dict[str, float]:
    """Returns the measures of capitals, digits and punctuation; number: of words."""
    size, rows = sum(map(len, lines)) or 1, len(lines)
    return {
        "sentence": log(number / (sum(map(content.count, ENDS)) + 1)),  # words of a sentence
        "letters": size / number,  # characters of a word
        "capitals": (len(content) - len(content.translate(None, UPPER))) / size,
        "digits": (len(content) - len(content.translate(None, DIGITS))) / size,
        "commas": content.count(b",") / number,
        "colons": content.count(b":") / number,
        "prices": sum(map(content.count, CURRENCIES)) / number,
        "exclaimed": content.count(b"!") / number,
        "asked": content.count(b"?") / number,
        "quoted": (content.count(b'"') + content.count(b"\xe2\x80\x9c")) / number,
        "cut": (content.count(b"...") + content.count(b"\xe2\x80\xa6")) / rows,
        "signs": sum(map(content.count, SIGNS)) / number,
        "rights": content.count(b"\xc2\xa9") / rows,
        "numbered": sum(line[:1].isdigit() for line in lines) / rows,
        "listed": sum(line.startswith(BULLETS) for line in lines) / rows,
    }


def _of_words(words: list[bytes], number: int) -> dict[str, float]:
    """Returns the shares of words of the first and the second person."""
    return {
        "we": sum(map(words.count, (b"we", b"our", b"us"))) / number,
        "you": sum(map(words.count, (b"you", b"your"))) / number,
    }
