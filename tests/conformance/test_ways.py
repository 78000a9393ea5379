"""One recipe, every engine, the same bytes."""

import pytest
from ways import WAYS, contents, differing, skip_or_fail


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_every_way_writes_the_same_bytes(way, curate, corpus, reference, row, tmp_path):
    if absent := way.absent():
        row(way.name, "skipped", absent)
        skip_or_fail(way.name, absent)
    assert reference.keys() >= {"dedup/removals.json", "decontaminate/contamination.json"}
    out = tmp_path / "out"
    with way.started(tmp_path) as words:
        done = curate("run", corpus, "-o", out, *words)
    other = differing(contents(out), reference) if done.code == 0 else []
    result = f"exit {done.code}" if done.code else f"{len(other)} files differ" if other else "same bytes"
    row(way.name, result, done.err.strip()[:80])
    assert done.code == 0, done.err
    assert other == []
    verified = curate("verify", out)
    assert verified.code == 0, verified.out  # names every stray file too
