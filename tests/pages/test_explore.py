"""The exporter of the explore page: what it puts in, what it refuses, and the command around it."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import npvae
from npvae.cli import main
from npvae.explore import DRAWS, NODES, _noise, write_page

PACKAGE = Path(npvae.__file__).parent
EXPLORE = PACKAGE / "explore"
HOSTILE = "\"'><script>window.hacked = 1</script><!-- SCRIPT --></title>\\u003c&amp;"


def small_model(kind=npvae.VAE, **settings):
    return kind(**{"input_dim": 16, "latent_dim": 2, "hidden_dims": (5,)} | settings)


@pytest.fixture
def x():
    return np.random.default_rng(0).integers(0, 256, (30, 16), np.uint8)


def data_of(path):
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', Path(path).read_text("utf-8"))
    return json.loads(found)


def lines_of(*names):
    return sum(len((EXPLORE / name).read_text("utf-8").splitlines()) for name in names)


def test_the_script_keeps_to_500_lines_and_page_and_style_to_300():
    assert lines_of("page.js") <= 500
    assert lines_of("page.html", "page.css") <= 300


def test_the_page_names_no_other_file_and_forbids_itself_the_network(tmp_path, x):
    write_page(tmp_path / "page.html", {"model": small_model()}, x)
    page = (tmp_path / "page.html").read_text("utf-8")
    assert not re.search(r"""(src|href|action)=["'](?!data:)""", page)
    assert not re.search(r"https?:", page)
    assert "default-src 'none'" in page
    assert "<!-- " not in page


def test_names_and_labels_are_only_data_whatever_they_hold(tmp_path, x):
    labels = np.array([HOSTILE, "b"])[np.arange(30) % 2]
    write_page(tmp_path / "page.html", {HOSTILE: small_model()}, x, labels)
    page = (tmp_path / "page.html").read_text("utf-8")
    assert page.count("</script>") == 2
    assert data_of(tmp_path / "page.html")["models"][0]["name"] == HOSTILE
    assert data_of(tmp_path / "page.html")["labels"] == sorted([HOSTILE, "b"])


def test_the_code_beside_the_table_is_that_of_vae_backward(tmp_path, x):
    write_page(tmp_path / "page.html", {"model": small_model()}, x)
    (shown,) = re.findall(r"<pre>(.*?)</pre>", (tmp_path / "page.html").read_text("utf-8"), re.DOTALL)
    source = (PACKAGE / "models" / "vae.py").read_text("utf-8")
    assert "dmu_z + dmu_kl" in shown
    for line in shown.splitlines():
        assert line in source


def test_weights_are_float16_only_where_that_changes_no_logit_by_more_than_a_hundredth(tmp_path, x):
    model = small_model()
    assert write_page(tmp_path / "page.html", {"model": model}, x) == ["float16"]
    assert write_page(tmp_path / "page.html", {"model": model}, x, weights="float32") == ["float32"]
    model.params["output.b"] = 1000.3  # float16 has 1000.5 beside 1000
    assert write_page(tmp_path / "page.html", {"model": model}, x) == ["float32"]
    model.params["output.b"] = 1e6  # more than float16 has
    assert write_page(tmp_path / "page.html", {"model": model}, x) == ["float32"]


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_the_nodes_give_the_moments_of_a_standard_normal_distribution(latent_dim):
    noise = _noise(small_model(latent_dim=latent_dim), NODES)
    eps, weights = np.array(noise["eps"]), np.array(noise["weights"])
    for power, moment in enumerate([1, 0, 1, 0, 3, 0]):
        np.testing.assert_allclose(weights @ eps**power, moment, atol=1e-4)


def test_with_many_dimensions_the_noise_is_a_fixed_draw_of_equal_weights():
    noise = _noise(small_model(latent_dim=20), NODES)
    assert np.shape(noise["eps"]) == (DRAWS, 20)
    np.testing.assert_allclose(noise["weights"], 1 / DRAWS)


class Dropout(npvae.VAE):
    """A class that the page has not heard of."""


