"""Every known mistake, put in place of the right code, is rejected by a check that the right code passes."""

import re
import sys
from functools import cache, partial
from pathlib import Path

import pytest
from checks import CHECKS, gradients_of_pairs, gradients_of_the_model
from mutants import in_place, rejects
from wrong_versions import WRONG_VERSIONS
from wrong_versions.table import change

import npvae
import npvae.gradcheck


def at_one_seed(check):
    return partial(check.at, 0) if hasattr(check, "at") else check


@cache
def called_by(check):
    """Every function that a check calls: it cannot reject what stands in the place of another."""
    called = set()
    sys.setprofile(lambda frame, event, arg: called.add(frame.f_code) if event == "call" else None)
    try:
        at_one_seed(check)()
    finally:
        sys.setprofile(None)
    return called


def may_reject(check, mistake):
    codes = [getattr(right, "__code__", None) for right in mistake.wrong]
    return any(code is None or code in called_by(check) for code in codes)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_right_code_passes(check):
    check()


@pytest.mark.parametrize("mistake", WRONG_VERSIONS.values(), ids=WRONG_VERSIONS.keys())
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_mistake_is_rejected(mistake):
    likely = [check for check in CHECKS if may_reject(check, mistake)]
    with in_place(mistake):
        assert any(rejects(check) for check in (*map(at_one_seed, likely), *likely, *CHECKS)), mistake.what


@pytest.mark.parametrize("mistake", [m for m in WRONG_VERSIONS.values() if m.alike], ids=lambda mistake: mistake.name)
def test_what_is_wrong_in_forward_and_backward_alike_passes_every_gradient_check(mistake):
    with in_place(mistake):
        for check in gradients_of_pairs:
            check.at(0)
        gradients_of_the_model.at(0)


def test_a_mistake_is_in_every_place_that_holds_the_right_version_and_gone_afterwards():
    mistake, places = WRONG_VERSIONS["relu_backward_times_h"], (npvae, npvae.layers)
    (wrong,) = mistake.wrong.values()
    right = npvae.relu_backward
    with in_place(mistake):
        assert all(place.relu_backward is wrong for place in places)
        assert npvae.layers.ACTIVATIONS["relu"].backward is wrong
    assert all(place.relu_backward is right for place in places)
    assert npvae.layers.ACTIVATIONS["relu"].backward is right


def test_every_mistake_has_a_name_a_line_and_something_it_replaces():
    for name, mistake in WRONG_VERSIONS.items():
        assert name == mistake.name
        assert "\n" not in mistake.what
        assert mistake.what
        assert all(right is not wrong for right, wrong in mistake.wrong.items())


@pytest.mark.parametrize(("text", "times"), [("np.minimum", 0), ("h", 3)])
def test_a_line_to_be_changed_must_be_found_once(text, times):
    with pytest.raises(ValueError, match=f"^relu has '{text}' {times} times, expected once$"):
        change(npvae.relu, text, "")


def test_the_whole_catalogue_is_there_and_much_beyond_it():
    numbers = [mistake.number for mistake in WRONG_VERSIONS.values()]
    assert set(numbers) - {None} == set(range(1, 39))
    assert numbers.count(None) >= 20
    assert sum(mistake.alike for mistake in WRONG_VERSIONS.values()) >= 6


def test_there_are_more_mistakes_than_the_readmes_say():
    tests = Path(__file__).parents[1]
    for page in (tests.parent / "README.md", tests / "README.md"):
        (said,) = re.findall(r"more than (\d+) wrong versions", page.read_text("utf-8"))
        assert len(WRONG_VERSIONS) > int(said), page
