"""English tokens and sentences as spaCy's blank pipeline splits them, which datatrove counts as words and sentences.

A chunk between blanks loses its prefixes and suffixes (punctuation, quotes, currencies, symbols, units behind a digit)
one by one, is an exception ("don't" is "do" and "n't"; "U.S." stays) or an address, or is cut at its infixes (hyphens
between letters). Then tokens that together are an exception are joined, as ":" and ")". A chunk of more than
LONGEST characters is one token here, since spaCy takes quadratic time for it.
"""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from curate.text.ranges import character_class, members

LONGEST = 2000  # characters of a chunk that is split
CHUNKS = 200_000  # chunks whose tokens are remembered; then they are forgotten

QUOTES = "'\"”“`‘´’‚,„»«「」『』（）〔〕【】《》〈〉〈〉⟦⟧"
MARKS = "…,:;!?¿؟¡()[]{}<>_#*&。？！，、；：～·।،۔؛٪"
CURRENCY = "$£€¥฿₽﷼₴₠₡₢₣₤₥₦₧₨₩₪₫₭₮₯₰₱₲₳₵₶₷₸₹₺₻₼₾₿"
UNITS = (
    "km km² km³ m m² m³ dm dm² dm³ cm cm² cm³ mm mm² mm³ ha µm nm yd in ft kg g mg µg t lb oz m/s km/h kmh mph hPa Pa"
    " mbar mb MB kb KB gb GB tb TB T G M K %"
)
OPENING = "§%=—–"  # prefixes beside marks and money
DOLLARS = ("US$", "C$", "A$")
MEASURE = re.compile(
    rf"(?<=[0-9])(?:\+|US\$|C\$|A\$|[{re.escape(CURRENCY)}]|{'|'.join(map(re.escape, UNITS.split()))})$"
)
# Letters by case, and blocks of scripts without case; later symbols are those of Unicode 12 and after.
CASED = (
    "41-5A 61-7A C0-D6 D8-F6 F8-1BA 1BC-1BF 1C4 1C6-1C7 1C9-1CA 1CC-1F1 1F3-2AF 386 388-38A 38C 38E-38F 391-3A9"
    " 3AC-3AF 3B1-3C9 3CC-3CE 400-401 403-40A 40C-40D 410-451 453-45A 45C-45D 490-491 496-497 4A2-4A3 4AE-4AF 4BA-4BB"
    " 4D8-4D9 4E8-4E9 1D00-1D25 1D6B-1D77 1D79-1D9A 1E00-1EFF 2C60-2C7B 2C7E-2C7F A722-A76F A771-A787 A78B-A78E"
    " A790-A7B9 A7FA AB30-AB5A AB60-AB64 FF21-FF3A FF41-FF5A"
)
UNCASED = (
    "1BB 1C5 1C8 1CB 1F2 591-5F4 620-64A 66E-6D5 6E5-6FF 750-77F 8A0-8BD 900-9FF B80-CFF D80-DFF 1100-137F 2E80-2FDF"
    " 2FF0-30FF 31C0-31EF 3200-4DBF 4E00-9FFF AC00-D7AF F900-FAFF FB1D-FBB1 FBD3-FD3D FD50-FDC7 FDF0-FDFB FE30-FE4F"
    " FE70-FEFC 1EE00-1EEBB 1F200-1F2FF"
)
LATER_SYMBOLS = (
    "166D 2B97 2BC9 2BFF 2E50-2E51 32FF FD40-FD4F FDCF FDFE-FDFF 1019C 11FD5-11FF1 1CF50-1CFC3 1D1E9-1D1EA 1E14F 1ED2E"
    " 1F10D-1F10F 1F16C-1F16F 1F1AD 1F6D5-1F6D7 1F6DD-1F6DF 1F6FA-1F6FC 1F7E0-1F7F0 1F8B0-1F8B1 1F90C-1F90F 1F93F"
    " 1F971-1F972 1F977-1F979 1F97B 1F9A3-1F9AF 1F9BA-1F9BF 1F9C3-1F9CF 1FA00-1FA53 1FA70-1FBCA"
)
SENTENCE_ENDS = members(
    "21 2E 3F 589 61F 6D4 700-702 7F9 964-965 104A-104B 1362 1367-1368 166E 1735-1736 1803 1809 1944-1945 1AA8-1AAB"
    " 1B5A-1B5B 1B5E-1B5F 1C3B-1C3C 1C7E-1C7F 203C-203D 2047-2049 2E2E 2E3C 3002 A4FF A60E-A60F A6F3 A6F7 A876-A877"
    " A8CE-A8CF A92F A9C8-A9C9 AA5D-AA5F AAF0-AAF1 ABEB FE52 FE56-FE57 FF01 FF0E FF1F FF61 10A56-10A57 11047-11048"
    " 110BE-110C1 11141-11143 111C5-111C6 111CD 111DE-111DF 11238-11239 1123B-1123C 112A9 1144B-1144C 115C2-115C3"
    " 115C9-115D7 11641-11642 1173C-1173E 11A42-11A43 11A9B-11A9C 11C41-11C42 16A6E-16A6F 16AF5 16B37-16B38 16B44"
    " 1BC9F 1DA88"
)
FACES = (
    ":) :-) :)) :-)) :))) :-))) (: (-: =) (= :] :-] [: [-: [= =] :o) (o: :} :-} 8) 8-) (-8 ;) ;-) (; (-; :( :-( :(("
    " :-(( :((( :-((( ): )-: =( >:( :') :'-) :'( :'-( :/ :-/ =/ =| :| :-| ]= =[ :1 :P :-P :p :-p :O :-O :o :-o :0 :-0"
    " :() >:o :* :-* :3 :-3 =3 :> :-> :X :-X :x :-x :D :-D ;D ;-D =D xD XD xDD XDD 8D 8-D ^_^ ^__^ ^___^ >.< >.> <.<"
    " ._. ;_; -_- -__- v.v V.V v_v V_V o_o o_O O_o O_O 0_o o_0 0_0 o.O O.o O.O o.o 0.0 o.0 0.o @_@ <3 <33 <333 </3"
    " (^_^) (-_-) (._.) (>_<) (*_*) (¬_¬) ಠ_ಠ ಠ︵ಠ (ಠ_ಠ) ¯\\(ツ)/¯ (╯°□°）╯︵┻━┻ ><(((*>"
)
WHOLE = (
    "\\t \\n — ' \\\") <space> '' C++ ä. ö. ü. and/or w/o 're 'S 's ‘S ‘s 'Cause 'cause 'cos 'Cos 'coz 'Coz 'cuz 'Cuz"
    " 'bout ma'am Ma'am o'clock O'clock lovin' Lovin' lovin Lovin havin' Havin' havin Havin em ll nuff 'em 'll 'nuff"
    " Mt. Ak. Ala. Apr. Ariz. Ark. Aug. Calif. Colo. Conn. Dec. Del. Feb. Fla. Ga. Ia. Id. Ill. Ind. Jan. Jul. Jun."
    " Kan. Kans. Ky. La. Mar. Mass. Mich. Minn. Miss. N.C. N.D. N.H. N.J. N.M. N.Y. Neb. Nebr. Nev. Nov. Oct. Okla."
    " Ore. Pa. S.C. Sep. Sept. Tenn. Va. Wash. Wis. 'd a.m. Adm. Bros. co. Co. Corp. D.C. Dr. e.g. E.g. E.G. Gen. Gov."
    " i.e. I.e. I.E. Inc. Jr. Ltd. Md. Messrs. Mo. Mont. Mr. Mrs. Ms. p.m. Ph.D. Prof. Rep. Rev. Sen. St. vs. v.s."
)
PARTED = "y'|all y|all how|'d|'y How|'d|'y not|'ve not|ve Not|'ve Not|ve can|not Can|not gon|na Gon|na got|ta Got|ta"
PARTED += " let|'s Let|'s c'm|on C'm|on °|c|. °|f|. °|k|. °|C|. °|F|. °|K|."
KEPT = "Ill ill Its its Hell hell Shell shell Shed shed were Were Well well Whore whore"  # words of their own


