"""The wiring of the stage dedup, with an index and without."""
