"""The recipe's [tokenize] and [pack] tables."""

from dataclasses import dataclass
from itertools import pairwise

from curate.settings import check

MOST_TOKENS = 2**53  # the largest number that JSON holds exactly everywhere


def is_tokenizer_file(encoding: str) -> bool:
    """Returns True where `tokenize.encoding` is the path of a file and not the name of one of tiktoken's encodings."""
    return encoding.endswith(".json") or "/" in encoding


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokenize:
    """The tokenizer that makes token ids of text."""

    encoding: str = "gpt2"  # the name of one of tiktoken's encodings, or the path of a Hugging Face tokenizer.json
    eot: str | None = None  # the token that ends every document; None: `<|endoftext|>`, or a tokenizer.json's own

    def __post_init__(self) -> None:
        check(bool(self.encoding), "encoding is a name such as 'gpt2', or the path of a tokenizer.json")
        check(self.eot != "", "eot is a token of the tokenizer's, such as '</s>'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """The packing of tokenized documents into shards; a document is never cut, and its split is drawn from its id."""

    max_tokens: int = 100_000_000  # of a shard, in tokens; the default is llm.c's and FineWeb's
    valid_fraction: float = 0.005  # share of the documents that go to the split "valid"
    valid_tokens: int = 0  # of each source in split "valid" at least; up to half of a source's is taken for it
    buckets: tuple[float, ...] = ()  # ascending edges of quality; documents between two are a source in the mixture
    clusters: tuple[int, ...] = ()  # the same by cluster size, in place of quality

    def __post_init__(self) -> None:
        check(1 <= self.max_tokens <= 2**29, f"max_tokens lies in 1..2^29 (1 GiB of uint16), got {self.max_tokens}")
        check(0 <= self.valid_fraction < 1, f"valid_fraction lies in [0, 1), got {self.valid_fraction}")
        check(0 <= self.valid_tokens <= MOST_TOKENS, f"valid_tokens lies in 0..2^53, got {self.valid_tokens}")
        rising = all(low < high for low, high in pairwise((0.0, *self.buckets, 1.0)))
        check(rising, f"buckets are edges between 0 and 1, ascending, got {list(self.buckets)}")
        rising = all(low < high for low, high in pairwise((1, *self.clusters)))
        check(rising, f"clusters are edges of cluster sizes from 2 on, ascending, got {list(self.clusters)}")
        check(not (self.buckets and self.clusters), "buckets and clusters both divide the sources; leave one out")
        check(len(self.clusters) < 100, f"at most 99 edges of clusters, got {len(self.clusters)}")
        check(len(self.buckets) < 100, f"at most 99 edges of buckets, got {len(self.buckets)}")