class Splitter(NamedTuple):
    """The patterns that split a chunk."""

    marks: frozenset[str]  # each is a suffix, and with the signs of MONEY and OPENING a prefix
    stop: re.Pattern[str]  # a "." that is a suffix
    infix: re.Pattern[str]
    infix_ascii: re.Pattern[str]  # the same, of ASCII alone
    address: re.Pattern[str]
    exceptions: dict[str, tuple[str, ...]]
    joined: dict[tuple[str, ...], tuple[str, ...]]  # tokens that stand for an exception's own
    longest: int  # of those, the number of tokens


@lru_cache(maxsize=2)  # several rules count the words of one text
def tokens(text: str) -> list[str]:
    """Returns the tokens of a text, blanks left out; the list is shared and not to be changed.

    >>> tokens("I don't like well-known (U.S.) cars.")
    ['I', 'do', "n't", 'like', 'well', '-', 'known', '(', 'U.S.', ')', 'cars', '.']
    """
    parts: list[str] = []
    for chunk in text.split():
        parts += chunk_tokens(chunk)
    return parts


def count_sentences(line: str) -> int:
    """Returns the number of sentences of a line: one begins at the first token behind an end mark that is no mark.

    >>> count_sentences("Wait... Mr. Fox came. He left!")
    2
    """
    if not END.search(line):
        return 1 if line else 0
    count, ended = (1 if line else 0), False
    for token in _all_tokens(line):
        if token in SENTENCE_ENDS:
            ended = True
        elif ended and not all(unicodedata.category(char)[0] == "P" for char in token):
            count, ended = count + 1, False
    return count


