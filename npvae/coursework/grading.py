"""Grading: each submission in a sandbox, its results compared here, one file of results per student."""

import hashlib
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from npvae.coursework.assignments import apart, variant
from npvae.coursework.cost import cost_job, suspicions
from npvae.coursework.diagnose import Finding, judge
from npvae.coursework.exercises import EXERCISES, SHORT
from npvae.coursework.key import AnswerKey, answer_key
from npvae.coursework.marks import GRADING_SEED, marks
from npvae.coursework.origin import Origin
from npvae.coursework.sandbox.calls import Failure, Results
from npvae.coursework.sandbox.grader import run
from npvae.coursework.sandbox.process import Job
from npvae.coursework.sandbox.reading import Limits
from npvae.coursework.submissions import Submission, read
from npvae.internals.files import write_text

FORMAT = 2


@dataclass(frozen=True)
class Graded:
    """What came of one submission."""

    student: str
    file: str
    marks: Mapping[str, Mapping[str, int]]
    """Points by exercise and part."""
    findings: Mapping[str, Sequence[Finding]]
    """What was wrong, by exercise."""
    failures: Mapping[str, str] = field(default_factory=dict)
    """Why an exercise gave no results at all."""
    notes: Sequence[str] = ()
    """What the student should know of the file."""
    flags: Sequence[str] = ()
    """What a human should look at."""
    written: Mapping[str, str] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Points without the bonus."""
        return sum(self.points(name) for name in self.marks if not EXERCISES[name].bonus)

    @property
    def bonus(self) -> int:
        """Points of the bonus."""
        return sum(self.points(name) for name in self.marks if EXERCISES[name].bonus)

    def points(self, exercise: str) -> int:
        """Points of one exercise."""
        return sum(self.marks[exercise].values())


@dataclass(frozen=True)
class Assignment:
    """What was asked."""

    seed: str = "textbook"
    """The line of a handout, its number, or "textbook"."""
    short: bool = False
    probes_seed: int = GRADING_SEED

    @property
    def exercises(self) -> tuple[str, ...]:
        """Names of its exercises."""
        return SHORT if self.short else tuple(EXERCISES)

    @property
    def version(self) -> str:
        """Its name as a submission's origin has it."""
        return "short" if self.short else "long"

    def __str__(self) -> str:
        return f"assignment {variant(self.seed).name}, {self.version} version"


def probes_seed(folder: Path, asked: int | None = None) -> int:
    """The seed of a class's probes, kept in its folder: the one that is asked for, or there already, or drawn now.

    Raises
    ------
    ValueError
        Where the folder's file holds no seed.
    """
    path = folder / "seed.txt"
    try:
        kept = int(path.read_text("utf-8")) if path.exists() else secrets.randbits(63)
    except ValueError as error:
        raise ValueError(f"{path} holds no seed ({error}): give it with --seed, or remove the file") from error
    seed = kept if asked is None else asked
    folder.mkdir(parents=True, exist_ok=True)
    write_text(path, f"{seed}\n")
    return seed


def grade_one(
    submission: Submission,
    assignment: Assignment,
    hide: Sequence[Path] = (),
    limits: Limits | None = None,
) -> Graded:
    """Run one submission in its sandbox and compare here.

    Parameters
    ----------
    submission : Submission
    assignment : Assignment
    hide : sequence of path
        Folders that the submission must not see.
    limits : Limits, optional
        Of each exercise.
    """
    contents = read(submission)
    keys = {name: answer_key(name, variant(assignment.seed), assignment.probes_seed) for name in assignment.exercises}
    statements = {
        name: [(each.where, each.source) for each in contents.code.needed(EXERCISES[name].functions)] for name in keys
    }
    jobs = {name: Job(name, EXERCISES[name].functions, statements[name], key.probes) for name, key in keys.items()}
    costs = {name: job for name, key in keys.items() if (job := cost_job(key, statements[name]))}
    outcomes = run({**jobs, **{job.exercise: job for job in costs.values()}}, limits or Limits(), hide)
    missed = [what for name in keys for what in contents.code.missed(EXERCISES[name].functions)]
    points: dict[str, Mapping[str, int]] = {}
    findings: dict[str, Sequence[Finding]] = {}
    failures: dict[str, str] = {}
    flags = [*contents.origin.flags, *differences(contents.origin, assignment)]
    for name, key in keys.items():
        outcome = outcomes[name]
        results = outcome.results or nothing(key, outcome.failure)
        points[name] = marks(key, results)
        findings[name] = judge(key, results)
        flags += outcome.flags
        if name in costs:
            flags += suspicions(key, outcomes[costs[name].exercise], not findings[name])
        missed += outcome.raised
        if outcome.failure:
            failures[name] = outcome.failure
    others = tuple(f"{other} was handed in as well and was not graded" for other in submission.others)
    missed = list(dict.fromkeys(missed))
    notes = (*contents.notes, *missed, *others)
    unique = tuple(dict.fromkeys([*flags, *missed]))
    return Graded(submission.student, submission.file, points, findings, failures, notes, unique, contents.written)


