"""Published experiments: their settings, and running them from where they were stopped."""

import json
import re
import statistics
from pathlib import Path

import numpy as np
import pytest

import npvae
from npvae.cli import main
from npvae.experiments import reproduce
from npvae.experiments.recipes import BURDA2016, KINGMA2014, PYTORCH_EXAMPLE, RECIPES
from npvae.history import History

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "tests" / "benchmarks" / "README.md"


def arm(recipe, name):
    return {arm.name: arm for arm in recipe.arms}[name]


@pytest.fixture
def tiny_mnist(monkeypatch, tmp_path):
    """60 images in place of 70,000, and 3 samples in place of 5000."""
    x = np.random.default_rng(0).integers(0, 256, (60, 784), np.uint8)
    y = np.zeros(60, np.uint8)
    monkeypatch.setattr(reproduce, "load_mnist", lambda: ((x[:40], y[:40]), (x[40:], y[40:])))
    monkeypatch.setattr(reproduce, "NLL_SAMPLES", 3)
    monkeypatch.setattr(reproduce, "BLOCK", 8)
    monkeypatch.chdir(tmp_path)


def test_burdas_schedule_is_the_published_one_and_a_shortened_run_has_its_first_epochs():
    vae = arm(BURDA2016, "vae-1")
    assert vae.epochs == vae.scaled_epochs(1.0) == 3280
    schedule = vae.lr_schedule()
    starts = {1: 0, 2: 1, 5: 2, 14: 3, 41: 4, 122: 5, 365: 6, 1094: 7, 3280: 7}
    for epoch, i in starts.items():
        assert schedule(epoch) == pytest.approx(1e-3 * 10 ** (-i / 7), rel=1e-12)
    assert (vae.scaled_epochs(0.05), vae.scaled_epochs(1e-9)) == (164, 1)


def test_the_arms_are_the_published_models():
    for name, k in (("vae-1", 1), ("vae-5", 5), ("vae-50", 50)):
        assert (arm(BURDA2016, name).model, arm(BURDA2016, name).draws) == (npvae.VAE, k)
        weighted = arm(BURDA2016, name.replace("vae", "iwae"))
        assert (weighted.model, weighted.settings["importance_samples"]) == (npvae.ImportanceWeightedVAE, k)
    adam = arm(BURDA2016, "vae-1").optimizer()
    assert (adam.betas, adam.adam_eps, arm(BURDA2016, "vae-1").batch_size) == ((0.9, 0.999), 1e-4, 20)
    assert [one.settings["latent_dim"] for one in KINGMA2014.arms] == [3, 5, 10, 20, 200]
    assert {type(one.optimizer()) for one in KINGMA2014.arms} == {npvae.Adagrad}
    assert (PYTORCH_EXAMPLE.binarize, PYTORCH_EXAMPLE.arms[0].epochs) == (False, 10)


def test_kingmas_weights_all_start_from_a_gaussian_of_std_001(tiny_mnist):
    (x, _), _ = reproduce.load_mnist()
    model = reproduce.make_model(arm(KINGMA2014, "Nz-5"), KINGMA2014, x, seed=0)
    assert model.params.vector.std() == pytest.approx(0.01, rel=0.02)


def test_the_pytorch_example_starts_like_a_linear_layer_there(tiny_mnist):
    (x, _), _ = reproduce.load_mnist()
    params = reproduce.make_model(PYTORCH_EXAMPLE.arms[0], PYTORCH_EXAMPLE, x, seed=0).params
    for layer, inputs in {"encoder.0": 784, "mu": 400, "decoder.0": 20, "output": 400}.items():
        for array in params.layer(layer):
            assert 0.8 / np.sqrt(inputs) < np.abs(array).max() <= 1 / np.sqrt(inputs)


def test_burdas_output_starts_at_the_mean_image(tiny_mnist):
    (x, _), _ = reproduce.load_mnist()
    model = reproduce.make_model(arm(BURDA2016, "iwae-5"), BURDA2016, x, seed=0)
    np.testing.assert_allclose(model.decode(np.zeros((1, 50)))[0].mean(), x.mean() / 255, rtol=0.1)


