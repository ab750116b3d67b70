"""Grading: each submission in a sandbox, its results compared here, one file of results per student."""

import hashlib
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from npvae.coursework.assignments import apart
from npvae.coursework.cost import cost_job, suspicions
from npvae.coursework.diagnose import Finding, judge
from npvae.coursework.exercises import EXERCISES, asked
from npvae.coursework.key import AnswerKey, answer_key
from npvae.coursework.marks import GRADING_SEED, marks
from npvae.coursework.origin import Origin
from npvae.coursework.sandbox.calls import Failure, Results
from npvae.coursework.sandbox.grader import DEFAULT, run
from npvae.coursework.sandbox.process import Job
from npvae.coursework.sandbox.reading import Limits
from npvae.coursework.submissions import Contents, Submission, read
from npvae.coursework.variants import Variant
from npvae.internals.files import write_text

FORMAT = 6
"""Goes up when what is kept, or what answers are tried on, changes."""


@dataclass(frozen=True)
class Graded:
    """What came of one submission."""

    student: str
    file: str
    marks: Mapping[str, Mapping[str, int]]
    """Points by exercise and part."""
    findings: Mapping[str, Sequence[Finding]]
    """What was wrong, by exercise; empty where there was nothing to run."""
    failures: Mapping[str, str] = field(default_factory=dict)
    """Why an exercise gave no results at all."""
    notes: Sequence[str] = ()
    """What the student should know of the file."""
    flags: Sequence[str] = ()
    """What a human should look at."""
    written: Mapping[str, str] = field(default_factory=dict)
    is_rewritten: bool = False
    """Whether the answers in words are others than when it was graded before."""

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


def probes_seed(path: Path) -> int:
    """The seed of a class's probes: the one that a file holds, or, where there is no file, one that is drawn now.

    Raises
    ------
    ValueError
        Where the file holds no seed.
    """
    try:
        return int(path.read_text("utf-8")) if path.exists() else secrets.randbits(63)
    except ValueError as error:
        raise ValueError(f"{path} holds no seed ({error}): give it with --seed, or remove the file") from error


def grade_one(
    submission: Submission,
    assignment: Variant,
    seed: int = GRADING_SEED,
    hide: Sequence[Path] = (),
    limits: Limits = DEFAULT,
) -> Graded:
    """Run one submission in its sandbox and compare here.

    Parameters
    ----------
    submission : Submission
    assignment : Variant
        What was asked.
    seed : int
        Of the probes.
    hide : sequence of path
        Folders that the submission must not see.
    limits : Limits
        Of each exercise.
    """
    contents = read(submission)
    others = [f"{other} was handed in as well and was not graded" for other in submission.others]
    if contents.trouble:
        return ungraded(submission, assignment, [contents.trouble, *others])
    keys = {name: answer_key(name, assignment, seed) for name in asked(assignment)}
    jobs = {name: Job(name, key.exercise.functions, needed(contents, key), key.probes) for name, key in keys.items()}
    costs = {name: job for name, key in keys.items() if (job := cost_job(key, jobs[name].statements))}
    outcomes = run({**jobs, **{job.exercise: job for job in costs.values()}}, limits, hide)
    missed = [what for key in keys.values() for what in contents.code.missed(key.exercise.functions)]
    points: dict[str, Mapping[str, int]] = {}
    findings: dict[str, Sequence[Finding]] = {}
    failures: dict[str, str] = {}
    flags = [*contents.flags, *contents.origin.flags, *differences(contents.origin, assignment)]
    for name, key in keys.items():
        outcome = outcomes[name]
        results = outcome.results or nothing(key, outcome.failure)
        points[name] = marks(key, results)
        findings[name] = judge(key, results)
        flags += outcome.flags
        if name in costs and not outcome.failure:
            flags += suspicions(key, outcomes[costs[name].exercise], not findings[name])
        missed += outcome.raised
        if outcome.failure:
            failures[name] = outcome.failure
    missed = list(dict.fromkeys(missed))
    notes = (*contents.notes, *missed, *others)
    unique = tuple(dict.fromkeys([*flags, *missed]))
    return Graded(submission.student, submission.file, points, findings, failures, notes, unique, contents.written)


def needed(contents: Contents, key: AnswerKey) -> list[tuple[str, str]]:
    """Where each statement stands that an exercise needs, and its source."""
    return [(each.where, each.source) for each in contents.code.needed(key.exercise.functions)]


def differences(origin: Origin, assignment: Variant) -> Iterator[str]:
    """Where a submission was handed out as something else than it is graded as."""
    if origin.variant not in (None, assignment):
        yield "handed out as {}, graded as {}".format(*apart([origin.variant, assignment]))
    if origin.form not in (None, assignment.form):
        yield f"handed out as the {origin.form} form, graded as the {assignment.form} form"


