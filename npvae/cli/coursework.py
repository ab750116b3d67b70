"""npvae handout and npvae grade: the coursework on the command line."""

import argparse
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from npvae.cli.arguments import UsageError, seed, whole
from npvae.coursework.assignments import apart, variant
from npvae.coursework.check import FEEDBACK
from npvae.coursework.collection import Collection, collect
from npvae.coursework.exercises import total
from npvae.coursework.grading import Graded, Kept, differences, grade, probes_seed
from npvae.coursework.handout import assigned, write_handout
from npvae.coursework.listing import on_screen
from npvae.coursework.report import Results, write_reports
from npvae.coursework.sandbox.grader import isolation
from npvae.coursework.submissions import Submission
from npvae.coursework.variants import FORMS, Variant
from npvae.coursework.workers import workers
from npvae.coursework.written import Marks, manual_marks
from npvae.internals.files import write_text
from npvae.internals.progress import progress
from npvae.internals.text import counted
from npvae.internals.threads import available_cores

T = TypeVar("T")
SHOWN = 10
"""Names that are suggested for one that is nobody's."""
HANDOUT_EXAMPLES = """\
examples:
  npvae handout coursework-2026 --variant 2026        what students get
  npvae handout lecturer --variant 2026 --solutions   the same with solutions and tests, for you, nbgrader or Otter
  npvae handout lab --variant 7 --short               the short form: fewer exercises
  npvae handout exam --variant 3 --feedback none      check gives no feedback
"""


GRADE_EXAMPLES = """\
examples:
  npvae grade moodle.zip --list                       whose files there are and which are graded; runs nothing
  npvae grade submissions/ --out graded               the assignment that the files say
  npvae grade moodle.zip --out graded --variant 2026 --long
  npvae grade moodle.zip --out graded --roster class.csv --gradescope
  npvae grade moodle.zip --out graded --only "Ada Lovelace_1815"
  npvae grade moodle.zip --out graded --roster class.csv --anonymous
"""


def add_parsers(subparsers: Any) -> None:
    """Add the coursework's commands to the command line."""
    handout = subparsers.add_parser(
        "handout",
        help="write an assignment for students",
        description="Write an assignment (notebook, script and README). Needs a clone of the repository.",
        epilog=HANDOUT_EXAMPLES,
    )
    handout.set_defaults(run=write)
    handout.add_argument("folder", metavar="DIR", type=Path, help="folder to write to; no file is overwritten")
    handout.add_argument(
        "--variant",
        type=known_variant,
        default="0",
        metavar="SEED",
        help='a whole number, each for different questions; "textbook": answered in the package; or the line that an '
        "earlier handout carries (default: 0)",
    )
    handout.add_argument("--feedback", choices=FEEDBACK, default="hint", help="what check says (default: hint)")
    handout.add_argument("--short", action="store_true", help=f"the short form, {points_of('short')} points")
    handout.add_argument(
        "--solutions", action="store_true", help="keep solutions, graded tests and the marking guide"
    )
    handout.add_argument("--master", type=Path, metavar="FILE", help="another master notebook")

    grade = subparsers.add_parser(
        "grade",
        help="grade submissions, each in a sandbox",
        description="Grade notebooks or scripts. Writes grades.csv, feedback for each student, the written answers "
        "and a summary of the class. If interrupted, it continues when run again.",
        epilog=GRADE_EXAMPLES,
    )
    grade.set_defaults(run=mark)
    grade.add_argument(
        "submissions", type=Path, metavar="SUBMISSIONS", help="a folder or an archive, as a platform or you made it"
    )
    grade.add_argument("--out", type=Path, metavar="DIR", help="where grades and feedback go")
    grade.add_argument(
        "--list",
        action="store_true",
        help="show who handed in what and which file is graded; nothing is run or written, so --out, --seed, "
        "--gradescope and --workers have no meaning",
    )
    grade.add_argument(
        "--variant",
        type=known_variant,
        metavar="SEED",
        help="the number given to npvae handout, which is looked up in the files, or the line that it printed "
        "(default: what the files say, where they agree)",
    )
    form = grade.add_mutually_exclusive_group()
    for name in FORMS:
        form.add_argument(
            f"--{name}",
            dest="form",
            action="store_const",
            const=name,
            help=f"the {name} form, {points_of(name)} points (default: what the files ask, where they agree)",
        )
    grade.add_argument(
        "--roster", type=Path, metavar="CSV", help="all students, as a spreadsheet or a platform writes them"
    )
    grade.add_argument(
        "--seed",
        type=seed,
        metavar="N",
        help="of the inputs that marks are given for (default: the one in DIR/seed.txt, drawn when first graded)",
    )
    grade.add_argument(
        "--only",
        metavar="STUDENT",
        help="grade this one again, others only where their file has changed; with --list, show this one",
    )
    grade.add_argument(
        "--anonymous", action="store_true", help="identifiers in the place of names in all that is written"
    )
    grade.add_argument("--gradescope", action="store_true", help="also write a results.json for each student")
    grade.add_argument(
        "--workers", type=whole, default=available_cores(), metavar="N", help="number of processes (default: cores)"
    )


