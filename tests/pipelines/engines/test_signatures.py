"""Signatures of methods from memory are those that Python gives, and Beam tells stateful functions apart by them."""

import inspect

import apache_beam as beam
import pytest
from apache_beam.coders import VarIntCoder
from apache_beam.transforms import core
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec, is_stateful_dofn

from curate.pipelines.engines.signatures import Remembered, remember
from curate.pipelines.engines.target import quiet_beam


class Plain(beam.DoFn):
    def process(self, element, scale=2):
        yield element * scale


class Counting(Plain):
    COUNT = ReadModifyWriteStateSpec("count", VarIntCoder())

    def process(self, element, count=beam.DoFn.StateParam(COUNT)):  # noqa: B008 - Beam reads it there
        yield element


@pytest.mark.parametrize("kind", [Plain, Counting])
def test_a_method_has_the_signature_that_python_gives_each_time_and_is_looked_at_once(kind):
    looked = []
    signature_of = Remembered(lambda function: looked.append(function) or inspect.signature(function))
    for instance in (kind(), kind(), kind()):
        assert signature_of(instance.process) == inspect.signature(instance.process)
        assert signature_of(instance.setup) == inspect.signature(instance.setup)
        assert signature_of(kind.process) == inspect.signature(kind.process)
    methods = [function for function in looked if inspect.ismethod(function)]
    assert len(methods) == len({function.__name__ for function in methods}) == 2


def test_functions_without_a_name_of_their_own_are_told_apart():
    signature_of = Remembered(inspect.signature)
    assert [[*signature_of(function).parameters] for function in (lambda a: a, lambda b: b)] == [["a"], ["b"]]
    assert signature_of("text".split) == inspect.signature("text".split)


def test_beam_remembers_from_its_import_on_and_finds_state_as_before():
    quiet_beam()
    remembered = core.get_signature
    assert isinstance(remembered, Remembered)
    remember()
    assert core.get_signature is remembered
    for _ in range(2):
        assert is_stateful_dofn(Counting())
        assert not is_stateful_dofn(Plain())
