"""Looks at an output and changes nothing.

Reading order: funnel, history, verify, report.
"""