def test_a_shortened_run_says_so_and_sets_ours_beside_theirs(tiny_mnist, tmp_path, capsys):
    assert main(["reproduce", "burda2016", "--arms", "vae-1", "iwae-5", "--scale", "0.0005", "--out", "run"]) == 0
    out = capsys.readouterr().out
    assert "SHORTENED to 0.0005 of the published schedule" in out
    results = json.loads((tmp_path / "run" / "results.json").read_text("utf-8"))
    for name, published in (("vae-1", "86.76"), ("iwae-5", "85.54")):
        assert results[name]["published"] == published
        (line,) = (line for line in out.splitlines() if line.startswith(name) and published in line)
        assert f"{results[name]['nll']:.2f} +- {results[name]['standard error']:.2f} nats" in line
        assert (results[name]["seed"], results[name]["versions"]["NumPy"]) == (0, np.__version__)
    assert (tmp_path / "run" / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_whole_test_set_is_measured_and_the_measure_is_the_models_own(tiny_mnist, tmp_path):
    results = reproduce.reproduce(BURDA2016, ["vae-1"], 0.0005, tmp_path / "run", say=lambda line: None)
    _, (x_test, _) = reproduce.load_mnist()
    x, model = npvae.binarize(x_test, 0), npvae.load_model(tmp_path / "run" / "vae-1.npz")
    blocks = [npvae.log_likelihood(model, x[8 * i : 8 * i + 8], n_samples=3, rng=i) for i in range(3)]
    log_p = np.concatenate(blocks)
    assert results["vae-1"]["nll"] == pytest.approx(-np.mean(log_p), rel=1e-12)
    deviations = log_p - np.mean(log_p)
    assert results["vae-1"]["standard error"] == pytest.approx(np.sqrt(np.sum(deviations**2) / (20 * 19)), rel=1e-12)
    assert results["vae-1"]["test loss"] == npvae.evaluate(model, x).loss


def test_an_interrupted_run_goes_on_and_ends_as_if_it_had_not_been(tiny_mnist, tmp_path, monkeypatch):
    whole = reproduce.reproduce(BURDA2016, ["vae-1"], 0.002, tmp_path / "whole", say=lambda line: None)

    def press_ctrl_c(*args, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(reproduce, "log_likelihood", press_ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        reproduce.reproduce(BURDA2016, ["vae-1"], 0.002, tmp_path / "cut", say=lambda line: None)
    monkeypatch.setattr(reproduce, "log_likelihood", npvae.log_likelihood)
    resumed = reproduce.reproduce(BURDA2016, ["vae-1"], 0.002, tmp_path / "cut", say=lambda line: None)
    for result in (whole["vae-1"], resumed["vae-1"]):
        del result["training seconds"]
    assert resumed == whole


def test_kingmas_recipe_draws_its_figure(tiny_mnist, tmp_path):
    results = reproduce.reproduce(KINGMA2014, ["Nz-3", "Nz-200"], 0.001, tmp_path / "run", say=lambda line: None)
    assert set(results) == {"Nz-3", "Nz-200"}
    assert (tmp_path / "run" / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_unknown_recipes_arms_and_scales_are_one_line(tiny_mnist, tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["reproduce", "kingma2013"])
    assert stopped.value.code == 2
    assert ", ".join(RECIPES) in capsys.readouterr().err.replace("'", "")
    assert main(["reproduce", "burda2016", "--arms", "vae-2"]) == 1
    assert "has no arm vae-2, expected some of: vae-1" in capsys.readouterr().err
    assert main(["reproduce", "burda2016", "--scale", "2"]) == 2
    assert "--scale is 2, expected a number above 0, at most 1" in capsys.readouterr().err
    assert list(tmp_path.glob("runs/*/*")) == []


def test_a_short_run_goes_on_to_a_longer_one_as_if_it_had_been_so_from_the_beginning(tiny_mnist, tmp_path):
    for scale in (0.0005, 0.002):
        reproduce.reproduce(BURDA2016, ["iwae-5"], scale, tmp_path / "both", say=lambda line: None)
    reproduce.reproduce(BURDA2016, ["iwae-5"], 0.002, tmp_path / "long", say=lambda line: None)
    both, long = (npvae.load_model(tmp_path / name / "iwae-5.npz").params.vector for name in ("both", "long"))
    np.testing.assert_array_equal(both, long)


def test_the_numbers_of_the_whole_published_run_are_quoted_as_they_were_measured():
    tests = Path(__file__).parents[1]
    run = tests / "benchmarks" / "burda2016"
    result = json.loads((run / "results.json").read_text("utf-8"))["vae-1"]
    history = History.from_csv(run / "vae-1.csv")
    assert (len(history), history["test_loss"][-1]) == (result["epochs"], result["test loss"])
    assert result["epochs"] == BURDA2016.arms[0].epochs
    ours = f"{result['nll']:.2f} ± {result['standard error']:.2f}"
    for page in (tests.parent / "README.md", tests / "benchmarks" / "README.md"):
        assert f"{ours} | {result['published']} |" in page.read_text("utf-8")
    for lesson in ("08_training_on_mnist", "12_how_tight_is_the_bound"):
        text = (tests.parent / "notebooks" / f"{lesson}.ipynb").read_text("utf-8")
        assert f"| {result['nll']:.2f} | {result['published']} |" in text


def test_shortened_runs_stand_beside_what_was_published_and_are_quoted_alike_in_the_lessons():
    quoted = dict(re.findall(r"nll (\S+) \| nll (\S+) \|", BENCHMARKS.read_text("utf-8")))
    assert list(quoted.values()) == [arm(BURDA2016, name).published for name in ("vae-1", "iwae-5")]
    for lesson in ("08_training_on_mnist", "12_how_tight_is_the_bound"):
        text = (ROOT / "notebooks" / f"{lesson}.ipynb").read_text("utf-8")
        for ours, published in quoted.items():
            assert re.search(rf"\| {ours} \|.* {published}\b", text), f"{lesson}: {ours}"


def numbers(page, row):
    """The numbers in the row of a page's table that begins so, those in its first cell left out."""
    (cells,) = re.findall(rf"(?m)^\| {re.escape(row)}[^|]*\|(.*)\|$", page.read_text("utf-8"))
    return [float(number) for number in re.findall(r"\d+\.?\d*", cells)]


def test_the_speeds_in_the_readme_are_those_of_the_benchmarks_rounded():
    readme = ROOT / "README.md"
    turns = [numbers(BENCHMARKS, str(turn)) for turn in (1, 2, 3)]
    medians = [statistics.median(column) for column in zip(*turns, strict=True)]
    said = numbers(readme, "`npvae train --binarize none") + numbers(readme, "[PyTorch's own VAE example]")
    assert said == [round(m, 1) if one % 1 else round(m) for one, m in zip(said, medians, strict=True)]
    for row in ("784-400-20, relu, batches of 128", "784-200-200-50, tanh, batches of 20"):
        measured = numbers(BENCHMARKS, row.replace(", batches of", ",").replace(", ", " ", 1))
        assert numbers(readme, row) == [round(measured[i], 1) for i in (0, 4, 8)]
