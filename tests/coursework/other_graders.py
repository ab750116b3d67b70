"""The lecturer's copy of an assignment, as it is, through nbgrader and Otter: what students get, and the marks.

    python tests/coursework/other_graders.py [FOLDER]

makes an environment for each tool in FOLDER (a temporary one where none is given), which downloads them, and prints a
table. test_other_graders.py does the same with the tools of the environment that it runs in.
"""

import copy
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import venv
from collections import Counter
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))

from choices import full

from npvae.coursework.exercises import EXERCISES
from npvae.coursework.handout import find_master, write_handout
from npvae.coursework.notebook import role, source

ROOT = Path(__file__).parents[2]
PACKAGES = {"nbgrader": "nbgrader", "otter": "otter-grader[grading]"}  # with a kernel
SEED = "3"
ASSIGNMENT = "npvae"
# By exercise: what stands in the right solution, what stands there in the wrong submission, and the parts it costs.
MISTAKES = {
    "dense_backward": ("np.sum(dy, axis=0)", "np.mean(dy, axis=0)", ["several examples"]),
    "reparameterize": ("slope = sigma", "slope = sigma / 2", ["drho"]),
    "bernoulli_nll": ("np.log1p(np.exp(-np.abs(logits)))", "np.log1p(np.exp(-np.abs(logits) - 1))", ["forward"]),
    "kl_divergence": ("(mu - PRIOR_MEAN) / PRIOR_SIGMA**2\n", "mu - PRIOR_MEAN\n", ["dmu"]),
    "latent_backward": ("", "", list(full("latent_backward", SEED))),  # calls the two above
    "loss_and_grad": ("dh_mu + dh_rho", "dh_mu", ["trunk"]),
    "optimizer_step": ("np.sqrt(v_hat) + adam_eps", "np.sqrt(v_hat + adam_eps)", ["extreme values"]),
    "importance_bound": ("total / len(log_w)", "total", ["forward"]),
}
BLANK = "activation"
"""The wrong submission leaves this as it came."""
VERSION = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"
FORGERY = """
import npvae.coursework.marks

npvae.coursework.marks.agree = lambda came, should: True
"""


def full_marks():
    return {name: sum(full(name, SEED).values()) for name in EXERCISES}


def wrong_marks():
    lost = {name: sum(full(name, SEED)[part] for part in parts) for name, (_, _, parts) in MISTAKES.items()}
    marks = {name: points - lost.get(name, 0) for name, points in full_marks().items()}
    return {**marks, BLANK: 0}


def submissions(student, lecturer):
    """What students hand in: the notebook they got, with the solutions, with wrong ones, or with a forgery alone."""
    solutions = {cell["metadata"]["npvae"]["exercise"]: source(cell) for cell in answers(lecturer)}

    def answered(wrong):
        notebook = copy.deepcopy(student)
        for cell in answers(notebook):
            name = cell["metadata"]["npvae"]["exercise"]
            if wrong and name == BLANK:
                continue
            old, new, _ = MISTAKES.get(name, ("", "", None))
            assert old in solutions[name]
            cell["source"] = solutions[name].replace(old, new) if wrong and old else solutions[name]
        return notebook

    forged = copy.deepcopy(student)
    answers(forged)[0]["source"] = source(answers(forged)[0]) + FORGERY
    return {"right": answered(False), "wrong": answered(True), "forged": forged}


def answers(notebook):
    return [cell for cell in notebook["cells"] if role(cell) == "answer"]


def leaks(student):
    """Lines of solutions and of marking guides of any variant, and tests, in what a student gets."""
    shown = "\n".join(map(source, student["cells"]))
    return sorted(line for line in [*secrets(), "passes("] if line in shown)


def secrets():
    """Every line of the master's solutions and marking guides that says something and stands nowhere else in it."""
    hidden, open_to_all = set(), set()
    for cell in json.loads(find_master().read_text("utf-8"))["cells"]:
        inside = role(cell) == "guide"
        for line in map(str.strip, source(cell).splitlines()):
            inside = inside or line == "# BEGIN SOLUTION"
            (hidden if inside else open_to_all).add(line)
            inside = inside and line != "# END SOLUTION"
    return {line for line in hidden - open_to_all if len(line) > 8 and "SOLUTION" not in line}


def locked(student):
    """Answers that a student cannot edit."""
    return [
        cell["metadata"]["npvae"]["exercise"]
        for cell in answers(student)
        if not cell["metadata"].get("editable", True)
    ]


