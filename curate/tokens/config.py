"""The recipe's [tokenize] and [pack] tables."""

from dataclasses import dataclass
from itertools import pairwise

from curate.settings import check


def is_tokenizer_file(encoding: str) -> bool:
    """Does `tokenize.encoding` name a file rather than one of tiktoken's?"""
    return encoding.endswith(".json") or "/" in encoding


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokenize:
    """Text to ids. encoding: the name of one of tiktoken's, or the path of a Hugging Face tokenizer.json.

    eot: the token that ends every document; without it `<|endoftext|>`, or what a tokenizer.json has in its place.
    """

    encoding: str = "gpt2"
    eot: str | None = None

    def __post_init__(self) -> None:
        check(bool(self.encoding), "encoding is a name such as 'gpt2', or the path of a tokenizer.json")
        check(self.eot != "", "eot is a token of the tokenizer's, such as '</s>'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """Shards: at most max_tokens each (llm.c's and FineWeb's 100M), documents never cut, a split drawn from the id.

    buckets: edges of quality, ascending; the documents between two of them are a source of their own in the mixture.
    """

    max_tokens: int = 100_000_000
    valid_fraction: float = 0.005
    buckets: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        check(1 <= self.max_tokens <= 2**29, f"max_tokens lies in 1..2^29 (1 GiB of uint16), got {self.max_tokens}")
        check(0 <= self.valid_fraction < 1, f"valid_fraction lies in [0, 1), got {self.valid_fraction}")
        rising = all(low < high for low, high in pairwise((0.0, *self.buckets, 1.0)))
        check(rising, f"buckets are edges between 0 and 1, ascending, got {list(self.buckets)}")
        check(len(self.buckets) < 100, f"at most 99 edges of buckets, got {len(self.buckets)}")
