"""Compares data by the models that they train, at equal tokens, on judges: texts that none of the datasets holds."""