@lru_cache(maxsize=CHUNKS)
def chunk_tokens(chunk: str) -> tuple[str, ...]:
    """Returns the tokens of a text without blanks."""
    if chunk.isascii() and chunk.isalpha() and chunk not in splitter().exceptions:
        return (chunk,)
    if len(chunk) > LONGEST:
        return (chunk,)
    parts = split(chunk, splitter(), exceptions=True)
    return parts if len(parts) == 1 else _with_exceptions(parts, splitter())


def split(chunk: str, by: Splitter, *, exceptions: bool) -> tuple[str, ...]:
    """Returns the tokens of a chunk; exceptions: whether these are looked for."""
    table = by.exceptions if exceptions else {}
    before: list[str] = []
    behind: list[str] = []
    size = -1
    while chunk and len(chunk) != size and chunk not in table:
        size = len(chunk)
        prefix = _prefix(chunk, by)
        if prefix and chunk[prefix:] in table:
            before.append(chunk[:prefix])
            chunk = chunk[prefix:]
            break
        suffix = _suffix(chunk[prefix:], by)
        if suffix and chunk[:-suffix] in table:
            behind.append(chunk[-suffix:])
            chunk = chunk[:-suffix]
            break
        if prefix:
            before.append(chunk[:prefix])
        if suffix and prefix + suffix <= size:
            behind.append(chunk[size - suffix :])
            chunk = chunk[prefix : size - suffix]
        else:
            chunk = chunk[prefix:]
    middle = _middle(chunk, by, table) if chunk else ()
    return (*before, *middle, *reversed(behind))