def differences(origin: Origin, assignment: Assignment) -> Iterator[str]:
    """Where a submission was handed out as something else than it is graded as."""
    graded = variant(assignment.seed)
    said = variant(origin.variant) if origin.variant else graded
    if said != graded:
        yield "handed out as {}, graded as {}".format(*apart([said, graded]))
    if origin.version not in (None, assignment.version):
        yield f"handed out as the {origin.version} version, graded as the {assignment.version} version"


def nothing(key: AnswerKey, why: str) -> list[Results]:
    """Results of an exercise that gave none."""
    return [dict.fromkeys(right, Failure("ended", why or "gave no result")) for right in key.right]


def grade(
    submissions: Sequence[Submission],
    assignment: Assignment,
    folder: Path,
    executor: Executor,
    hide: Sequence[Path] = (),
    again: bool = False,
    progress: Callable[..., Any] = lambda steps, total: steps,
) -> dict[str, Graded]:
    """Grade submissions in parallel and leave a file of results for each, as soon as it is there.

    Parameters
    ----------
    submissions : sequence of Submission
    assignment : Assignment
    folder : path
        Where results stand. What stands there already for the same file and assignment is not graded again.
    executor : concurrent.futures.Executor
        Where they run: processes of this machine (`npvae.coursework.workers`), or Dask's `client.get_executor()`.
    hide : sequence of path
        Folders that no submission must see.
    again : bool
        Grade also what has been graded.
    progress : callable
        Wraps the results as they come; gets their number.

    Returns
    -------
    graded : dict of str to Graded
        By student.
    """
    folder.mkdir(parents=True, exist_ok=True)
    graded: dict[str, Graded] = {}
    waiting = {}
    for submission in submissions:
        known = None if again else load(folder, submission, assignment)
        if known:
            graded[submission.student] = known
        else:
            waiting[executor.submit(grade_one, submission, assignment, hide)] = submission
    for future in progress(as_completed(waiting), len(waiting)):
        submission = waiting[future]
        try:
            result = future.result()
        except Exception as error:  # a grader's fault must not cost the class: it stands in the report
            result = ungraded(submission, assignment, error)
        else:
            save(folder, submission, assignment, result)
        graded[submission.student] = result
    return dict(sorted(graded.items()))


def ungraded(submission: Submission, assignment: Assignment, error: Exception) -> Graded:
    """What stands for a submission on which the grader itself failed; a later run tries it again."""
    why = f"the grader failed on this file ({type(error).__name__}: {error}): grade it by hand, or run again"
    empty = {
        name: dict.fromkeys(EXERCISES[name].points(variant(assignment.seed)), 0) for name in assignment.exercises
    }
    return Graded(submission.student, submission.file, empty, {}, flags=(why,))


# One file per student.


def place(folder: Path, submission: Submission) -> Path:
    """Where the results of a student stand."""
    return folder / f"{hashlib.sha256(submission.student.encode()).hexdigest()[:16]}.json"


def save(folder: Path, submission: Submission, assignment: Assignment, graded: Graded) -> None:
    """Write the results of one submission."""
    content = {
        "format": FORMAT,
        "assignment": asdict(assignment),
        "digest": submission.digest,
        "graded": asdict(graded),
    }
    write_text(place(folder, submission), json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def load(folder: Path, submission: Submission, assignment: Assignment) -> Graded | None:
    """The results of one submission, where they are there and belong to the same file and assignment."""
    try:
        content = json.loads(place(folder, submission).read_text("utf-8"))
        same = (FORMAT, asdict(assignment), submission.digest)
        if (content["format"], content["assignment"], content["digest"]) != same:
            return None
        fields = content["graded"]
        findings = {name: [Finding(**each) for each in listed] for name, listed in fields.pop("findings").items()}
        return Graded(findings=findings, **fields)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def graded_as(folder: Path, submission: Submission) -> Assignment | None:
    """What a student's results that stand there belong to; None where there are none."""
    try:
        return Assignment(**json.loads(place(folder, submission).read_text("utf-8"))["assignment"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def mistakes_of(graded: Mapping[str, Graded]) -> Iterator[tuple[str, str]]:
    """Exercise and words of each mistake of each student, once."""
    for one in graded.values():
        for exercise, findings in one.findings.items():
            said = (finding.words for finding in findings if finding.name not in ("needs", "blank"))
            yield from ((exercise, words) for words in dict.fromkeys(said))
