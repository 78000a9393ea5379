"""Make language-model training data: every document kept or rejected with a reason, the same bytes on any runner."""

__version__ = "0.1.0"
