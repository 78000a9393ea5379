"""Beam's inspection of functions is remembered, and answers as before."""

import inspect

from curate.pipelines.engines.inspection import remembering


class Step:
    """A class with methods to inspect."""

    def process(self, element, folder="x"):
        return element, folder

    def other(self, element):
        return element


def test_each_function_is_inspected_once_and_its_methods_apart():
    inspected = []

    def arguments(function):
        inspected.append(function)
        parameters = inspect.signature(function).parameters.values()
        return [one.name for one in parameters], [one.default for one in parameters if one.default is not one.empty]

    remembered = remembering(arguments)
    first, second = Step(), Step()
    for _ in range(2):
        for function in (first.process, second.process, Step.process, first.other, len, lambda one: one):
            assert remembered(function) == arguments(function)
    bound = [function for function in inspected if function == first.process]
    assert len(bound) == 1 + 2  # of the one that remembers, and of the comparisons


def test_an_answer_that_is_changed_stays_as_it_was():
    remembered = remembering(lambda _: (["element"], [1]))
    remembered(Step.process)[0].clear()
    assert remembered(Step.process) == (["element"], [1])
