"""What the stage dedup is wired of, with an index and without."""