def points_of(form: str) -> int:
    """Points of an assignment in one of the forms: the same for all choices."""
    return total(Variant(form=form))


def known_variant(text: str) -> str:
    """Return the number or the line of an assignment that exists, or raise an error."""
    try:
        return text if "," in text else variant(text).name
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def write(options: Namespace) -> int:
    """Write a handout and print what it asks."""
    paths = write_handout(
        options.folder,
        options.variant,
        master=options.master,
        feedback=options.feedback,
        short=options.short,
        solutions=options.solutions,
    )
    print(assigned(options.variant, options.short))
    for path in paths:
        print(path)
    return 0


def mark(options: Namespace) -> int:
    """Grade submissions and print where everything is, or only who handed in what."""
    if options.out is None and not options.list:
        raise UsageError("give --out DIR to grade, or --list to see whose files there are")
    collection = collect(options.submissions, options.roster, options.anonymous)
    students = [each.student for each in collection.submissions]
    if options.only not in (None, *students):
        more = ", ..." * (len(students) > SHOWN)
        raise ValueError(f"nobody is called {options.only!r}, expected one of: {', '.join(students[:SHOWN])}{more}")
    if options.list:
        return _show(collection, options)
    assignment, seed_file = _asked(collection, options), options.out / "seed.txt"
    kept = Kept(options.out / "results", probes_seed(seed_file) if options.seed is None else options.seed)
    submissions = collection.submissions
    chosen = [each for each in submissions if options.only in (None, each.student) or kept.is_stale(each, assignment)]
    by_hand = manual_marks(options.out / "manual.csv", students)
    _refuse_a_mixture(submissions, assignment, kept, options, by_hand)
    if missing := isolation().missing:
        print(missing, flush=True)
    print(assignment.title, flush=True)
    kept.folder.mkdir(parents=True, exist_ok=True)
    write_text(seed_file, f"{kept.seed}\n")
    try:
        graded = _in_parallel(chosen, assignment, kept, options, again=options.only is not None)
        own = _under_their_own(collection, assignment, kept, options)
    except KeyboardInterrupt:
        done = sum(kept.load(submission, assignment) is not None for submission in submissions)
        print(
            f"graded and kept in {kept.folder}: {done} of {counted(len(submissions), 'student')}; "
            "the same command goes on from there",
            file=sys.stderr,
        )
        raise
    everybody = {each.student: graded.get(each.student) or kept.load(each, assignment) for each in submissions}
    found = {student: one for student, one in everybody.items() if one}
    report = Results(collection, assignment, found, own, by_hand)
    write_reports(options.out, report, options.gradescope)
    print(f"{report.size}; {len(report.to_look_at)} to look at, in {options.out / 'summary.md'}")
    print(options.out / "grades.csv")
    return 0


