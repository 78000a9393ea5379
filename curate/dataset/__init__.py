"""A finished dataset: its contract, and its forms for others.

Reading order: manifest, forms, export, trainers, croissant, datacard.
"""
