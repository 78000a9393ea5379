"""Fixtures of the tests of models."""

from collections.abc import Iterator

import pytest


@pytest.fixture
def one_thread_offline(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tiny tensors gain nothing from threads, and a folder that lacks a file is not looked for on the Hub."""
    import torch

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # other tests of this process go online
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