def nothing(key: AnswerKey, why: str) -> list[Results]:
    """Results of an exercise that gave none."""
    return [dict.fromkeys(right, Failure("ended", why or "gave no result")) for right in key.right]


@dataclass(frozen=True)
class Kept:
    """What has been graded: one file of results per student, for one seed of the probes."""

    folder: Path
    seed: int = GRADING_SEED

    def place(self, submission: Submission) -> Path:
        """Where the results of a student stand."""
        return self.folder / f"{hashlib.sha256(submission.student.encode()).hexdigest()[:16]}.json"

    def asked(self, assignment: Variant) -> dict[str, Any]:
        """What results belong to: the assignment, whichever version handed it out, and the seed."""
        return {"assignment": str(replace(assignment, package="")), "seed": self.seed}

    def asked_before(self, submission: Submission) -> dict[str, Any] | None:
        """What a student's results belong to; None where there are none that this version can read."""
        content = read_json(self.place(submission))
        return {name: content[name] for name in ("assignment", "seed")} if content.get("format") == FORMAT else None

    def save(self, submission: Submission, assignment: Variant, graded: Graded) -> None:
        """Write the results of one submission."""
        content = {**self._stamp(submission, assignment), "graded": asdict(graded)}
        write_text(self.place(submission), json.dumps(content, indent=1, ensure_ascii=False) + "\n")

    def load(self, submission: Submission, assignment: Variant) -> Graded | None:
        """The results of one submission, where they are there and belong to the same file and assignment."""
        content = read_json(self.place(submission))
        fields = content.pop("graded", {})
        if content != self._stamp(submission, assignment):
            return None
        findings = {name: [Finding(**each) for each in listed] for name, listed in fields.pop("findings").items()}
        return Graded(findings=findings, **fields)

    def students(self) -> set[str]:
        """Everybody who has been graded here, whatever as."""
        contents = map(read_json, self.folder.glob("*.json"))
        return {str(content["graded"]["student"]) for content in contents if "graded" in content}

    def is_stale(self, submission: Submission, assignment: Variant) -> bool:
        """Whether there are results, but of another file, or none that this version can read."""
        return self.place(submission).exists() and self.load(submission, assignment) is None

    def _stamp(self, submission: Submission, assignment: Variant) -> dict[str, Any]:
        return {"format": FORMAT, **self.asked(assignment), "digest": submission.digest}


def read_json(path: Path) -> dict[str, Any]:
    """What a file of results holds; nothing where there is none, or it is damaged."""
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def grade(
    submissions: Sequence[Submission],
    assignment: Variant,
    kept: Kept,
    executor: Executor,
    hide: Sequence[Path] = (),
    again: bool = False,
    progress: Callable[..., Any] = lambda steps, total: steps,
) -> dict[str, Graded]:
    """Grade submissions in parallel and keep the results of each, as soon as they are there.

    Parameters
    ----------
    submissions : sequence of Submission
    assignment : Variant
        What was asked.
    kept : Kept
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
    kept.folder.mkdir(parents=True, exist_ok=True)
    graded: dict[str, Graded] = {}
    waiting = {}
    for submission in submissions:
        known = None if again else kept.load(submission, assignment)
        if known:
            graded[submission.student] = known
        else:
            waiting[executor.submit(grade_one, submission, assignment, kept.seed, hide)] = submission
    for future in progress(as_completed(waiting), len(waiting)):
        submission = waiting[future]
        try:
            result = future.result()
        except Exception as error:  # a grader's fault must not cost the class: it stands in the report
            why = f"the grader failed on this file ({type(error).__name__}: {error}): grade it by hand, or run again"
            result = ungraded(submission, assignment, [why], [why])
        else:
            before = read_json(kept.place(submission)).get("graded", {})
            result = replace(result, is_rewritten=before.get("written", result.written) != result.written)
            kept.save(submission, assignment, result)
        graded[submission.student] = result
    return dict(sorted(graded.items()))


def ungraded(submission: Submission, assignment: Variant, notes: Sequence[str], flags: Sequence[str] = ()) -> Graded:
    """What stands for a submission of which nothing was run."""
    points = {name: dict.fromkeys(exercise.points(assignment), 0) for name, exercise in asked(assignment).items()}
    return Graded(submission.student, submission.file, points, {}, notes=notes, flags=flags)


def mistakes_of(graded: Mapping[str, Graded]) -> Iterator[tuple[str, str]]:
    """Exercise and words of each mistake of each student, once."""
    for one in graded.values():
        for exercise, findings in one.findings.items():
            said = [finding.words for finding in findings if finding.name not in ("needs", "blank")]
            said = [one.failures[exercise]] if exercise in one.failures else said  # not once for each function
            yield from ((exercise, words) for words in dict.fromkeys(said))