@pytest.mark.parametrize(
    ("model", "settings", "message"),
    [
        (small_model(Dropout), {}, "the class of model is Dropout, the page knows only: VAE, ConditionalVAE"),
        (small_model(input_dim=17), {}, "model has 17 pixels, expected 16, those of x"),
        (small_model(npvae.ConditionalVAE), {}, "labels are missing"),
        (small_model(), {"image_shape": (2, 4)}, r"x has shape \(30, 16\), expected \(N, 8\): grey images of 2 x 4"),
        (small_model(), {"labels": np.zeros(7)}, r"labels have shape \(7,\), expected \(30,\)"),
        (small_model(), {"binarize": "none"}, "binarize is 'none', expected"),
    ],
)
def test_what_the_page_cannot_show_is_refused_in_a_sentence(tmp_path, x, model, settings, message):
    with pytest.raises(ValueError, match=message):
        write_page(tmp_path / "page.html", {"model": model}, x, **settings)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("shape", "message"), [((65, 10), "at most 64 x 64"), ((32, 32, 3), "shows no colour")])
def test_images_that_are_too_large_or_in_colour_are_refused(tmp_path, shape, message):
    images = np.zeros((3, np.prod(shape)), np.uint8)
    with pytest.raises(ValueError, match=message):
        write_page(
            tmp_path / "page.html", {"model": small_model(input_dim=images.shape[1])}, images, image_shape=shape[:2]
        )


def test_an_activation_that_the_page_does_not_know_is_refused(tmp_path, x):
    model = small_model()
    model.activation = "swish"
    with pytest.raises(ValueError, match="the activation of model is swish, the page knows only: relu, tanh"):
        write_page(tmp_path / "page.html", {"model": model}, x)


QUICK = ["train", "--data", "digits", "--epochs", "1", "--hidden-dims", "8"]


@pytest.fixture
def in_tmp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("npvae.cli.runs._write_figures", lambda *args: {})


@pytest.mark.usefixtures("in_tmp")
def test_training_with_two_latent_dimensions_ends_by_naming_the_command_and_the_command_works(capsys):
    assert main([*QUICK, "--latent-dim", "2", "--out", "run"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("npvae explore run ")
    assert main(["explore", "run"]) == 0
    assert re.fullmatch(r"wrote run.explore\.html: 0\.\d MB, weights in float16\n", capsys.readouterr().out)
    assert data_of("run/explore.html")["models"][0]["name"] == "run"
    assert main([*QUICK, "--latent-dim", "3", "--out", "other"]) == 0
    assert "explore" not in capsys.readouterr().out


@pytest.mark.usefixtures("in_tmp")
def test_the_labels_of_a_conditional_model_are_called_as_its_data_calls_them_beside_a_plain_model_too():
    images = np.random.default_rng(0).integers(0, 256, (30, 3, 3), np.uint8)
    np.savez("animals.npz", x_train=images, y_train=np.array(["ant", "bee", "cat"])[np.arange(30) % 3])
    train = ["train", "--data", "animals.npz", "--epochs", "1", "--hidden-dims", "8", "--latent-dim", "2"]
    assert main([*train, "--out", "plain"]) == 0
    assert main([*train, "--model", "cvae", "--out", "told"]) == 0
    for runs in (["told"], ["plain"], ["plain", "told"]):
        assert main(["explore", *runs, "--out", "page.html"]) == 0
        assert data_of("page.html")["labels"] == ["ant", "bee", "cat"]


@pytest.mark.usefixtures("in_tmp")
def test_runs_in_folders_of_one_name_are_told_apart(capsys):
    for folder in ("a/run", "b/run"):
        assert main([*QUICK, "--latent-dim", "2", "--out", folder]) == 0
    assert main(["explore", "a/run", "b/run", "--out", "both.html", "--weights", "float32"]) == 0
    assert capsys.readouterr().out.endswith("weights in float32\n")
    assert [model["name"] for model in data_of("both.html")["models"]] == ["a/run", "b/run"]


@pytest.mark.usefixtures("in_tmp")
def test_a_run_on_other_images_and_a_folder_that_is_not_a_run_are_refused_in_one_line(capsys):
    np.savez("other.npz", x_train=np.zeros((20, 5, 5), np.uint8))
    assert main([*QUICK, "--out", "digits"]) == 0
    assert main(["train", "--data", "other.npz", "--epochs", "1", "--out", "other"]) == 0
    capsys.readouterr()
    assert main(["explore", "digits", "other"]) == 1
    assert capsys.readouterr().err == "npvae: error: other has 25 pixels, expected 64, those of x\n"
    assert main(["explore", "nothing"]) == 1
    assert "nothing is not the folder of a run" in capsys.readouterr().err
