"""Hands a recipe over to Dataflow as one job, from the command line or from a Flex Template.

Reading order: submit, launcher, flextemplate.
"""
