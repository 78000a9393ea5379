"""Reads shards as training samples in the stated proportions, with numpy alone.

Reading order: mixture, sampler, streams, loader, lineage, torch_dataset.
"""

from curate.loader.lineage import Place as Place
from curate.loader.loader import Loader as Loader
from curate.loader.loader import SourceProgress as SourceProgress
