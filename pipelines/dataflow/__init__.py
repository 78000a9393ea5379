"""Dataflow: hand-over, template, image.

Reading order: submit, launcher, flextemplate.
"""
