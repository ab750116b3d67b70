"""The last cell of an assignment: a model of the student's own functions, once all of them are right."""

import json

import numpy as np
import pytest
from choices import EVERY_CHOICE

import npvae
from npvae.coursework import Checker, own_vae
from npvae.coursework import last_cell as program
from npvae.coursework.assignments import variant
from npvae.coursework.exercises import SHORT, asked
from npvae.coursework.handout import assigned, find_master, write_handout
from npvae.coursework.last_cell import kind_of
from npvae.coursework.notebook import role, source


def solved(line, short, folder):
    """A check that has found all of the master's solutions right."""
    (path,) = write_handout(folder, line, short=short, solutions=True)
    names = {}
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        if role(cell) in ("given", "answer") and "own_vae" not in source(cell):
            exec(source(cell), names)
    check = names["check"]
    check.right = {
        name: tuple(names[function] for function in exercise.functions)
        for name, exercise in asked(check.variant).items()
    }
    return check


@pytest.fixture
def small(monkeypatch, tmp_path):
    """A model that is trained in a moment, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(program, "EPOCHS", 4)
    monkeypatch.setattr(program, "HIDDEN", 12)
    monkeypatch.setattr(program, "LR", 0.02)
    monkeypatch.setattr(program, "SECONDS", 1000)


@pytest.mark.parametrize("short", [False, True], ids=["long", "short"])
@pytest.mark.parametrize("line", ["textbook", *EVERY_CHOICE], ids=lambda line: variant(line).name)
def test_the_solutions_of_every_choice_and_form_train(line, short, small, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(program, "shown", lambda losses, images, chosen: shown.append((losses, images)))
    own_vae(solved(line, short, tmp_path / "out"))
    ((losses, images),) = shown
    assert len(losses) == 4
    assert losses[-1] < losses[0]
    assert images.shape == (60, 64)
    assert (
        np.corrcoef(np.median(images, axis=0), npvae.load_digits()[0][0].mean(axis=0))[0, 1] > 0.8
    )  # ink where digits have it


def test_a_mistake_that_check_was_not_asked_about_shows_in_the_curve(small, tmp_path, monkeypatch):
    curves = []
    monkeypatch.setattr(program, "shown", lambda losses, *rest: curves.append(losses))
    check = solved("textbook", True, tmp_path / "out")
    own_vae(check)
    nll, nll_backward = check.right["bernoulli_nll"]
    check.right["bernoulli_nll"] = nll, lambda dnll, cache: -nll_backward(dnll, cache)
    own_vae(check)
    right, wrong = curves
    assert right[-1] < right[0]
    assert wrong[-1] > wrong[0]


@pytest.mark.parametrize(("line", "short"), [("textbook", False), (EVERY_CHOICE[0], True)])
def test_until_all_is_right_it_says_what_is_missing_by_the_numbers_of_the_assignment(line, short, capsys):
    check = Checker(str(assigned(line, short)))
    check.right = {name: () for name in list(asked(check.variant))[1:]}
    assert own_vae(check) is None
    missing = "4. reparameterize" if short else "1. dense_backward"
    assert capsys.readouterr().out == f"Here your own VAE trains, once these are right: {missing}\n"


def test_the_bonus_is_not_needed(small, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(program, "shown", lambda *results: shown.append(results))
    check = solved("textbook", False, tmp_path / "out")
    del check.right["importance_bound"]
    own_vae(check)
    assert len(shown) == 1


def test_what_fails_in_training_is_told_and_stops_nothing(small, tmp_path, capsys):
    check = solved("textbook", True, tmp_path / "out")

    def fails(mu, rho):
        raise ZeroDivisionError("my own")

    check.right["kl_divergence"] = fails, fails
    assert own_vae(check) is None
    assert capsys.readouterr().out == "The training of your own VAE stopped with ZeroDivisionError: my own\n"


def test_training_ends_where_the_loss_is_no_longer_a_number(small, tmp_path, capsys):
    check = solved("textbook", True, tmp_path / "out")
    kl_divergence, kl_backward = check.right["kl_divergence"]
    check.right["kl_divergence"] = lambda mu, rho: (kl_divergence(mu, rho)[0] * np.nan, None), kl_backward
    assert own_vae(check) is None
    assert "stopped with FloatingPointError: the loss is nan in epoch 1" in capsys.readouterr().out


def test_check_hands_over_what_it_found_right_last_and_only_that(capsys):
    check = Checker()
    assert check("kl_divergence", npvae.kl_divergence)
    assert check.right == {}
    assert check("kl_divergence", npvae.kl_divergence, npvae.kl_divergence_backward)
    assert check.right == {"kl_divergence": (npvae.kl_divergence, npvae.kl_divergence_backward)}
    assert not check("kl_divergence", npvae.kl_divergence, lambda dkl, cache: (0, 0))
    assert check.right == {}


def test_without_feedback_it_trains_as_soon_as_all_has_come(capsys):
    check = Checker(str(assigned("textbook", short=True)), "none")
    for name in SHORT:
        functions = asked(check.variant)[name].functions
        check(name, *[lambda *_: None] * len(functions))
    own_vae(check)
    assert "stopped with TypeError" in capsys.readouterr().out


def test_data_are_what_each_likelihood_needs():
    grey, rng = np.rint(npvae.load_digits()[0][0] * (16 / 255)), np.random.default_rng(0)
    assert set(np.unique(grey)) == set(range(17))
    counts, probabilities, values = (kind_of(name).data(grey, rng) for name in ("Poisson", "Bernoulli", "Laplace"))
    assert np.all(counts == grey)
    assert (probabilities.min(), probabilities.max()) == (0, 1)
    assert len(np.unique(values)) == values.size  # no value twice: no density can put all of its mass on one
    assert np.all(np.floor(values * 4) == grey)


@pytest.mark.parametrize("likelihood", ["Bernoulli", "Poisson", "Laplace"])
def test_the_decoders_output_for_an_image_is_that_image_again(likelihood):
    kind = kind_of(likelihood)
    mean = np.linspace(0, kind.white, 64)
    assert np.allclose(kind.image(kind.output(mean)[None])[0], mean, atol=0.11)


def test_the_figure_shows_curve_and_samples_and_is_written_where_no_notebook_shows_it(small, tmp_path, capsys):
    figure = own_vae(solved("textbook", True, tmp_path / "out"))
    curve, samples = figure.axes
    assert len(curve.lines[0].get_ydata()) == 4
    assert samples.images[0].get_array().shape == (6 * 9 - 1, 10 * 9 - 1)
    assert (tmp_path / "own_vae.png").stat().st_size > 1000
    assert capsys.readouterr().out == "Your own VAE has drawn own_vae.png\n"


def test_the_master_ends_with_it():
    *_, last = json.loads(find_master().read_text("utf-8"))["cells"]
    assert source(last).endswith("own_vae(check)")
