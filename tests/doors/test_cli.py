"""The command line: what each command leaves, prints and refuses."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest

import npvae
from npvae.cli import gradients, main, runs
from npvae.cli.gradients import gradient_table
from npvae.training import COLUMNS

QUICK = ["train", "--data", "digits", "--epochs", "2", "--hidden-dims", "16", "--latent-dim", "2"]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def figures():
    """Asked for by the tests that look at figures; for the others none is drawn."""


@pytest.fixture(autouse=True)
def _draw_nothing(request, monkeypatch):
    if "figures" not in request.fixturenames:
        monkeypatch.setattr(runs, "_write_figures", lambda *args: {})


def fails(capsys, *argv):
    """Exit status and message of a command that must fail with one line."""
    try:
        status = main(argv)
    except SystemExit as stopped:
        status = stopped.code
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1, lines
    return status, lines[0]


@pytest.mark.usefixtures("figures")
def test_train_leaves_model_configuration_history_and_figures(tmp_path, capsys):
    assert main(QUICK) == 0
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("digits-vae-20")
    files = sorted(path for path in folder.iterdir() if path.name != ".lock")
    assert [path.name for path in files] == [
        "checkpoint.npz",
        "checkpoint.previous.npz",
        "config.json",
        "curves.png",
        "history.csv",
        "latent.png",
        "manifold.png",
        "model.npz",
        "noises.png",
        "reconstructions.png",
        "samples.png",
    ]
    out = capsys.readouterr().out
    assert all(path.name in out for path in files)
    assert "elbo" in out
    assert "64-16-2" in out
    for path in folder.glob("*.png"):
        assert path.read_bytes().startswith(b"\x89PNG")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    assert config["training"] == {"epochs": 2, "batch_size": 32, "lr": 0.001, "seed": 0, "binarize": "stochastic"}
    assert tuple((folder / "history.csv").read_text("utf-8").splitlines()[0].split(",")) == COLUMNS


def test_two_runs_never_share_a_folder_and_the_same_seed_makes_the_same_model(tmp_path):
    assert main(QUICK) == main(QUICK) == 0
    first, second = (npvae.load_model(folder / "model.npz") for folder in (tmp_path / "runs").iterdir())
    np.testing.assert_array_equal(first.params.vector, second.params.vector)


def test_evaluate_repeats_the_last_test_row_of_training(capsys):
    main([*QUICK, "--out", "run"])
    trained = capsys.readouterr().out
    assert main(["evaluate", "run"]) == 0
    evaluated = capsys.readouterr().out
    table = evaluated.splitlines()[1:]
    assert "\n".join(table) in trained
    last = npvae.History.from_csv("run/history.csv").rows[-1]
    assert f"{last['test_loss']:10.3f} nats per image" in evaluated


def test_sample_writes_a_picture_or_an_array_that_the_seed_determines(tmp_path, capsys):
    main([*QUICK, "--out", "run"])
    assert main(["sample", "run", "-n", "7"]) == 0
    assert (tmp_path / "run" / "samples-seed-0.png").read_bytes().startswith(b"\x89PNG")
    assert main(["sample", "run", "-n", "7", "--seed", "3", "--out", "images.npy"]) == 0
    np.testing.assert_array_equal(np.load("images.npy"), npvae.load_model("run/model.npz").sample(7, 3))
    assert main(["sample", "run", "-n", "7", "--output-noise", "--out", "draws.npy"]) == 0
    assert set(np.unique(np.load("draws.npy"))) == {0.0, 1.0}
    assert "draws of p(x given z)" in capsys.readouterr().out


@pytest.mark.parametrize(
    "options",
    [
        ["--likelihood", "gaussian"],
        ["--likelihood", "gaussian", "--std", "0.3", "--binarize", "stochastic"],
        ["--binarize", "threshold", "--beta", "4"],
        ["--binarize", "none", "--activation", "tanh"],
        ["--hidden-dims"],
        ["--hidden-dims", "8", "6"],
    ],
)
def test_a_run_with_other_options_is_evaluated_as_it_was_trained(capsys, options):
    assert main([*QUICK, *options, "--out", "run"]) == 0
    trained = capsys.readouterr().out
    assert main(["evaluate", "run"]) == 0
    assert "\n".join(capsys.readouterr().out.splitlines()[1:]) in trained


@pytest.mark.parametrize("likelihood", npvae.LIKELIHOODS.own)
def test_the_model_that_is_trained_has_the_likelihood_that_was_asked_for(likelihood):
    assert main([*QUICK, "--likelihood", likelihood, "--out", "run"]) == 0
    assert npvae.load_model("run/model.npz").likelihood.name == likelihood


def test_files_of_ones_own_are_trained_on_and_evaluated(tmp_path, capsys):
    rng = np.random.default_rng(0)
    np.savez(
        "mine.npz",
        x_train=rng.integers(0, 256, (40, 3, 5), np.uint8),
        x_test=rng.integers(0, 256, (8, 3, 5), np.uint8),
    )
    assert main(["train", "--data", "mine.npz", "--epochs", "1", "--out", "run"]) == 0
    assert "40 images of 3 x 5 to train on, 8 to test on" in capsys.readouterr().out
    assert main(["evaluate", "run"]) == 0
    assert "on 8 test images" in capsys.readouterr().out


def test_gradcheck_prints_a_row_for_every_gradient_and_succeeds(capsys, monkeypatch):
    rows = list(gradient_table(3))
    monkeypatch.setattr(gradients, "gradient_table", {3: rows}.get)
    assert main(["gradcheck", "--seed", "3"]) == 0
    out = capsys.readouterr().out
    assert out.count("  pass\n") == len(rows)
    assert "FAIL" not in out
    assert "points redrawn because a relu switched" in out


def test_gradcheck_fails_where_a_gradient_is_wrong(capsys):
    wrong = npvae.ACTIVATIONS["tanh"]._replace(backward=lambda dh, h: dh * (1 - h))
    with patch.dict(npvae.ACTIVATIONS, tanh=wrong):
        assert main(["gradcheck"]) == 1
    out = capsys.readouterr().out
    assert "FAIL" in out
    assert "some gradients are WRONG" in out


def test_diverging_training_fails_in_one_line_and_leaves_the_last_good_model(capsys):
    status, message = fails(capsys, *QUICK, "--lr", "1e30", "--out", "run")
    assert status == 1
    assert "epoch 1, step 2" in message
    assert "smaller learning rate" in message
    assert np.all(np.isfinite(npvae.load_model("run/model.npz").params.vector))


def bad_file(name):
    """Make a file that cannot be trained on; returns its name."""
    images = b"\0\0\x08\3" + (3).to_bytes(4, "big") + (2).to_bytes(4, "big") * 2 + bytes(12)
    import gzip

    contents = {
        "cut.gz": gzip.compress(np.random.default_rng(0).bytes(5000))[:2000],
        "promise.idx": images[:-2],
        "labels.idx": b"\0\0\x08\1" + (3).to_bytes(4, "big") + bytes(3),
        "text.txt": b"hello",
    }
    arrays = {
        "nan.npy": np.full((5, 4), np.nan),
        "range.npy": np.full((5, 4), 3.0),
        "ints.npy": np.zeros((5, 4), int),
        "objects.npy": np.array([None]),
    }
    if name in arrays:
        np.save(name, arrays[name])
    else:
        with open(name, "wb") as file:
            file.write(contents[name])
    return name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cut.gz", "cut.gz"),
        ("promise.idx", "promises 12 bytes"),
        ("labels.idx", "is it a file of labels?"),
        ("text.txt", "not a table of numbers"),
        ("nan.npy", "NaN"),
        ("range.npy", "expected values in [0, 1]"),
        ("ints.npy", "dtype int64"),
        ("objects.npy", "plain array"),
    ],
)
def test_a_bad_file_is_one_line_with_its_name_and_nothing_is_written(tmp_path, capsys, name, expected):
    status, message = fails(capsys, "train", "--data", bad_file(name))
    assert status == 1
    assert name in message
    assert expected in message
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["train", "--epochs", "0"], "'0' is not a whole number, 1 or more"),
        (["train", "--latent-dim", "-3"], "'-3' is not a whole number"),
        (["train", "--hidden-dims", "10", "0"], "'0' is not a whole number"),
        (["train", "--batch-size", "many"], "'many' is not a whole number"),
        (["train", "--lr", "nan"], "'nan' is not a finite number above 0"),
        (["train", "--beta", "-1"], "'-1' is not a finite number, 0 or more"),
        (["train", "--std", "0.5"], "--std belongs to --likelihood gaussian"),
        (["train", "--likelihood", "poisson"], "invalid choice: 'poisson'"),
        (["train", "--wings"], "unrecognized arguments: --wings"),
        (["sample", "run", "--out", "x.gif"], "run"),
        (["fly"], "invalid choice: 'fly'"),
        ([], "COMMAND"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(capsys, argv, expected):
    status, message = fails(capsys, *argv)
    assert status == (1 if argv[:1] == ["sample"] else 2)
    assert expected in message


def test_a_path_that_does_not_exist_and_a_folder_that_is_no_run_are_named(capsys):
    assert fails(capsys, "train", "--data", "none.npy") == (
        1,
        "npvae: error: none.npy: no such file, and no data set of that name: there are mnist and digits",
    )
    os.mkdir("empty")
    for command in ("sample", "evaluate"):
        status, message = fails(capsys, command, "empty")
        assert status == 1
        assert "there is no model.npz in it" in message


def test_an_output_folder_that_cannot_be_made_or_is_taken_is_named(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    status, message = fails(capsys, *QUICK, "--out", "file/run")
    assert status == 1
    assert "file" in message
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.txt").write_text("precious")
    status, message = fails(capsys, *QUICK, "--out", "taken")
    assert status == 1
    assert "taken is not empty" in message
    assert os.listdir("taken") == ["thesis.txt"]


@pytest.mark.parametrize("content", ["{", "[]", "{}"])
def test_a_run_with_a_damaged_configuration_is_named(tmp_path, capsys, content):
    main([*QUICK, "--out", "run"])
    capsys.readouterr()
    (tmp_path / "run" / "config.json").write_text(content)
    status, message = fails(capsys, "evaluate", "run")
    assert status == 1
    assert "config.json is damaged" in message


def test_help_teaches_with_examples(capsys):
    for command in ("train", "sample", "evaluate", "gradcheck"):
        with pytest.raises(SystemExit) as stopped:
            main([command, "--help"])
        assert stopped.value.code == 0
        assert f"npvae {command}" in capsys.readouterr().out.split("examples:")[1]


@pytest.mark.usefixtures("figures")
@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
def test_ctrl_c_while_training_leaves_a_whole_run_and_ends_with_status_130(tmp_path):
    command = [sys.executable, "-m", "npvae", *QUICK, "--epochs", "100000", "--out", "run"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.startswith("epoch"):
            break
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "stopped by Ctrl-C" in out
    assert err == ""
    assert len(npvae.History.from_csv(tmp_path / "run" / "history.csv")) >= 1
    assert {"model.npz", "samples.png", "curves.png"} <= set(os.listdir("run"))


@pytest.mark.usefixtures("figures")
@pytest.mark.parametrize("model", ["autoencoder", "cvae", "iwae"])
def test_every_other_model_is_trained_saved_evaluated_and_named_in_its_folder(tmp_path, capsys, model):
    assert main([*QUICK, "--model", model]) == 0
    trained = capsys.readouterr().out
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith(f"digits-{model}-20")
    assert (folder / "latent.png").exists()
    assert (folder / "samples.png").exists() == (model != "autoencoder")
    assert main(["evaluate", str(folder)]) == 0
    assert "\n".join(capsys.readouterr().out.splitlines()[1:]) in trained


def test_a_conditional_model_samples_the_label_asked_for_or_all_in_order(capsys):
    main([*QUICK, "--model", "cvae", "--out", "run"])
    model = npvae.load_model("run/model.npz")
    assert main(["sample", "run", "-n", "20", "--label", "3", "--out", "threes.npy"]) == 0
    np.testing.assert_array_equal(np.load("threes.npy"), model.sample(20, 0, labels=3))
    assert main(["sample", "run", "-n", "20", "--out", "all.npy"]) == 0
    np.testing.assert_array_equal(np.load("all.npy"), model.sample(20, 0, labels=np.repeat(np.arange(10), 2)))
    capsys.readouterr()
    status, message = fails(capsys, "sample", "run", "--label", "10")
    expected = "--label is '10', expected one of: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"
    assert (status, expected in message) == (1, True)


def test_options_that_would_have_no_effect_are_refused(capsys):
    for options, expected in {
        ("--model", "autoencoder", "--beta", "2"): "do not go with --model autoencoder",
        ("--model", "iwae", "--beta-warmup", "3"): "do not go with --model iwae",
        ("--importance-samples", "3"): "--importance-samples belongs to --model iwae",
    }.items():
        status, message = fails(capsys, *QUICK, *options)
        assert status == 2
        assert expected in message
    main([*QUICK, "--model", "autoencoder", "--out", "plain"])
    main([*QUICK, "--out", "run"])
    capsys.readouterr()
    status, message = fails(capsys, "sample", "plain")
    assert (status, "no distribution to sample from" in message) == (2, True)
    status, message = fails(capsys, "sample", "run", "--label", "3")
    assert (status, "--label belongs to a ConditionalVAE" in message) == (2, True)


def test_labels_are_asked_for_where_a_model_needs_them_and_the_data_has_none(tmp_path, capsys):
    np.save("x.npy", np.zeros((30, 16), np.uint8))
    status, message = fails(capsys, "train", "--data", "x.npy", "--model", "cvae")
    assert (status, "x has no labels to train on, which --model cvae needs" in message) == (1, True)
    assert not (tmp_path / "runs").exists()


def test_labels_that_would_make_nearly_as_many_classes_as_there_are_images_are_refused(capsys):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 16), np.uint8)
    np.savez("data.npz", x_train=images, y_train=10**9 + np.arange(40), x_test=images, y_test=10**9 + np.arange(40))
    status, message = fails(capsys, *QUICK, "--data", "data.npz", "--model", "cvae")
    assert (status, "40 classes for 40 examples, expected two or more of each" in message) == (1, True)


def test_what_a_file_calls_things_cannot_write_on_the_terminal_as_it_likes(capsys):
    np.savez("data.npz", **{"\x1b[2J": np.zeros(1), "b": np.zeros(1)})
    assert "\\x1b[2J" in fails(capsys, *QUICK, "--data", "data.npz")[1]


def test_beta_warmup_rises_to_beta_over_its_epochs(capsys):
    assert main([*QUICK, "--beta", "4", "--beta-warmup", "2", "--out", "run"]) == 0
    history = npvae.History.from_csv("run/history.csv")
    weights = (history["test_loss"] - history["test_nll"]) / history["test_kl"]
    np.testing.assert_allclose(weights, [2, 4], rtol=1e-6)
    assert npvae.load_model("run/model.npz").beta == 4


def test_evaluate_estimates_the_likelihood_where_asked(capsys):
    main([*QUICK, "--out", "run"])
    capsys.readouterr()
    assert main(["evaluate", "run", "--samples", "20"]) == 0
    out = capsys.readouterr().out
    numbers = {line.split()[0]: line.replace("log p", "log").split()[1] for line in out.splitlines()[1:]}
    log_p, elbo = float(numbers["log"]), float(numbers["elbo"])
    assert elbo < log_p < elbo + 3


def test_a_resumed_run_ends_as_if_it_had_never_stopped(capsys):
    assert main([*QUICK, "--epochs", "3", "--out", "whole"]) == 0
    assert main([*QUICK, "--epochs", "1", "--out", "parts"]) == 0
    capsys.readouterr()
    assert main(["train", "--resume", "parts", "--epochs", "3"]) == 0
    assert "resuming after epoch 1, on 1 thread\nepoch 2/3" in capsys.readouterr().out
    whole, parts = (npvae.load_model(f"{name}/model.npz").params.vector for name in ("whole", "parts"))
    np.testing.assert_array_equal(whole, parts)
    assert json.loads(Path("parts/config.json").read_text("utf-8"))["training"]["epochs"] == 3


def test_a_run_goes_back_to_its_previous_checkpoint_where_told_and_keeps_the_damaged_one(capsys):
    assert main([*QUICK, "--epochs", "3", "--out", "run"]) == 0
    trained = npvae.load_model("run/model.npz").params.vector
    Path("run/checkpoint.npz").write_bytes(b"damaged")
    status, message = fails(capsys, "train", "--resume", "run")
    assert (status, "checkpoint.previous.npz: npvae train --resume RUN --previous" in message) == (1, True)
    assert main(["train", "--resume", "run", "--previous"]) == 0
    assert "resuming after epoch 2" in capsys.readouterr().out
    np.testing.assert_array_equal(npvae.load_model("run/model.npz").params.vector, trained)
    assert Path("run/checkpoint.damaged.npz").read_bytes() == b"damaged"


def test_what_cannot_be_resumed_says_why(tmp_path, capsys):
    images = np.random.default_rng(0).integers(0, 256, (40, 16), np.uint8)
    np.save("images.npy", images)
    assert main([*QUICK, "--data", "images.npy", "--out", "run"]) == 0
    for argv, expected in [
        (["--resume", "none"], "none cannot be resumed: there is no config.json in it; start the run again"),
        (["--resume", "run", "--beta", "1", "--latent-dim", "3"], "--beta, --latent-dim cannot change within a run"),
        (["--previous"], "--previous belongs to --resume RUN"),
    ]:
        assert expected in fails(capsys, "train", *argv)[1]
    np.save("images.npy", 255 - images)
    assert "its images have changed since" in fails(capsys, "train", "--resume", "run")[1]
    np.save("images.npy", images)
    os.remove("run/checkpoint.npz")
    os.remove("run/checkpoint.previous.npz")
    assert "no checkpoint before the newest" in fails(capsys, "train", "--resume", "run", "--previous")[1]


WRONG = [{"binarize": "no"}, {"binarize": [1]}, {"activation": []}, {"std": {}, "likelihood": "gaussian"}]
WRONG += [
    {"beta": 10**400},
    {"beta_warmup": "x"},
    {"latent_dim": 0},
    {"batch_size": {}},
    {"model": "iwae", "importance_samples": "x"},
]


def test_a_crafted_configuration_is_refused_when_resuming(capsys):
    assert main([*QUICK, "--out", "run"]) == 0
    capsys.readouterr()
    path = Path("run/config.json")
    config = json.loads(path.read_text("utf-8"))
    for damage in [
        {"data": 3},
        {"model": "no"},
        {"seed": "x"},
        {"hidden_dims": 3},
        {"epochs": "x"},
        {"lr": None},
        *WRONG,
    ]:
        path.write_text(json.dumps({**config, "options": {**config["options"], **damage}}), "utf-8")
        assert fails(capsys, "train", "--resume", "run")[0] == 1, damage
    path.write_text("[" * 100_000, "utf-8")
    assert "run/config.json is damaged" in fails(capsys, "train", "--resume", "run")[1]
