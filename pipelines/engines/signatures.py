"""Beam looks at the signature of a method once: it asks for it a hundred times, a third of the wiring of a pipeline."""

import types
import weakref
from collections.abc import Callable
from inspect import Signature
from typing import Any

SignatureOf = Callable[[Callable[..., Any]], Signature]


def remember() -> None:
    """Has Beam keep the signatures of methods; a Beam that asks elsewhere is as it was."""
    from apache_beam.transforms import core

    if not isinstance(core.get_signature, Remembered):
        core.get_signature = Remembered(core.get_signature)


class Remembered:
    """A function from callables to signatures that remembers those of methods, which depend on their function alone."""

    def __init__(self, look: SignatureOf) -> None:
        self._look = look
        self._of_function: weakref.WeakKeyDictionary[Callable[..., Any], Signature] = weakref.WeakKeyDictionary()

    def __call__(self, function: Callable[..., Any]) -> Signature:
        """Returns the signature of a callable; that of a method comes from memory the second time."""
        if not isinstance(function, types.MethodType) or not isinstance(function.__func__, types.FunctionType):
            return self._look(function)
        if (signature := self._of_function.get(function.__func__)) is None:
            signature = self._of_function[function.__func__] = self._look(function)
        return signature
