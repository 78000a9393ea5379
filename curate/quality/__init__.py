"""Trains, measures and applies the quality model, and decides by its scores which documents are kept.

Reading order: config, classifier, keep, scores, windows, training, measure, plot, model_file.
"""
