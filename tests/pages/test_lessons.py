"""What every lesson uses: sources as they are shown, the style of figures, one thread."""

import inspect

import matplotlib.pyplot as plt
import pytest

import npvae
from npvae import lessons


def test_a_function_is_shown_as_it_stands_without_docstring_and_annotations(capsys):
    lessons.show_source(npvae.reparameterize_backward)
    assert capsys.readouterr().out == (
        "def reparameterize_backward(dz, cache):\n    sigma, eps = cache\n    return dz, 0.5 * dz * sigma * eps\n"
    )


def test_a_method_is_shown_from_the_margin_and_several_stand_a_line_apart(capsys):
    lessons.show_source(npvae.VAE.forward, npvae.VAE.backward)
    shown = capsys.readouterr().out
    assert shown.startswith("def forward(self, x, eps):\n")
    assert "\n\ndef backward(self, dloss, cache, grads):\n" in shown
    assert "kl, kl_cache = kl_divergence(mu, logvar)" in shown


def without_docstring(x, *rest, y=1, **others):
    return {x: y}  # and a comment


def annotated(x: "dict[str, int]", *rest: int, y: int = 1, **others: float) -> "dict[str, int]":
    """A docstring.

    In two paragraphs: é.
    """
    z: int = 1  # é
    return {x: y + z}


def test_nothing_else_is_left_out():
    assert lessons.source(without_docstring) == inspect.getsource(without_docstring).rstrip("\n")
    assert lessons.source(annotated).splitlines() == [
        "def annotated(x, *rest, y=1, **others):",
        "    z: int = 1  # é",
        "    return {x: y + z}",
    ]


def test_lesson_figures_have_80_dots_an_inch_and_lines_that_differ_in_style_as_in_colour():
    with plt.rc_context():
        lessons.start_lesson()
        assert plt.rcParams["figure.dpi"] == 80
        cycle = plt.rcParams["axes.prop_cycle"].by_key()
    assert len(set(cycle["color"])) == len(set(cycle["linestyle"])) == 4


@pytest.mark.parametrize("item", [npvae.dense, npvae.kl_divergence, npvae.VAE.decode])
def test_what_is_shown_is_still_python(item):
    compile(lessons.source(item), "shown", "exec")
