"""The lines that the text of a page of a reported fault must hold, row by row.

A line stands for a whole line of the text, in which … stands for anything; lines stand in this order, with others
between them. P1 to P4 are the paragraphs that most of the pages share.
"""

import re
from dataclasses import dataclass

P1 = "The harbour town kept its old clock tower … through the fog."
P2 = "In the spring of that year the council voted … and the mills closed."
P3 = "A carpenter from the next valley rebuilt … has matched since then."
P4 = "Visitors still climb the narrow stairs … whole crews to sea."


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """The lines that one text must hold, and those that it must not hold."""

    lines: tuple[str, ...] = ()
    only: bool = False  # whether the text has no other lines, empty ones aside
    patterns: tuple[str, ...] = ()  # regular expressions that the text matches somewhere
    absent: tuple[str, ...] = ()  # regular expressions that it matches nowhere

    def faults(self, text: str) -> list[str]:
        """Returns what is wrong with a text, a message for each fault."""
        lines = [line for line in text.split("\n") if line.strip()]
        messages, place = [], -1
        for line in self.lines:
            matches = [n for n, actual in enumerate(lines) if n > place and matcher(line).fullmatch(actual)]
            if matches:
                place = matches[0]
            else:
                messages.append(f"no line {line!r}" + (f" behind {lines[place]!r}" if place >= 0 else ""))
        if self.only and len(lines) != len(self.lines):
            messages.append(f"{len(lines)} lines, not {len(self.lines)}")
        messages += [f"nowhere {pattern!r}" for pattern in self.patterns if not re.search(pattern, text, re.M)]
        return messages + [f"has {pattern!r}" for pattern in self.absent if re.search(pattern, text, re.M)]


def matcher(line: str) -> re.Pattern[str]:
    """Returns the regular expression of a line of the table."""
    return re.compile(".*".join(map(re.escape, line.split("…"))))


def holds(*lines: str, only: bool = False, absent: tuple[str, ...] = ()) -> Expected:
    """Returns what holds these lines."""
    return Expected(lines=lines, only=only, absent=absent)


def matches(*patterns: str, absent: tuple[str, ...] = ()) -> Expected:
    """Returns what matches these regular expressions."""
    return Expected(patterns=patterns, absent=absent)


BAR = r"\|"
NUMBER_LINE = r"^\s*(?:\|\s*)?1 ?2 ?3\b"

