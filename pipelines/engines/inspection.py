"""Has Beam inspect each function once, and take no samples: most of the time of a small graph goes there.

Beam asks for the arguments of every method of every DoFn several times, when a transform is applied, when the graph is
written and when a worker reads it, and inspects the same functions and objects each time. For metrics that nothing here
reads, it samples which step of a bundle runs, by a thread that sleeps for up to 0.2 s, and waits for it at the bundle's
end.
"""

import threading
import types
from collections.abc import Callable
from functools import wraps
from typing import Any
from weakref import WeakKeyDictionary

Arguments = tuple[list[str], list[Any]]  # their names, and the defaults of the last ones


def inspect_once() -> None:
    """Replaces Beam's functions for that, in this process, by ones that remember their answers."""
    from apache_beam.transforms import core, userstate

    if not hasattr(core.get_function_args_defaults, "__wrapped__"):
        core.get_function_args_defaults = remembering(core.get_function_args_defaults)
        userstate.get_dofn_specs = remembering_objects(userstate.get_dofn_specs)


def never_sample() -> None:
    """Replaces the start and the end of Beam's samplers, in this process, by ones without a thread."""
    from apache_beam.runners.worker import statesampler

    def start(sampler: Any) -> None:
        sampler.tracked_thread, sampler.started = threading.current_thread(), True
        statesampler.set_current_tracker(sampler)

    def stop(sampler: Any) -> None:
        sampler.finished = True
        statesampler.set_current_tracker(None)

    statesampler.StateSampler.start, statesampler.StateSampler.stop = start, stop


def remembering(inspect: Callable[[Any], Arguments]) -> Callable[[Any], Arguments]:
    """Returns a function with the answers of `inspect`, which is called once for a function and once for its methods.

    A method lacks the first argument of its function, and is the same for every object of a class.
    """
    bound: WeakKeyDictionary[Any, Arguments] = WeakKeyDictionary()
    free: WeakKeyDictionary[Any, Arguments] = WeakKeyDictionary()

    @wraps(inspect)
    def arguments(function: Any) -> Arguments:
        is_method = type(function) is types.MethodType
        remembered, key = (bound, function.__func__) if is_method else (free, function)
        if type(key) is not types.FunctionType:  # only these are sure to be equal to nothing but themselves
            return inspect(function)
        names, defaults = remembered.get(key) or remembered.setdefault(key, inspect(function))
        return [*names], [*defaults]

    return arguments


def remembering_objects(inspect: Callable[[Any], tuple[set[Any], ...]]) -> Callable[[Any], tuple[set[Any], ...]]:
    """Returns a function with the answers of `inspect`, which is called once for an object."""
    remembered: WeakKeyDictionary[Any, tuple[set[Any], ...]] = WeakKeyDictionary()

    @wraps(inspect)
    def answered(inspected: Any) -> tuple[set[Any], ...]:
        kind: Any = type(inspected)
        if kind.__hash__ is not object.__hash__:  # only these are sure to be equal to nothing but themselves
            return inspect(inspected)
        answer = remembered.get(inspected) or remembered.setdefault(inspected, inspect(inspected))
        return tuple(set(specs) for specs in answer)

    return answered
