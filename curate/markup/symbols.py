"""LaTeX for the characters and names of MathML's tokens.

Greek letters and styled alphabets follow from their Unicode names; the tables hold the rest. A character without an
entry stays as it is, since LaTeX engines of today read Unicode.
"""

import unicodedata
from functools import lru_cache


def by_character(text: str) -> dict[str, str]:
    r"""Returns commands by their characters, which follow them in the text.

    >>> by_character(r"\pm ± \mp ∓")
    {'±': '\\pm', '∓': '\\mp'}
    """
    words = text.split()
    return dict(zip(words[1::2], words[::2], strict=True))


COMMANDS = by_character(
    r"\pm ± \mp ∓ \times × \div ÷ \cdot ⋅ \cdot · \ast ∗ \star ⋆ \circ ∘ \bullet ∙ \bullet • \oplus ⊕ \ominus ⊖ "
    r"\otimes ⊗ \oslash ⊘ \odot ⊙ \leq ≤ \geq ≥ \leqslant ⩽ \geqslant ⩾ \neq ≠ \approx ≈ \simeq ≃ \cong ≅ "
    r"\equiv ≡ \sim ∼ \propto ∝ \ll ≪ \gg ≫ \prec ≺ \succ ≻ \preceq ⪯ \succeq ⪰ \subset ⊂ \supset ⊃ \subseteq ⊆ "
    r"\supseteq ⊇ \subsetneq ⊊ \in ∈ \notin ∉ \ni ∋ \cup ∪ \cap ∩ \setminus ∖ \emptyset ∅ \vee ∨ \wedge ∧ \neg ¬ "
    r"\forall ∀ \exists ∃ \nexists ∄ \vdash ⊢ \models ⊨ \perp ⊥ \top ⊤ \parallel ∥ \mid ∣ \angle ∠ \triangle △ "
    r"\square □ \nabla ∇ \partial ∂ \infty ∞ \hbar ℏ \ell ℓ \Re ℜ \Im ℑ \aleph ℵ \wp ℘ \prime ′ \dagger † "
    r"\ddagger ‡ \rightarrow → \leftarrow ← \leftrightarrow ↔ \Rightarrow ⇒ \Leftarrow ⇐ \Leftrightarrow ⇔ "
    r"\Longrightarrow ⟹ \Longleftrightarrow ⟺ \longrightarrow ⟶ \mapsto ↦ \hookrightarrow ↪ \uparrow ↑ "
    r"\downarrow ↓ \nearrow ↗ \searrow ↘ \rightharpoonup ⇀ \rightleftharpoons ⇌ \rightleftharpoons ⇋ \ldots … "
    r"\cdots ⋯ \vdots ⋮ \ddots ⋱ \langle ⟨ \rangle ⟩ \langle 〈 \rangle 〉 \lfloor ⌊ \rfloor ⌋ \lceil ⌈ \rceil ⌉ "
    r"\| ‖ \sum ∑ \prod ∏ \coprod ∐ \int ∫ \iint ∬ \iiint ∭ \oint ∮ \bigcup ⋃ \bigcap ⋂ \bigvee ⋁ \bigwedge ⋀ "
    r"\bigoplus ⨁ \bigotimes ⨂ \therefore ∴ \because ∵ - − - ‐ \sqrt √ \lhd ⊲ \trianglelefteq ⊴ \bowtie ⋈ "
    r"\lesssim ≲ \gtrsim ≳ \asymp ≍ \doteq ≐ \triangleq ≜ := ≔ \ltimes ⋉ \rtimes ⋊ \epsilon ϵ \varepsilon ε "
    r"\vartheta ϑ \varphi φ \phi ϕ \varpi ϖ \varrho ϱ \varsigma ς \mu µ \Omega Ω \% % \# # \& & \$ $ \_ _ \{ { "
    r"\} } "
)
COMMANDS |= {"\\": r"\backslash ", "°": r"^{\circ}"}
INVISIBLE = frozenset("\u2061\u2062\u2063\u2064\u200b\ufeff\u2060")
FUNCTION_NAMES = (
    "arccos arcsin arctan arg cos cosh cot coth csc deg det dim exp gcd hom inf ker lg lim liminf limsup ln log max min"
    " Pr sec sin sinh sup tan tanh"
)
FUNCTIONS = frozenset(FUNCTION_NAMES.split())
LIMITS = (  # operators whose limits stand above and below
    r"\sum \prod \coprod \bigcup \bigcap \bigvee \bigwedge \bigoplus \bigotimes \int \iint \oint"
    r" \lim \liminf \limsup \max \min \sup \inf \det \gcd \Pr"
)
BIG = frozenset(LIMITS.split())
ACCENTS = by_character(
    r"\hat ^ \hat ˆ \hat ̂ \tilde ~ \tilde ˜ \tilde ̃ \bar ¯ \bar ‾ \bar ̄ \bar ˉ \dot ˙ \dot . \dot ̇"
    r" \ddot ¨ \ddot ̈ \vec → \vec ⃗ \vec ⇀ \check ˇ \breve ˘ \acute ´ \grave ` \overbrace ⏞ \overbrace ︷"
)
UNDER_ACCENTS = {"_": r"\underline", "̲": r"\underline", "¯": r"\underline", "⏟": r"\underbrace", "︸": r"\underbrace"}
STYLES = {  # of mathvariant, and as words in Unicode's names
    "bold": r"\mathbf",
    "bold-italic": r"\boldsymbol",
    "double-struck": r"\mathbb",
    "script": r"\mathcal",
    "bold-script": r"\mathcal",
    "fraktur": r"\mathfrak",
    "bold-fraktur": r"\mathfrak",
    "sans-serif": r"\mathsf",
    "monospace": r"\mathtt",
}
LATIN_CAPITALS = "OMICRON ALPHA BETA EPSILON ZETA ETA IOTA KAPPA MU NU RHO TAU CHI"  # LaTeX has no commands for them
SAME_AS_LATIN = frozenset(LATIN_CAPITALS.split())


