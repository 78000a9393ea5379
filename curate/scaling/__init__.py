"""Trains a ladder of model sizes on one dataset, and fits laws of loss against compute.

Reading order: config, rungs, ladder, runs, fit, record.
"""
