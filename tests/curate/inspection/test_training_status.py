"""The status of a run whose model is in training."""

import shutil

import pytest

pytest.importorskip("torch", reason="training needs torch: pip install '.[train]'")
pytest.importorskip("vl_convert", reason="the loss curve needs vl-convert: pip install '.[train]'")

from curate.gpt.config import Train
from curate.gpt.train import train
from curate.inspection import status

TINY = Train(layers=1, heads=1, width=8, context=32, batch=4, steps=6, log_every=1, sample_tokens=1)


class Stop(Exception):
    """Ends a training between two steps."""


def test_the_training_of_a_run_is_shown_while_it_goes_on_stopped_and_done(quickstart, tmp_path):
    out, lines = tmp_path / "out", []
    shutil.copytree(quickstart, out)
    assert status.of(out).training == ""

    def report(progress):
        lines.append(status.of(out).training)
        if progress.step == 3:
            raise Stop

    with pytest.raises(Stop):
        train(out / "manifest.json", out / "train", TINY, report)
    assert lines[-1].startswith("running: step ")
    stopped = status.of(out)
    assert stopped.training == "stopped: step 3, 384 of 768 tokens; the same command goes on"
    assert status.lines(stopped)[-1] == f"train     {stopped.training}"
    with (out / "train" / "log.jsonl").open("ab") as log:
        log.write(b'{"step": 4, "tok')
    assert status.of(out) == stopped
    train(out / "manifest.json", out / "train", TINY)
    assert status.of(out).training == "done: step 6, 768 of 768 tokens"
