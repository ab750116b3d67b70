"""npvae train, sample and evaluate on data that people bring: classes by name, shapes, and where things lie."""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

import npvae
from npvae import plots
from npvae.cli import main

RNG = np.random.default_rng(0)
N = 60
GREY = RNG.integers(0, 256, (N, 4, 4), np.uint8)
LETTERS = np.array(["a", "c", "d"])[np.arange(N) % 3]
QUICK = ["train", "--epochs", "1", "--hidden-dims", "4", "--latent-dim", "1"]


@pytest.fixture(autouse=True)
def figures(tmp_path, monkeypatch):
    """Each test has a folder of its own, and figures by their names in place of pictures, which take long to draw."""
    monkeypatch.chdir(tmp_path)
    saved = {}

    def keep(figure, path):
        path.touch()
        saved[path.name] = drawn(figure)
        plt.close(figure)

    monkeypatch.setattr(plots, "save_figure", keep)
    return saved


def fails(capsys, *argv):
    """Exit status and message of a command that must fail with one line."""
    try:
        status = main(argv)
    except SystemExit as stopped:
        status = stopped.code
    (line,) = capsys.readouterr().err.splitlines()
    return status, line


def save(name="x.npz", y=LETTERS, x=GREY):
    np.savez(name, x_train=x, y_train=y, x_test=x[:12], y_test=y[:12])
    return name


# Classes.


def test_a_conditional_model_has_the_classes_of_the_data_and_draws_one_by_its_own_name(capsys):
    assert main([*QUICK, "--data", save(), "--model", "cvae", "--out", "run"]) == 0
    assert "labels 3 classes: a, c, d" in capsys.readouterr().out
    model = npvae.load_model("run/model.npz")
    assert model.label_dim == 3
    assert json.loads(Path("run/config.json").read_text("utf-8"))["classes"] == ["a", "c", "d"]
    assert main(["sample", "run", "-n", "5", "--label", "c", "--out", "c.npy"]) == 0
    np.testing.assert_array_equal(np.load("c.npy"), model.sample(5, 0, labels=1))
    capsys.readouterr()
    assert fails(capsys, "sample", "run", "--label", "b") == (
        1,
        "npvae: error: --label is 'b', expected one of: a, c, d",
    )


def test_labels_from_1_make_no_class_0(capsys):
    assert main([*QUICK, "--data", save(y=np.arange(N) % 3 + 1), "--model", "cvae", "--out", "run"]) == 0
    assert npvae.load_model("run/model.npz").label_dim == 3
    capsys.readouterr()
    assert "expected one of: 1, 2, 3" in fails(capsys, "sample", "run", "--label", "0")[1]


def test_evaluate_numbers_the_labels_of_other_data_as_the_run_does(capsys):
    main([*QUICK, "--data", save(), "--model", "cvae", "--out", "run"])
    only_d = LETTERS == "d"
    np.savez("d.npz", x_train=GREY[only_d], y_train=LETTERS[only_d], x_test=GREY[only_d], y_test=LETTERS[only_d])
    capsys.readouterr()
    assert main(["evaluate", "run", "--data", "d.npz"]) == 0
    x = npvae.binarize(GREY[only_d].reshape(-1, 16), npvae.training.TEST_SEED)
    expected = npvae.evaluate(npvae.load_model("run/model.npz"), x, np.full(only_d.sum(), 2))
    assert str(expected) in capsys.readouterr().out
    status, message = fails(capsys, "evaluate", "run", "--data", save("z.npz", np.full(N, "z")))
    assert (status, "labels have the class 'z', expected one of: a, c, d" in message) == (1, True)


