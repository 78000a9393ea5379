"""Writes the manifest of a finished dataset, and exports it in the forms of other programs.

Reading order: manifest, chained, forms, export, trainers, croissant, datacard, texts, text_files.
"""
