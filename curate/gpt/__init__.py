"""Trains one small model on a dataset; only this folder and loader/torch_dataset.py import torch.

Reading order: config, model, train, heldout, result.
"""
