"""Beam's inspection of functions is remembered, and answers as before; its samplers have no threads."""

import inspect
import threading

from apache_beam.runners.worker import statesampler
from apache_beam.utils.counters import CounterFactory

from curate.pipelines.engines.inspection import never_sample, remembering, remembering_objects


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


def test_an_object_is_inspected_once_unless_it_may_equal_another():
    inspected = []

    def specs(step):
        inspected.append(step)
        return {id(step)}, set()

    class Equal(Step):
        def __eq__(self, other):
            return isinstance(other, Equal)

        def __hash__(self):
            return 1

    remembered, steps = remembering_objects(specs), [Step(), Step(), Equal(), Equal()]
    for _ in range(2):
        for step in steps:
            states, timers = remembered(step)
            assert (states, timers) == ({id(step)}, set())
            states.clear()
    assert [inspected.count(step) for step in steps[:2]] == [1, 1]
    assert len(inspected) == 2 + 4


def test_a_bundle_waits_for_no_sampler_and_its_steps_are_distinguished():
    never_sample()
    sampler, threads = statesampler.StateSampler("bundle", CounterFactory()), threading.active_count()
    for _ in range(2):
        sampler.start()
        assert statesampler.get_current_tracker() is sampler
        with sampler.scoped_state("step", "process"):
            assert sampler.current_state().name.step_name == "step"
        assert threading.active_count() == threads
        sampler.stop_if_still_running()
        assert statesampler.get_current_tracker() is None
        sampler.reset()
