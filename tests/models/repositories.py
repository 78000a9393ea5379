"""Texts of public repositories of documentation, recipes, papers and answers, of a fixed commit each.

`sources.json` names the repositories, what is taken of them, its kind and its licence. SOURCES holds a clone of each:

    git clone --bare https://github.com/OWNER/NAME SOURCES/OWNER+NAME
"""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from lxml import etree

TEXTS = 80  # of one repository at most, taken in the order of a hash of their paths
LIST = Path(__file__).with_name("sources.json")

FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
# What Markdown, reStructuredText and AsciiDoc mark: the rest of a line that is a directive, and signs around words.
DIRECTIVES = re.compile(
    r"^\s*(?:\.\. |:[\w-]+:|\[\[|\{\{|!\[|<!--|//|ifdef::|include::|image::|\[source).*$", re.MULTILINE
)
SIGNS = (
    (re.compile(r"\[([^\[\]\n]*)\]\([^()\n]*\)"), r"\1"),
    (re.compile(r":[\w:]+:`~?([^`<\n]*?)(?: <[^`\n]*>)?`"), r"\1"),
    (re.compile(r"<[^<>\n]{1,200}>"), ""),
    (re.compile(r"^(?:#+|=+|\*|-) +", re.MULTILINE), ""),
    (re.compile(r"^[=\-~^*+\"#`]{3,}\w*$", re.MULTILINE), ""),
    (re.compile(r"[*`_]{1,3}(\S[^*`\n]*?)[*`_]{1,3}"), r"\1"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository and what is taken of it."""

    repository: str  # owner and name
    commit: str
    paths: str  # a regular expression of whole paths
    kind: str
    licence: str

    @property
    def host(self) -> str:
        """A host of its own, as all of its texts are held out together or train together."""
        return ".".join(reversed(self.repository.lower().split("/"))) + ".repository.example"

    def folder(self, sources: Path) -> Path:
        """Returns the folder of its clone."""
        return sources / self.repository.replace("/", "+")


def repositories() -> list[Repository]:
    """Returns the repositories of the list."""
    return [Repository(**row) for row in json.loads(LIST.read_text())]


def texts(repository: Repository, sources: Path) -> Iterator[tuple[str, str]]:
    """Yields the address and the text of the documents of a repository; no more than TEXTS."""
    names = _git(repository, sources, "ls-tree", "-r", "--name-only", repository.commit).splitlines()
    paths = [name for name in names if re.fullmatch(repository.paths, name)]
    number = 0
    for path in sorted(paths, key=lambda path: blake2b(path.encode()).digest()):
        content = _git(repository, sources, "show", f"{repository.commit}:{path}")
        for text in documents(path, content):
            if number == TEXTS:
                return
            number += 1
            yield f"http://{repository.host}/{path}", text


def documents(path: str, content: str) -> Iterator[str]:
    """Yields the texts of a file: of each line of JSON lines, of the questions and answers of XML, or of the whole."""
    if path.endswith(".jsonl"):
        yield from (" ".join(json.loads(line)["source"]) for line in content.splitlines())
    elif path.endswith(".xml"):
        pairs = etree.fromstring(content.encode()).iter("Question", "Answer")
        yield "\n\n".join("\n".join(map(str.strip, (pair.text or "").splitlines())) for pair in pairs)
    else:
        yield without_marks(content)


def without_marks(text: str) -> str:
    """Returns a text of a markup language of plain text without its marks.

    >>> without_marks("---\\ntitle: x\\n---\\n# Soup\\n\\n- *Boil* [water](http://a.example/)")
    'Soup\\n\\nBoil water'
    """
    text = DIRECTIVES.sub("", FRONT_MATTER.sub("", text))
    for pattern, replacement in SIGNS:
        text = pattern.sub(replacement, text)
    return re.sub(r"\n\s*\n+", "\n\n", text).strip()


def _git(repository: Repository, sources: Path, *words: str) -> str:
    """Returns what git prints of a clone."""
    command = ["git", "-C", str(repository.folder(sources)), *words]
    return subprocess.run(command, capture_output=True, check=True).stdout.decode("utf-8", "replace")
