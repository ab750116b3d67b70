"""The outer rooms can be deleted: the mathematics, training and their commands do not know them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NO_EDITABLE_INSTALL = """import sys
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
"""
"""An editable install would supply the deleted rooms from the tree that the copy was made of."""
OUTER = ["npvae/coursework", "npvae/explore", "npvae/experiments", "notebooks"]


@pytest.mark.slow
def test_without_the_outer_rooms_import_training_and_the_tests_of_the_mathematics_pass(tmp_path):
    for name in ("npvae", "tests", "notebooks"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    (tmp_path / "sitecustomize.py").write_text(NO_EDITABLE_INSTALL)
    for room in OUTER:
        shutil.rmtree(tmp_path / room, ignore_errors=True)

    def run(*arguments):
        environment = os.environ | {"PYTHONPATH": str(tmp_path), "HYPOTHESIS_PROFILE": "mutation"}
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    assert str(tmp_path) in run("-c", "import npvae; print(npvae.__file__)")
    run("-m", "npvae", "train", "--data", "digits", "--epochs", "1", "--out", "run")
    help_text = run("-m", "npvae", "--help")
    assert "train" in help_text
    assert "grade" not in help_text
    assert " passed" in run("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/mathematics")