TEXTS = {
    # code
    "u_code_in_li": matches(r"^1\. Run", r"^(.*)ring\(3\)\n\s*  stop\(4\)$", r"^2\. Wait\.$"),
    "u_figure_code": holds(P1, "ring(3)", "  stop(4)", P3),
    "v_td_pre": holds(
        P1, "def ring(n):", "    for i in range(n):", "        print(i)", P3, absent=(NUMBER_LINE, "^[123]$")
    ),
    "x_code_pre": holds("Run this:", "def ring(n):", "    for i in range(n):", '        print("ding")', "    return n"),
    "y_code_align": holds("int  a   = 1;   // one", "long bbb = 22;  // two"),
    "y_code_tabs": holds("if (a) {", "\tb();", "\tif (c) {", "\t\td();", "\t}", "}"),
    "y_code_yaml": holds("- a:", "    - b", "    - c", "-", "  d: 1"),
    "y_table_pre_gist": holds(P1, "def ring(n):", "    for i in range(n):", "        print(i)", P3),
    # lists
    "u_li_br": holds("- First line", "…second line", "- Bold: text after link, and more.", P3),
    "u_time_in_li": holds("- 1702: the bell was cast", "- 1902: the frame was rebuilt"),
    "v_body_ol": holds("Steps:", "1. Oil the wheel with care each week.", "2. Wind the weight up to the mark.", P2),
    "v_wrap_ul": holds(
        *("Tower", P1, "Doubts were:", "- The rope was never tested by anyone in public."),
        *("- The frame was made from unseasoned oak.", P2, "Second head", P3, P4),
    ),
    "x_bodyul233": holds(
        *(P1, P2, "The keeper had these doubts:", "- The rope was never tested by anyone in public."),
        *("- The frame of the bell was made from unseasoned oak.", "- The council refused to publish …", P3, P4),
    ),
    "x_listinlist": holds("- Alpha bell", "…- Beta bell", "…- Gamma bell", "- Delta bell"),
    "x_nestlist": holds("- Coffee", "- Tea…", "…- Black tea", "…- Green tea", "- Milk"),
    # headings and articles
    "u_time_in_h2": holds("Tower", "1702", P1, "In 1902", P2, P3),
    "v_arts_nomain": holds(
        *("Part A", P1, "- note A one", "Part B", P2, "- note B one"),
        *("Part C", P3, "- note C one", "Part D", P4, "- note D one"),
    ),
    "x_multiarticle": holds(*(f"Part {n}" for n in range(4)), "… number 3.…"),
    "x_aside569": holds("Tower", P1, P2, P3, P4, absent=("cookies",)),
    "x_sibling817": matches("(?s)Opening remark that (?!.*Opening remark that )", "The harbour town kept"),
    "x_small_article": matches(
        *(r"^The tower$", r"(?s)^First short paragraph (?!.*First short paragraph )"),
        *(r"(?s)^Second short paragraph about the bell(?!.*Second short)",),
        absent=("menu chrome", "foot$"),
    ),
    "x_squish661": holds(
        *("First", "This loose text stands alone", "Then a heading follows", "Another sentence"),
        *("And loose text again", "Second heading here", "The harbour town kept …"),
    ),
    # words outside elements of their own
    "v_body_div": holds(P1, "Loose words in a div of the body stand here.", P2, P3, P4),
    # short pages
    "v_en_short_small": holds(
        *("Notice", "The tower is mostly closed on Monday for repairs to the frame.", "Frame of the bell"),
        "Please use the side door.",
    ),
    "v_ja_short_ruby": holds("時計塔", "港の鐘は古い。", "漁師たちは、…", "度も掃除されていない…", only=True),
    "y_ruby_only_short": holds("港の鐘と時計は古い。", "町の人々は塔を掃除します。", only=True),
    "y_zh_fig": holds("钟楼", "港口的老钟楼", "渔民们坚持说，…", "近山谷的一位木匠…", only=True),
    # tables
    "v_lay1": holds(P1, P2, P3, P4, only=True, absent=(BAR,)),
    "v_lay2br": holds(P1, P2, P3, P4, absent=(BAR,)),
    "v_lay_nest": holds(P1, P2, P3, P4, only=True, absent=(BAR,)),
    "x_layout_table": holds(
        *(
            "Tower",
            P1,
            "If the bell rings at rate r, the second … about nine strokes an hour, more or less, in winter.",
        ),
        *(P3, P4),
        absent=(BAR,),
    ),
    "v_td_dl": matches(r"Part.*Made of", r"Clapper", r"core", r"iron"),
    "v_th_only": Expected(
        lines=("Bells of the tower", "…Name…Year…", "…Great…1702…", "…Small…", "…Sum…2…"),
        absent=(r"---[^\n]*\n(?s:.*)---",),
    ),
    "x_table599": Expected(
        lines=("…Years of use: 1700-1900…", "…Great bell Small bell…", "…Metal:…Bronze…Tin…"),
        patterns=("Bells", "Parts", "Clapper", "Yoke", "Longword.*First para", "Second para"),
        absent=(r"^(?!\|)[^\n]*\n\|---",),
    ),
    # mathematics
    "v_arxiv_math": matches(r"Let (\\\(|\$)x\\in X(\\\)|\$) be a bell", r"(\\\[|\\\(|\$)a=b(\\\]|\\\)|\$)"),
    "v_mathjax3": matches(r"Where (\\\(|\$)n\s?>\s?2(\\\)|\$) holds, the bell rings\."),
    "v_mathjax_display": Expected(lines=("We have", "…n^2 + 1 = 0…", "and so the bell rings.")),
    "x_math792": matches(r"The error is (\\\(|\$)x\^\{2\}\+y(\\\)|\$) at most", absent=(r"x\^\{2\}\+y.*x",)),
    "x_math_noann": matches(r"The error is (\\\(|\$)a\s?=\s?5(\\\)|\$) at most"),
    "x_texdollar": holds(r"The swing takes \(T = 2\pi\sqrt{l/g}\) seconds and $a_{1} < b^{2}$ holds."),
    "x_wikimath": matches(r"The swing takes \S*(\\displaystyle )?T=2l\S* seconds in still air", absent=("T=2l.*T=2l",)),
    "x_subsup": holds("The air holds CO_2 and H_2O, on 10^6 square metres, since the 19…th… century."),
    "v_sup_note": matches(r"was cast in 1702 ?\[\^?3\] and hung in 1704\. ?\[\^?1\]"),
    # words inside sentences
    "x_dropcap": holds("The first letter of … as printers do."),
    "y_el_label": holds("Pick the rope or the wheel or 42 and …way."),
    "y_el_q": matches(r"^He said .?ring it twice.? and left, while she said .?not yet.? to him\.$"),
    "y_el_small": holds("A small big red no break bdi bdo word under struck NASA."),
    "y_el_time": holds("On 5 May 1902 the council met, and by noon it had voted for the bell."),
    "y_el_wbr": holds("The supercalifragilistic word and the database stand in one line here."),
    "y_ruby_rb": matches("^港の鐘と時計は古い。漁師"),
    "v_ruby_long": matches("^港の鐘は古い。漁師"),
    # characters
    "v_bidi": matches("The word \\W?שלום\\W? and \\W?مرحبا\\W? stood there, with \\W?marks\\W? around them"),
    "v_tag_lang": matches("Flag of Wales 🏴\U000e0067\U000e0062\U000e0077\U000e006c\U000e0073\U000e007f flew above"),
    "v_zwj_ml": matches("അവന്\u200d പറഞ്ഞു"),
    "v_zwnj_fa_plain": matches("می\u200cگویند"),
    "v_zwnj_fa_short": matches("می\u200cگویند"),
    "x_zwnj_fa": matches("می\u200cگویند", "کتاب\u200cهای"),
    "x_emoji_zwj": matches("The family 👨\u200d👩\u200d👧 came, and the flag 🏴\u200d☠️ flew, ❤️ said one"),
    "x_shy": matches(
        "The Unternehmen and the Freiberufler paid for the zero\u200b?width and the non.breaking space, 5.km"
    ),
}
