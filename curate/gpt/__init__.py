"""The bundled trainer; the only folder besides loader/torch_dataset.py that imports torch.

Reading order: config, model, train, heldout, result.
"""
