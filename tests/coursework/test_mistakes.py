"""Every known mistake, put in place of the right code, is rejected by a check that the right code passes."""

import pytest
from checks import CHECKS, gradients_of_pairs, gradients_of_the_model, log_likelihood_by_hand, rows_are_alone
from hypothesis import given
from mutants import find, in_place, rejects
from support import seeds, whole_model

import npvae
import npvae.gradcheck
from npvae.coursework.mistakes import MISTAKES

COSTLY = (rows_are_alone, gradients_of_pairs, gradients_of_the_model, log_likelihood_by_hand)
CHEAP_FIRST = [check for check in CHECKS if check not in COSTLY] + list(COSTLY)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_right_code_passes(check):
    (whole_model(given(seed=seeds)(check.at)) if hasattr(check, "at") else check)()


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES.keys())
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_mistake_is_rejected(mistake):
    with in_place(mistake):
        assert any(rejects(check) for check in CHEAP_FIRST), mistake.what


@pytest.mark.parametrize("mistake", [m for m in MISTAKES.values() if m.alike], ids=lambda mistake: mistake.name)
def test_what_is_wrong_in_forward_and_backward_alike_passes_every_gradient_check(mistake):
    with in_place(mistake):
        gradients_of_pairs.at(0)
        gradients_of_the_model.at(0)


def test_a_mistake_is_in_every_place_that_holds_the_right_version_and_gone_afterwards():
    mistake, places = MISTAKES["tanh_taken_twice"], (npvae, npvae.layers)
    (wrong,) = mistake.wrong.values()
    right = npvae.tanh_backward
    with in_place(mistake):
        assert all(place.tanh_backward is wrong for place in places)
        assert npvae.layers.ACTIVATIONS["tanh"].backward is wrong
    assert all(place.tanh_backward is right for place in places)
    assert npvae.layers.ACTIVATIONS["tanh"].backward is right


def test_every_mistake_has_a_name_a_line_and_something_it_replaces():
    for name, mistake in MISTAKES.items():
        assert name == mistake.name
        assert "\n" not in mistake.what
        assert mistake.what
        for dotted, wrong in mistake.wrong.items():
            assert find(dotted)[2] is not wrong


def test_the_whole_catalogue_is_there_and_much_beyond_it():
    numbers = [mistake.number for mistake in MISTAKES.values()]
    assert set(numbers) - {None} == set(range(1, 39))
    assert numbers.count(None) >= 20
    assert sum(mistake.alike for mistake in MISTAKES.values()) >= 6