def test_a_run_from_before_classes_had_names_calls_them_by_their_numbers(capsys):
    save(y=np.arange(N) % 3 + 1)
    main([*QUICK, "--data", "x.npz", "--model", "cvae", "--out", "run"])
    path = Path("run/config.json")
    config = json.loads(path.read_text("utf-8"))
    del config["classes"], config["value_range"]
    config["model"]["label_dim"] = 4
    path.write_text(json.dumps(config), "utf-8")
    model = npvae.ConditionalVAE(16, 1, (4,), label_dim=4)
    model.save("run/model.npz")
    assert main(["sample", "run", "-n", "2", "--label", "3", "--out", "three.npy"]) == 0
    np.testing.assert_array_equal(np.load("three.npy"), model.sample(2, 0, labels=3))
    capsys.readouterr()
    assert main(["evaluate", "run"]) == 0
    x = npvae.binarize(GREY[:12].reshape(12, 16), npvae.training.TEST_SEED)
    assert str(npvae.evaluate(model, x, np.arange(12) % 3 + 1)) in capsys.readouterr().out


@pytest.mark.parametrize("classes", [["a"], "acd", [1, 2, 3], {}])
def test_a_configuration_with_other_classes_than_the_model_has_is_damaged(capsys, classes):
    main([*QUICK, "--data", save(), "--model", "cvae", "--out", "run"])
    path = Path("run/config.json")
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "classes": classes}), "utf-8")
    capsys.readouterr()
    for command in (["sample", "run"], ["train", "--resume", "run"]):
        assert "expected 3 names" in fails(capsys, *command)[1]


