"""The quality model: made, measured, applied; the keep rules.

Reading order: config, classifier, keep, scores, windows, training, measure, plot, model_file.
"""
