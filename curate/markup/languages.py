"""The language of code, as a page names it in classes and attributes."""

import re
from itertools import islice
from typing import Any

NAMES = (
    "abap actionscript ada apache applescript arduino asm assembly autohotkey awk ballerina bash basic bat batch"
    " batchfile bibtex brainfuck c c# c++ clike clojure cmake cmd cobol coffee coffeescript console cpp cs csharp"
    " csh css csv cuda cypher cython d dart delphi diff django docker dockerfile dos elisp elixir elm erb erlang"
    " f# fish fortran fsharp gherkin glsl go golang gradle graphql groovy haml handlebars haskell hcl hlsl html"
    " http ini j java javascript jinja jinja2 js json json5 jsonc jsx julia kotlin kql kt latex lean lean4 less"
    " liquid lisp log lua makefile markdown markup mathematica matlab md mdx mermaid mysql nasm nginx nim nix objc"
    " objective-c objectivec ocaml octave pascal patch perl pgsql php pine plpgsql plsql postgresql powershell"
    " prisma prolog promql proto protobuf ps1 puppet purescript py pycon python python2 python3 qml r racket raku"
    " rb regex rexx rst ruby rust sas sass scala scheme scss sh shell shell-session shellsession smali solidity"
    " sparql sql stata stylus svelte svg swift systemverilog tcl terminal terraform tex toml ts tsql tsx twig"
    " typescript typst vb vba vbnet verilog vhdl vim vue wasm wgsl wolfram x86asm xhtml xml xpath xquery yaml yml"
    " zig zsh"
)
LANGUAGES = frozenset(NAMES.split())
NO_LANGUAGE = frozenset(
    (
        *("", "*", "auto", "default", "no-highlight", "nohighlight", "none", "plain", "plaintext", "text", "txt"),
        "undefined",
    )
)
STATED = re.compile(
    r"(?:^|\s)(?:language|lang|highlight-source|highlight-text|brush)[-:_]\s*([\w+#.*-]+)", re.IGNORECASE
)
NAMED = re.compile(r"(?:^|\s)(?:highlight|hljs|code|src|source|syntax|language|lang)-([\w+#.]+)", re.IGNORECASE)
ATTRIBUTES = (
    *("data-lang", "data-language", "data-enlighter-language", "language", "data-code-language"),
    *("data-code-block-lang", "data-programming-language"),
)
AMBIGUOUS = frozenset(  # words that classes hold for other reasons, unless another one says that they name a language
    ("c", "d", "go", "j", "r", "basic", "log", "less", "http", "terminal", "console", "diff", "svg", "elm")
)
OF_CODE = frozenset(("sourcecode", "highlight", "code", "hljs", "prettyprint", "brush"))
READ = 8  # elements in the code that may name its language
ANCESTORS = 3  # elements around the code that may name its language


def language_of(element: Any, body: Any) -> str:
    """Returns the language that the code's element, its body or an element around them names; "" for none."""
    places = [body, element, *islice(element.iterdescendants("code", "pre"), READ)]
    for place in places:
        if language := _stated(place) or _named_bare(place):
            return language
    around = element.getparent()
    for _ in range(ANCESTORS):
        if around is None or not isinstance(around.tag, str) or around.tag in ("body", "article", "main"):
            return ""
        if (language := _stated(around)) in LANGUAGES:
            return language
        if "highlight" in (around.get("class") or "") and (language := _named_bare(around)):
            return language
        around = around.getparent()
    return ""


def _stated(element: Any) -> str:
    """Returns the language that an attribute, or a class such as `language-x`, states."""
    attributes = element.attrib
    if not attributes:
        return ""
    classes = attributes.get("class") or ""
    if match := STATED.search(classes):
        language = match[1].lower().rstrip(";")
        return "" if language in NO_LANGUAGE else language
    for match in NAMED.finditer(classes):
        if match[1].lower() in LANGUAGES:
            return match[1].lower()
    for name in ATTRIBUTES:
        if language := (attributes.get(name) or "").strip().lower():
            return "" if language in NO_LANGUAGE or not language.replace("-", "").isprintable() else language.split()[0]
    return ""


def _named_bare(element: Any) -> str:
    """Returns the language that a class alone names, such as `python`, or the attribute `lang` of old highlighters."""
    words = (element.get("class") or "").lower().split()
    is_code = not OF_CODE.isdisjoint(words)
    for word in words:
        if word in LANGUAGES and (is_code or word not in AMBIGUOUS):
            return word
    language = (element.get("lang") or "").lower()
    return language if language in LANGUAGES and len(language) > 2 else ""
