"""How long a run lasts, and the learning rate of each step."""

import math

from curate.gpt.config import Train

FINAL_SHARE = 0.1  # of the learning rate, at the end of the cosine; GPT-3, appendix B


def learning_rate(step: int, settings: Train) -> float:
    """Returns the rate of step 1 .. steps: linear warm-up, then a cosine down to a tenth at the last step."""
    if step <= settings.warmup:
        return settings.learning_rate * step / settings.warmup
    done = (step - settings.warmup) / max(1, settings.steps - settings.warmup)
    return settings.learning_rate * (FINAL_SHARE + (1 - FINAL_SHARE) * (1 + math.cos(math.pi * done)) / 2)