def _show(collection: Collection, options: Namespace) -> int:
    """Print who handed in what; where it does not follow which assignment is asked, that too."""
    try:
        assignment, unclear = _asked(collection, options), ""
    except UsageError as error:
        assignment, unclear = None, str(error)
    people = tuple(one for one in collection.hand_ins if options.only in (None, one.submission.student))
    for line in on_screen(replace(collection, hand_ins=people), assignment):
        print(line)
    print(assignment.title if assignment else unclear)
    return 0


def _asked(collection: Collection, options: Namespace) -> Variant:
    """The assignment to grade: what the options say, or else what the files do."""
    origins = [one.choice.look.origin for one in collection.hand_ins if one.choice.file]
    said = [origin.variant for origin in origins]
    chosen = variant(options.variant) if options.variant else None
    if chosen is None:
        chosen = _agreed("variant", said, "--variant")
    elif not chosen.package:  # a number: the files carry the choices that it was handed out with
        same = [each for each in said if each and each.name == chosen.name]
        chosen = _agreed("variant", same, "--variant, as the line of the handout") if same else chosen
    form = options.form or _agreed("form", [origin.form for origin in origins], "--short or --long")
    return replace(chosen, form=form)


def _under_their_own(
    collection: Collection, assignment: Variant, kept: Kept, options: Namespace
) -> dict[str, tuple[Variant, Graded]]:
    """What the files are worth that say that they are of another assignment, each under that."""
    others: dict[str, tuple[Variant, list[Submission]]] = {}
    kept = replace(kept, folder=kept.folder / "own")
    for one in collection.hand_ins:
        origin, submission = one.choice.look.origin, one.submission
        if one.choice.file and any(differences(origin, assignment)):
            own = replace(origin.variant or assignment, form=origin.form or assignment.form)
            if options.only in (None, submission.student) or kept.load(submission, own):
                others.setdefault(str(own), (own, []))[1].append(submission)
    graded: dict[str, tuple[Variant, Graded]] = {}
    for own, submissions in others.values():
        found = _in_parallel(submissions, own, kept, options, again=False)
        graded |= {student: (own, result) for student, result in found.items()}
    return graded


def _agreed(what: str, said: Sequence[T | None], option: str) -> T:
    """What all files say that say anything."""
    counts = Counter(value for value in said if value)
    if len(counts) == 1:
        return next(iter(counts))
    values = [value for value, _ in counts.most_common(5)]
    told = [f"{words}: {counts[value]}" for words, value in zip(apart(values), values, strict=True)]
    told.append(f"not said: {len(said) - counts.total()}")
    raise UsageError(
        f"which {what} to grade does not follow from the files ({', '.join(told)}): give it with {option}"
    )


def _refuse_a_mixture(
    submissions: Sequence[Submission], assignment: Variant, kept: Kept, options: Namespace, by_hand: Marks
) -> None:
    """One student graded as another assignment than the rest, or marks by hand that were given for another."""
    asked = kept.asked(assignment)
    for each in submissions:
        before = kept.asked_before(each) or asked
        title = variant(before["assignment"]).title
        if options.only not in (None, each.student) and before != asked:
            raise UsageError(
                f"{options.out} holds {title} with seed {before['seed']}, and --only would grade {assignment.title} "
                f"with seed {kept.seed}: give the same options as before, or grade all without --only"
            )
        if by_hand and before["assignment"] != asked["assignment"]:
            raise UsageError(
                f"{options.out / 'manual.csv'} holds marks for {title}, and this would grade {assignment.title}: "
                "give another --out, or move that file away"
            )


def _in_parallel(
    submissions: list[Submission], assignment: Variant, kept: Kept, options: Namespace, again: bool
) -> dict[str, Graded]:
    """Grade in several processes; a submission that brought a process down is tried once more in a separate one."""
    hide = [options.submissions.resolve(), options.out.resolve()]

    def steps(futures: Any, total: int) -> Any:
        return progress(futures, "grading", True, total)

    with workers(options.workers) as executor:
        graded = grade(submissions, assignment, kept, executor, hide, again, steps)
    for submission in submissions:
        if kept.load(submission, assignment) is None:
            with workers(1) as executor:
                graded |= grade([submission], assignment, kept, executor, hide)
    return graded
