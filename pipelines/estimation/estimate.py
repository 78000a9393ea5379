"""READ FIRST: what a run of a recipe would read, write, shuffle, hold and cost, stage by stage."""

import tempfile
from collections.abc import Callable
from pathlib import Path

from curate.errors import SettingsError
from curate.pipelines import plans
from curate.pipelines.engines.target import cores, quiet_beam
from curate.pipelines.estimation import listing, places, trial
from curate.pipelines.estimation.listing import Listing
from curate.pipelines.estimation.places import Sample
from curate.pipelines.estimation.projection import Estimate, Projection
from curate.pipelines.estimation.trial import Trial
from curate.pipelines.stages.given import quiet
from curate.recipe import Recipe


def estimate(
    recipe: Recipe,
    *,
    pages: int = 400,
    workers: int | None = None,
    unique: float | None = None,
    say: Callable[[str], None] = quiet,
) -> Estimate:
    """Estimates a run on machines like this one by a sample of about so many pages or rows.

    SettingsError where it could not run. unique: the share of documents that dedup keeps; None: as in the sample. say:
    called with what is being done.
    """
    if pages < places.PAGES:
        raise SettingsError(f"--sample {pages}: at least {places.PAGES} pages")
    if unique is not None and not 0 < unique <= 1:
        raise SettingsError(f"--unique {unique}: a share above 0 and up to 1")
    if workers is not None and workers < 1:
        raise SettingsError(f"--workers {workers}: need at least one worker")
    inputs, sample, tried = measured(recipe, pages, say)
    return Projection(recipe, inputs, sample, tried, workers or cores(), unique).estimate()


def measured(recipe: Recipe, pages: int, say: Callable[[str], None] = quiet) -> tuple[Listing, Sample, Trial]:
    """Lists the inputs of a recipe, draws a sample, and runs it; all files of it are gone at the end."""
    quiet_beam(connectors=False)
    with tempfile.TemporaryDirectory(prefix="curate-") as folder:
        out, drawn = Path(folder) / "run", Path(folder) / "sample"
        out.mkdir()
        drawn.mkdir()
        plans.check_model_files(recipe, out)
        say("listing the inputs")
        inputs = listing.listed(recipe, out)
        say("drawing the sample")
        sample = places.drawn(inputs, pages, drawn)
        return inputs, sample, trial.run(recipe, sample, out, say)
