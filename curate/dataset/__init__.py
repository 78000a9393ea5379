"""Writes the manifest of a finished dataset, and exports it in the forms of other programs.

Reading order: manifest, forms, export, trainers, croissant, datacard.
"""
