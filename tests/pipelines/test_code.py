"""Pages with the same code go from their archive to shards; every line of it comes out as the pages have it."""

from html import escape
from pathlib import Path

import numpy as np
import pytest
from archives import by_warcio, response

from curate.pipelines import verbs
from curate.pipelines.engines.engine import Engine
from curate.pipelines.engines.target import EngineOptions
from curate.tokens.load import load

pytestmark = pytest.mark.processes

CODE = """def ring(bells,  times = 3):
\t# One stroke. Two strokes. Three strokes.
\tfor bell in bells:
\t\tring(bell)     # aligned
\t\twait(3)


\treturn  {"a": 1,\t"b": 2}"""
SETTINGS = {"filter": ('filter.rules=["gopher_quality"]',), "pack": ("pack.max_tokens=1000",)}
TEXTS = (
    "The keeper of the light walked to the harbour before the sun rose. He looked at the boats that had come in.",
    "A carpenter from the next valley rebuilt the wooden frame. His daughter painted the numerals in blue and gold.",
)


def page(text: str) -> bytes:
    spans = "\n".join(f'<span class="k">{escape(line)}</span>' for line in CODE.split("\n"))
    numbers = "\n".join(map(str, range(1, 9)))
    table = (
        f'<table><tr><td class="linenos"><pre>{numbers}</pre></td><td class="code"><pre>{spans}</pre></td></tr></table>'
    )
    return f"<html><body><article><h1>Bells</h1><p>{text * 4}</p>{table}<p>{text}</p></article></body></html>".encode()


def test_code_comes_out_of_the_shards_as_the_pages_have_it(tmp_path: Path):
    engine = Engine(target=EngineOptions(workers=1))
    records = [response(f"http://site{number}.example/", page(text)) for number, text in enumerate(TEXTS)]
    (tmp_path / "in.warc.gz").write_bytes(by_warcio(*records))
    inputs = tmp_path / "in.warc.gz"
    for stage in ("extract", "filter", "lines", "tokenize", "pack"):
        out = tmp_path / stage
        settings = SETTINGS.get(stage, ())
        verbs.run(stage, (str(inputs),), out, None, settings, engine, "web")
        inputs = out
    ids = np.concatenate([np.fromfile(shard, np.uint16) for shard in inputs.rglob("*.bin")])
    assert load("gpt2").decode(ids.tolist()).count(f"\n\n{CODE}\n\n") == len(TEXTS)