def run(*command, cwd=None):
    """Run, in the environment of the Python that comes first, and quietly unless it fails."""
    path = os.pathsep.join([str(Path(command[0]).parent), os.environ["PATH"]])  # nbgrader calls alembic by its name
    env = {**os.environ, "PATH": path, "OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    done = subprocess.run([*map(str, command)], cwd=cwd, env=env, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


def read(path):
    return json.loads(path.read_text("utf-8"))


def write(path, notebook):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook), "utf-8")


def through_nbgrader(python, folder):
    """What students get, and the marks by submission and exercise."""
    (lecturer,) = write_handout(folder / "source" / ASSIGNMENT, SEED, solutions=True)
    run(python, "-m", "nbgrader", "generate_assignment", ASSIGNMENT, f"--course-dir={folder}")
    student = read(folder / "release" / ASSIGNMENT / lecturer.name)
    for name, notebook in submissions(student, read(lecturer)).items():
        write(folder / "submitted" / name / ASSIGNMENT / lecturer.name, notebook)
    run(python, "-m", "nbgrader", "autograde", ASSIGNMENT, f"--course-dir={folder}")
    marks = {}
    exercise = {
        cell["metadata"]["nbgrader"]["grade_id"]: cell["metadata"]["npvae"]["exercise"]
        for cell in read(lecturer)["cells"]
        if role(cell) == "grade"
    }
    with sqlite3.connect(folder / "gradebook.db") as gradebook:
        rows = gradebook.execute(
            "select student_id, base_cell.name, auto_score from grade "
            "join base_cell on grade.cell_id = base_cell.id "
            "join submitted_notebook on grade.notebook_id = submitted_notebook.id "
            "join submitted_assignment on submitted_notebook.assignment_id = submitted_assignment.id"
        ).fetchall()
    for name, grade_id, score in rows:
        if grade_id in exercise:  # the others are written, and marked by hand
            marks.setdefault(name, Counter())[exercise[grade_id]] += score
    return student, marks


def through_otter(python, folder):
    """What students get, and the marks by submission and exercise."""
    (lecturer,) = write_handout(folder / "lecturer", SEED, solutions=True)
    run(python, "-m", "otter", "assign", lecturer, folder / "dist")
    student = read(folder / "dist" / "student" / lecturer.name)
    (autograder,) = (folder / "dist" / "autograder").glob("*.zip")
    marks = {}
    for name, notebook in submissions(student, read(lecturer)).items():
        submission = folder / name / lecturer.name
        write(submission, notebook)
        run(python, "-m", "otter", "run", "-a", autograder, "-o", folder / name, submission, cwd=folder)
        tests = read(folder / name / "results.json")["tests"]
        marks[name] = {test["name"]: test["score"] for test in tests if test["name"] in EXERCISES}
    return student, marks


THROUGH = {"nbgrader": through_nbgrader, "otter": through_otter}


def environment(folder, package):
    """Python of an environment with a tool and this package as it is now; the tool is kept where it is there."""
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        run(python, "-m", "pip", "install", "--quiet", package, ROOT)
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall", ROOT)
    return python


def main(folder):
    sums = {"right": sum(full_marks().values()), "wrong": sum(wrong_marks().values())}
    print(f"assignment {SEED}: {sums['right']} points, {sums['wrong']} for the wrong submission")
    print(f"{'tool':24}{'leaks':>6}{'right':>7}{'wrong':>7}{'forged':>7}  by exercise as expected")
    as_expected = True
    for tool, package in PACKAGES.items():
        python = environment(folder / tool, package)
        name = package.partition("[")[0]
        label = f"{name} {run(python, '-c', VERSION, name).strip()}"
        student, marks = THROUGH[tool](python, Path(tempfile.mkdtemp(prefix=tool, dir=folder)))
        same = (marks["right"], marks["wrong"]) == (full_marks(), wrong_marks())
        got = "".join(f"{sum(marks[name].values()):7g}" for name in ("right", "wrong", "forged"))
        print(f"{label:24}{len(leaks(student)):6}{got}  {'yes' if same else 'NO'}")
        as_expected &= same and not leaks(student) and not locked(student)
    print("forged: no answer at all, and two lines that replace the comparison; see the guide for lecturers")
    return 0 if as_expected else 1


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
        sys.exit(main(Path(sys.argv[1]).resolve()))
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(main(Path(temporary)))