UNLEARNABLE = {
    "none to test on": (dict(x_train=GREY, y_train=LETTERS, x_test=GREY), "no labels to test on"),
    "of no use": (
        dict(x_train=GREY, y_train=LETTERS[1:]),
        r"no labels to train on \(there are 59 labels, expected 60",
    ),
    "a class in the test half alone": (
        dict(x_train=GREY, y_train=np.full(N, "a"), x_test=GREY, y_test=LETTERS),
        "the class 'c' only in the examples to test on",
    ),
    "sorted": (dict(x_train=GREY, y_train=np.arange(N) // 6), r"the class '9' only .*held out\): shuffle the data"),
}


@pytest.mark.parametrize(("arrays", "message"), UNLEARNABLE.values(), ids=UNLEARNABLE.keys())
def test_what_a_conditional_model_cannot_learn_is_refused_before_there_is_a_folder_and_a_plain_one_is_trained(
    capsys, arrays, message
):
    np.savez("x.npz", **arrays)
    for _ in range(2):
        status, line = fails(capsys, *QUICK, "--data", "x.npz", "--model", "cvae", "--out", "run")
        assert status == 1
        with pytest.raises(ValueError, match=message):
            raise ValueError(line)
        assert not os.path.exists("run")
    assert main([*QUICK, "--data", "x.npz", "--out", "run"]) == 0


# Figures.


def drawn(figure):
    """The limits and the shape of what each of a figure's axes shows, and how many colour bars there are."""
    shown = [axes.images[0] for axes in figure.axes if axes.images]
    bars = [axes for axes in figure.axes if not axes.images]
    return [image.get_clim() for image in shown], [image.get_array().shape for image in shown], len(bars)


@pytest.mark.parametrize(
    ("x", "limits"),
    [
        (GREY.reshape(N, 16), (0, 1)),
        (GREY.reshape(N, 16) > 99, (0, 1)),
        (np.linspace(0, 1, 16)[None], (0, 1)),
        (np.linspace(-0.1, 1.1, 16)[None], (0, 1)),
        (np.linspace(-1, 1, 16)[None], (-1, 1)),
        (np.linspace(-0.4, 2.8, 16)[None], (-0.4, 2.8)),
        (np.linspace(0, 17, 16)[None], (0, 17)),
        (np.full((1, 16), 3.0), (2.5, 3.5)),
    ],
)
def test_images_are_drawn_on_their_own_range_with_a_colour_bar_where_it_is_not_0_to_1(x, limits):
    for figure, axes in ((plots.plot_images(x), 1), (plots.plot_reconstructions(x, 0.5 + 0.0 * x), 2)):
        found, _, bars = drawn(figure)
        np.testing.assert_allclose(found, [limits] * axes, rtol=1e-6)
        assert bars == (limits != (0, 1))
    assert plots.plot_images(x).axes[0].images[0].get_array().max() <= limits[1] + 0.11


def test_dark_data_are_drawn_on_their_own_range_and_dark_samples_of_bright_data_are_not():
    assert plots.value_range(np.array([0.0, 0.1])) == (0, 0.1)
    assert plots.value_range(np.array([0.0, 0.6])) == (0, 1)
    assert plots.value_range(np.zeros(3)) == (0, 1)
    assert drawn(plots.plot_images(np.linspace(0, 0.1, 16)[None]))[0] == [(0, 1)]


def test_colour_images_are_drawn_in_colour_and_within_what_can_be_drawn():
    x = np.linspace(-1, 1, 48)[None]
    figure = plots.plot_images(x, 1, (4, 4, 3))
    image = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(image, np.linspace(0, 1, 48).reshape(4, 4, 3), atol=1e-6)
    assert "-1 to 1" in figure.get_supxlabel()


def test_a_gaussian_run_is_drawn_on_the_range_of_its_data(figures):
    np.save("x.npy", GREY / 127.5 - 1)
    assert main([*QUICK, "--data", "x.npy", "--likelihood", "gaussian", "--out", "run"]) == 0
    assert main(["sample", "run"]) == 0
    pictures = {name: found for name, found in figures.items() if name != "curves.png"}
    assert pictures.keys() == {"reconstructions.png", "samples.png", "noises.png", "samples-seed-0.png"}
    for limits, _, bars in pictures.values():
        assert set(limits) == {(-1.0, 1.0)}
        assert bars == 1


def test_where_no_shape_is_known_that_is_said_and_no_images_are_drawn_unless_one_is_given(capsys):
    np.save("x.npy", GREY.reshape(N, 16)[:, :15])
    assert main([*QUICK, "--data", "x.npy", "--out", "flat"]) == 0
    out = capsys.readouterr().out
    assert "54 examples of 15 values to train on" in out
    assert "shape  not known" in out
    assert "per example" in out
    assert not {"image", "pixel"} & set(
        out.replace("that no images are drawn", "").replace("--image-shape", "").split()
    )
    assert sorted(path.name for path in Path("flat").glob("*.png")) == ["curves.png"]
    assert main(["sample", "flat"]) == 0
    assert np.load("flat/samples-seed-0.npy").shape == (100, 15)
    capsys.readouterr()
    assert fails(capsys, "sample", "flat", "--out", "x.png")[0] == 2
    assert main([*QUICK, "--data", "x.npy", "--image-shape", "5x3", "--out", "shaped"]) == 0
    assert "images of 5 x 3" in capsys.readouterr().out
    assert Path("shaped/samples.png").exists()
    assert main(["train", "--resume", "shaped", "--epochs", "2"]) == 0
    assert main(["sample", "shaped"]) == 0
    capsys.readouterr()
    assert "expected 15 pixels" in fails(capsys, *QUICK, "--data", "x.npy", "--image-shape", "5x5")[1]
    for text in ("5", "5x3x2", "ax3", "0x3"):
        assert fails(capsys, *QUICK, "--data", "x.npy", "--image-shape", text)[0] == 2


def test_a_table_is_spoken_of_as_examples_and_values(capsys):
    Path("iris.csv").write_text(
        "a,b,species\n" + "".join(f"{i % 7 / 7},{i % 5 / 5},{'uv'[i % 2]}\n" for i in range(40))
    )
    options = ["--data", "iris.csv", "--likelihood", "gaussian", "--model", "cvae", "--out", "run"]
    assert main([*QUICK, *options]) == 0
    assert main(["evaluate", "run", "--samples", "3"]) == 0
    out = capsys.readouterr().out
    assert "36 examples of 2 values to train on, 4 to test on" in out
    assert "labels 2 classes: u, v" in out
    assert "on 4 test examples" in out
    assert out.count("per value") == 2
    assert "importance samples" in out
    assert "per image" not in out


def test_the_rows_of_a_sheet_and_the_points_of_the_plane_are_called_as_the_data_calls_them():
    sheet = plots.plot_images(np.zeros((4, 4)), 2, rows=["a", "$"])
    assert [text.get_text() for text in sheet.axes[0].texts] == ["a", r"\$"]
    mu = RNG.standard_normal((4, 2))
    short = plots.plot_latent(mu, np.array([0, 1, 1, 0]), names=["a", "b"])
    assert len(short.axes[0].get_legend().get_texts()) == 1
    long = plots.plot_latent(mu, np.array([0, 1, 1, 0]), names=["T-shirt", "$bag$"])
    assert [text.get_text() for text in long.axes[0].get_legend().get_texts()][:2] == ["T-shirt", r"\$bag\$"]
    for figure in (sheet, short, long):
        figure.canvas.draw()


# Where things lie.


def test_a_run_whose_data_has_moved_is_resumed_and_evaluated_where_it_is_now(capsys):
    main([*QUICK, "--data", save(), "--out", "run"])
    os.mkdir("elsewhere")
    os.rename("x.npz", "elsewhere/x.npz")
    capsys.readouterr()
    for command in (["evaluate", "run"], ["train", "--resume", "run", "--epochs", "2"]):
        status, message = fails(capsys, *command)
        assert (status, "if the data of run has moved, give its new place with --data NEW" in message) == (1, True)
        assert main([*command, "--data", "elsewhere/x.npz"]) == 0
        capsys.readouterr()
    assert main(["evaluate", "run"]) == 0
    save("other.npz", x=255 - GREY)
    capsys.readouterr()
    assert "not what run was trained on" in fails(capsys, "train", "--resume", "run", "--data", "other.npz")[1]


def test_a_tilde_stands_for_home_in_every_path(monkeypatch, tmp_path):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    save()
    assert main([*QUICK, "--data=~/x.npz", "--out=~/run"]) == 0
    assert main(["sample", "~/run", "--out=~/s.npy"]) == 0
    assert {"run", "s.npy"} <= set(os.listdir(tmp_path))


def test_the_first_images_alone_are_trained_on_where_asked_and_the_test_images_stay(capsys):
    save()
    assert main([*QUICK, "--data", "x.npz", "--limit", "20", "--out", "run"]) == 0
    assert "20 images of 4 x 4 to train on, 12 to test on" in capsys.readouterr().out
    assert main(["train", "--resume", "run", "--epochs", "2"]) == 0
    np.savez("first.npz", x_train=GREY[:20], x_test=GREY[:12])
    assert main([*QUICK, "--data", "first.npz", "--epochs", "2", "--out", "first"]) == 0
    run, first = (npvae.load_model(f"{name}/model.npz").params.vector for name in ("run", "first"))
    np.testing.assert_array_equal(run, first)


def test_a_backend_that_is_not_installed_and_a_terminal_of_another_script_stop_nothing(tmp_path):
    folder = tmp_path / "数字"
    folder.mkdir()
    save(folder / "x.npz")
    environment = {**os.environ, "MPLBACKEND": "module://not_installed_here", "PYTHONIOENCODING": "cp1252"}
    command = [sys.executable, "-m", "npvae", *QUICK, "--data", str(folder / "x.npz"), "--out", str(folder / "run")]
    done = subprocess.run(command, capture_output=True, env=environment, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"\u6570\u5b57" in done.stdout
    assert (folder / "run" / "samples.png").exists()


def test_main_leaves_the_surroundings_it_is_called_in_as_they_were(monkeypatch, capsys):
    monkeypatch.setenv("MPLBACKEND", "svg")
    before = warnings.showwarning, list(warnings.filters), sys.stdout.errors, plt.get_backend()
    assert main([*QUICK, "--data", save(), "--out", "run"]) == 0
    with pytest.raises(SystemExit):
        main(["train", "--wings"])
    assert (warnings.showwarning, list(warnings.filters), sys.stdout.errors, plt.get_backend()) == before
    assert os.environ["MPLBACKEND"] == "svg"


def test_a_file_of_another_kind_is_one_sentence_and_the_lines_that_mend_it(capsys):
    Path("x.amat").write_text("0 1\n1 0\n")
    assert main([*QUICK, "--data", "x.amat"]) == 1
    first, *lines = capsys.readouterr().err.splitlines()
    assert first.startswith("npvae: error: x.amat seems to be text in columns without commas, expected an IDX")
    assert [line[:4] for line in lines] == ["    "] * 3
    assert not Path("runs").exists()
