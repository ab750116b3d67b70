import inspect

import matplotlib.pyplot as plt
import pytest

import npvae
from npvae import lessons


def test_a_function_is_shown_as_it_stands_without_its_docstring(capsys):
    lessons.show_source(npvae.reparameterize_backward)
    shown = capsys.readouterr().out.rstrip("\n")
    whole = inspect.getsource(npvae.reparameterize_backward)
    assert shown.startswith("def reparameterize_backward(dz")
    assert shown.endswith("    sigma, eps = cache\n    return dz, 0.5 * dz * sigma * eps")
    assert '"""' not in shown
    assert len(shown.splitlines()) == 3
    assert set(shown.splitlines()) <= set(whole.splitlines())


def test_a_method_is_shown_from_the_margin_and_several_stand_a_line_apart(capsys):
    lessons.show_source(npvae.VAE.forward, npvae.VAE.backward)
    shown = capsys.readouterr().out
    assert shown.startswith("def forward(self")
    assert "\n\ndef backward(self" in shown
    assert "kl, kl_cache = kl_divergence(mu, logvar)" in shown


def without_docstring(x):
    return x  # and a comment


def test_a_function_without_a_docstring_is_shown_whole():
    assert lessons.source(without_docstring) == inspect.getsource(without_docstring).rstrip("\n")


def test_lesson_figures_have_80_dots_an_inch_and_lines_that_differ_in_style_as_in_colour():
    with plt.rc_context():
        lessons.use_lesson_style()
        assert plt.rcParams["figure.dpi"] == 80
        cycle = plt.rcParams["axes.prop_cycle"].by_key()
    assert len(set(cycle["color"])) == len(set(cycle["linestyle"])) == 4


@pytest.mark.parametrize("item", [npvae.dense, npvae.kl_divergence, npvae.VAE.decode])
def test_what_is_shown_is_still_python(item):
    compile(lessons.source(item), "shown", "exec")
