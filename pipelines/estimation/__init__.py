"""Estimates the cost of a run from the listing of its inputs and a sample that goes through the stages themselves.

Reading order: estimate, listing, places, rows, trial, weights, costs.
"""