def _middle(chunk: str, by: Splitter, table: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Returns the tokens of what stands between prefixes and suffixes."""
    if chunk in table:
        return table[chunk]
    if "." in chunk and by.address.match(chunk):
        return (chunk,)
    if chunk.isalnum():
        return (chunk,)
    parts: list[str] = []
    start = 0
    for cut in (by.infix_ascii if chunk.isascii() else by.infix).finditer(chunk):
        if cut.start() == 0:
            continue
        if cut.start() != start:
            parts.append(chunk[start : cut.start()])
        parts.append(cut[0])
        start = cut.end()
    return (*parts, *([chunk[start:]] if chunk[start:] else []))


def _with_exceptions(parts: tuple[str, ...], by: Splitter) -> tuple[str, ...]:
    """Returns the tokens in which those that stand for an exception are its own: the longest first."""
    spans = [
        (stop - start, start)
        for start in range(len(parts))
        for stop in range(start + 1, min(len(parts), start + by.longest) + 1)
        if parts[start:stop] in by.joined
    ]
    taken: set[int] = set()
    chosen: dict[int, int] = {}
    for length, start in sorted(spans, key=lambda span: (-span[0], span[1])):
        if start not in taken and start + length - 1 not in taken:
            chosen[start] = length
        taken.update(range(start, start + length))
    result: list[str] = []
    place = 0
    while place < len(parts):
        length = chosen.get(place, 0)
        result += by.joined[parts[place : place + length]] if length else parts[place : place + 1]
        place += length or 1
    return tuple(result)


def _all_tokens(line: str) -> list[str]:
    """Returns the tokens of a line with those of blanks, of which the first behind a word is none."""
    parts: list[str] = []
    for run in re.finditer(r"\s+|\S+", line):
        if not run[0].isspace():
            parts += chunk_tokens(run[0])
        elif blanks := run[0].removeprefix(" ") if run.start() else run[0]:
            parts.append(blanks)
    return parts


def _prefix(chunk: str, by: Splitter) -> int:
    """Returns the number of characters of a chunk's prefix, 0 without one."""
    first = chunk[0]
    if first.isascii() and first.isalnum():
        return next((len(sign) for sign in DOLLARS if chunk.startswith(sign)), 0) if first in "UCA" else 0
    if first == ".":
        dots = len(chunk) - len(chunk.lstrip("."))
        return dots if dots > 1 else 0
    if first == "+":
        return int(not ("0" <= chunk[1:2] <= "9"))
    return int(first in by.marks or first in OPENING or first in CURRENCY)


def _suffix(chunk: str, by: Splitter) -> int:
    """Returns the number of characters of a chunk's suffix, the longest that there is, 0 without one."""
    if not chunk:
        return 0
    last = chunk[-1]
    if last == ".":
        dots = len(chunk) - len(chunk.rstrip("."))
        return dots if dots > 1 else int(bool(by.stop.search(chunk[-3:])))
    if last in by.marks:
        return 2 if chunk.endswith("……") else 1
    if last in "sS" and chunk[-2:-1] in ("'", "’"):
        return 2
    measure = MEASURE.search(chunk[-8:])
    return len(measure[0]) if measure else 0


END = re.compile(f"[{re.escape(''.join(SENTENCE_ENDS))}]")


@lru_cache(maxsize=1)
def splitter() -> Splitter:
    """Returns the patterns and the exceptions, made once."""
    exceptions = _exceptions()
    bare = Splitter(*_patterns(), exceptions, {}, 0)
    joined = {}
    for text, own in exceptions.items():
        if _prefix(text, bare) or _suffix(text, bare) or bare.infix.search(text):
            joined[split(text, bare, exceptions=False)] = own
    return bare._replace(joined=joined, longest=max(map(len, joined)))


def _patterns() -> tuple[frozenset[str], re.Pattern[str], re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """Returns the marks, and the patterns of stops, infixes and addresses."""
    cased = members(CASED)
    lower = "".join(sorted(char for char in cased if char.islower() or char == "ʔ"))
    upper = "".join(sorted(cased - set(lower)))
    uncased = character_class(UNCASED)
    symbols = {char for char in map(chr, range(0x20000)) if unicodedata.category(char) == "So"} - members(LATER_SYMBOLS)
    icons = re.escape("".join(sorted(symbols)))
    marks, quotes = re.escape(MARKS), re.escape(QUOTES)
    stop = (
        rf"(?<=[0-9{lower}{uncased}%²\-+|()?:{marks}{quotes}])\.$|(?<=[{upper}{uncased}][{upper}{uncased}])\.$"
        r"|(?<=°[FfCcKk])\.$"
    )
    infix = _infix(lower + uncased, upper + uncased, character_class(CASED) + uncased, quotes, rf"…|[{icons}]")
    infix_ascii = _infix("a-z", "A-Z", "A-Za-z", "'\"`", r"\Z.")
    letter = "A-Za-z0-9\u00a1-\uffff"
    name = rf"(?:(?:[{letter}][{letter}_-]{{0,62}})?[{letter}]\.)+[{lower}{uncased}]{{2,63}}"
    address = rf"(?:[\w+\-.]{{2,}}://)?(?:\S+(?::\S*)?@)?(?:\d{{1,3}}(?:\.\d{{1,3}}){{3}}|{name})(?::\d{{2,5}})?"
    own = frozenset(MARKS + QUOTES + "—–").union(symbols)
    return own, re.compile(stop), re.compile(infix), re.compile(infix_ascii), re.compile(rf"{address}(?:[/?#]\S*)?$")


def _infix(lower: str, upper: str, alpha: str, quotes: str, symbols: str) -> str:
    """Returns the pattern of infixes, for these classes of letters, quotes and symbols."""
    return (
        rf"\.\.+|{symbols}|(?<=[0-9])[+\-*^](?=[0-9-])|(?<=[{lower}{quotes}])\.(?=[{upper}{quotes}])"
        rf"|(?<=[{alpha}]),(?=[{alpha}])|(?<=[{alpha}0-9])(?:-|–|—|--|---|——|~)(?=[{alpha}])"
        rf"|(?<=[{alpha}0-9])[:<>=/](?=[{alpha}])"
    )


def _exceptions() -> dict[str, tuple[str, ...]]:
    """Returns the tokens of each exception, with both apostrophes."""
    whole = [*WHOLE.split(), *FACES.split(), *(f"{letter}." for letter in "abcdefghijklmnopqrstuvwxyz")]
    whole += [f"{word}{mark}" for word in _both("doin goin nothin nuthin ol somethin") for mark in ("", "'")]
    parted = [tuple(text.split("|")) for text in PARTED.split()] + [*_contractions()]
    parted += [(str(hour), half) for hour in range(1, 13) for half in ("a.m.", "am", "p.m.", "pm")]
    table = {"".join(parts): parts for parts in parted} | {text: (text,) for text in whole}
    table |= {text.replace("'", "’"): tuple(part.replace("'", "’") for part in own) for text, own in table.items()}
    return {text: own for text, own in table.items() if text not in KEPT.split()}


def _contractions() -> list[tuple[str, ...]]:
    """Returns the parts of contractions; each stands without apostrophes too."""
    rows: list[tuple[str, ...]] = []
    rows += [(word, *end) for word in _both("i") for end in (("'m",), ("'m", "a"))]
    modal = (("'ll",), ("'ll", "'ve"), ("'d",), ("'d", "'ve"))
    asking = "who what when where why how there"
    rows += [(word, *end) for word in _both(f"i you he she it we they {asking} that this these those") for end in modal]
    rows += [(word, "'ve") for word in _both(f"i you we they {asking} these those could might must should would")]
    rows += [(word, "'re") for word in _both(f"you we they {asking} these those")]
    rows += [(word, "'s") for word in _both(f"he she it {asking} that this")]
    verbs = "ca could do does did had may might must need ought sha should wo would"
    rows += [(word, "n't", *end) for word in _both(verbs) for end in ((), ("'ve",))]
    rows += [(word, "n't") for word in _both("ai are is was were have has dare")]
    return rows + [tuple(part.replace("'", "") for part in row) for row in rows]


def _both(words: str) -> list[str]:
    return [form for word in words.split() for form in (word, word.title())]
