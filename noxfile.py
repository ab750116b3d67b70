"""The tests on the oldest versions that setup.cfg allows and on the newest there are, each in its own environment.

`python -m nox` runs both, `-s oldest` one of them, `-s newest -P 3.14` on another Python, and what stands after `--`
goes to pytest. It fails where an interpreter is missing.
"""

import configparser
import shutil
import tempfile

import nox

nox.options.error_on_missing_interpreters = True
setup = configparser.ConfigParser()
setup.read("setup.cfg", encoding="utf-8")
needs = setup["options"]["install_requires"] + setup["options.extras_require"]["test"]
pythons = [line.split()[-1] for line in setup["metadata"]["classifiers"].splitlines() if "Python :: 3." in line]


@nox.session(python=pythons[0])
def oldest(session):
    run_tests(session, *needs.replace(">=", "==").split())


@nox.session(python=pythons[-1])
def newest(session):
    run_tests(session)


def run_tests(session, *versions):
    """In a copy of the tree, which may be edited meanwhile."""
    with tempfile.TemporaryDirectory() as copy:
        ignored = shutil.ignore_patterns(".git", ".venv", ".nox", "build", "dist", "runs", "*.egg-info")
        shutil.copytree(".", copy, ignore=ignored, dirs_exist_ok=True)
        with session.chdir(copy):
            session.install(".[test]", *versions)
            session.run("python", "-m", "pytest", *session.posargs)
