"""What every lesson uses: sources as they are shown, the style of figures, one thread."""

import inspect

import matplotlib.pyplot as plt
import numpy as np
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


def test_codes_are_drawn_as_their_digits_where_they_lie():
    z, labels = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]), np.array([7, 3, 7])
    figure, axes = plt.subplots()
    lessons.scatter_digits(axes, z, labels)
    drawn = axes.collections
    assert [len(collection.get_offsets()) for collection in drawn] == [0, 0, 0, 1, 0, 0, 0, 2, 0, 0]
    assert np.array_equal(drawn[7].get_offsets(), z[[0, 2]])
    shapes = {collection.get_paths()[0].vertices.tobytes() for collection in drawn}
    assert len(shapes) == 10
    plt.close(figure)
