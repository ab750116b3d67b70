"""What the package as a whole promises."""

import configparser
import subprocess
import sys
from pathlib import Path

import npvae

ROOT = Path(__file__).parents[2]


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout


def test_importing_npvae_imports_nothing_that_takes_long_and_is_not_needed_yet():
    loaded = run_python(
        "import sys, numpy; before = set(sys.modules); import npvae; print(*set(sys.modules) - before)"
    )
    assert not {"matplotlib", "tqdm", "threadpoolctl", "numpy.random", "tempfile", "zipfile"} & set(loaded.split())


def test_every_public_name_is_there_and_documented():
    for name in npvae.__all__:
        assert getattr(npvae, name).__doc__, name


def test_the_version_is_that_of_setup_cfg():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    assert setup["metadata"]["version"] == npvae.__version__