@lru_cache(maxsize=4096)
def symbol(character: str) -> str:
    r"""Returns the LaTeX of one character.

    >>> symbol("α"), symbol("∑"), symbol("x"), symbol("ℝ"), symbol("𝒙")
    ('\\alpha', '\\sum', 'x', '\\mathbb{R}', '\\boldsymbol{x}')
    """
    if character in COMMANDS:
        return COMMANDS[character]
    if character.isascii():
        return character
    if character in INVISIBLE:
        return ""
    name = unicodedata.name(character, "")
    if name.startswith("GREEK "):
        return _greek(character, name)
    if name.startswith(("MATHEMATICAL ", "DOUBLE-STRUCK ", "SCRIPT ", "BLACK-LETTER ")):
        return _styled(character, name)
    return character


def _greek(character: str, name: str) -> str:
    """Returns the command of a plain Greek letter, such as `GREEK SMALL LETTER BETA`."""
    words = name.split()
    if len(words) != 4 or words[2] != "LETTER":
        return character
    letter = words[3].replace("LAMDA", "LAMBDA")
    if words[1] == "SMALL":
        return rf"\{letter.lower()}"
    return (
        rf"\mathrm{{{unicodedata.normalize('NFKC', character)}}}" if letter in SAME_AS_LATIN else rf"\{letter.title()}"
    )


def _styled(character: str, name: str) -> str:
    """Returns a letter of a styled alphabet, such as `MATHEMATICAL BOLD SMALL X`, as a plain letter in its style."""
    plain = unicodedata.normalize("NFKC", character)
    if plain == character:
        return character
    words = name.removeprefix("MATHEMATICAL ").replace("BLACK-LETTER", "FRAKTUR").lower().split()
    style = "-".join(word for word in words[:2] if word in ("bold", "italic", "fraktur", "script", "double-struck"))
    command = STYLES.get(style) or STYLES.get(words[0])
    inner = symbol(plain)
    return f"{command}{{{inner}}}" if command else inner
