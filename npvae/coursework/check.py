"""Feedback at once: `check` tries a student's functions and says, a little more at each call, what is wrong."""

import _thread
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest.mock import patch

from npvae.coursework.assignments import variant as assigned
from npvae.coursework.diagnose import PLAIN, Finding, judge
from npvae.coursework.exercise import EXTREMES, Exercise
from npvae.coursework.exercises import EXERCISES
from npvae.coursework.key import answer_key
from npvae.coursework.sandbox.calls import Failure
from npvae.coursework.variants import TEXTBOOK

FEEDBACK = ("hint", "pass-fail", "none")
SEED = 0
"""Of the probes. Whoever grades uses others."""
LIMIT = 20.0
"""Seconds that an exercise may take."""


class Checker:
    """`check`, for one assignment.

    Parameters
    ----------
    variant : int or str
        The line that the handout carries, "textbook", or a number that was all that it carried.
    feedback : "hint", "pass-fail" or "none"
        How much a call says. With "hint", the first call on something wrong says where, the second what it
        violates, the third what it looks like.

    Raises
    ------
    ValueError
        For a variant or a feedback that does not exist.
    """

    def __init__(self, variant: int | str = TEXTBOOK, feedback: str = "hint") -> None:
        if feedback not in FEEDBACK:
            raise ValueError(f"feedback is {feedback!r}, expected one of: {', '.join(FEEDBACK)}")
        self.variant = assigned(variant)
        self.feedback = feedback
        self.rungs: dict[str, dict[str, int]] = {}
        """By exercise and words of a finding: how much of it has been told."""
        self.right: dict[str, tuple[Callable[..., Any], ...]] = {}
        """By exercise: its functions, where all of them are right; with no feedback, where all have come."""

    def __call__(self, name: str, *functions: Callable[..., Any]) -> bool:
        """Try functions, print what is found, and return whether all is right.

        Parameters
        ----------
        name : str
            Of an exercise, or of one of its functions.
        *functions : callable
            Those of the exercise, in its order. A forward may come alone.

        Raises
        ------
        ValueError
            For an unknown name, or the wrong number of functions.
        """
        exercise = find_exercise(name)
        validate(exercise, functions)
        self.right.pop(exercise.name, None)
        complete = len(functions) == len(exercise.functions)
        if self.feedback == "none":
            print(f"{exercise.name}: received")
            self.right |= {exercise.name: functions} if complete else {}
            return True
        findings: list[Finding] | None = None
        with at_most(LIMIT) as late, nobody_leaves(functions):
            if not is_blank(exercise, self.variant, functions):
                findings = findings_of(exercise, self.variant, functions, SEED)
        if late.is_set():
            print(f"{exercise.name}: took longer than {LIMIT:g} s and was stopped: is there a loop that never ends?")
            return False
        if findings is None:
            print(f"{exercise.name}: {'still to be written' if self.feedback == 'hint' else 'not right yet'}")
            return False
        if not findings:
            self.rungs.pop(exercise.name, None)
            self.right |= {exercise.name: functions} if complete else {}
            print(f"{exercise.name}: right" + ("" if complete else ", so far"))
            return True
        if self.feedback == "pass-fail":
            print(f"{exercise.name}: not right yet")
            return False
        before = self.rungs.get(exercise.name, {})
        rungs = {finding.words: min(3, before.get(finding.words, 0) + 1) for finding in findings}
        self.rungs[exercise.name] = rungs  # what is wrong in another way begins anew
        lines = [line for finding in findings for line in hint(exercise, finding, rungs[finding.words])]
        print("\n  ".join([f"{exercise.name}: not right yet", *dict.fromkeys(lines)]))
        if any(rungs[finding.words] < 3 for finding in findings if finding.name not in PLAIN):
            print("  (run check again for more)")
        return False


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[threading.Event]:
    """Interrupt what takes longer, and set the event.

    A single call of NumPy that never returns cannot be stopped, nor anything outside the main thread.
    """
    done, late = threading.Event(), threading.Event()
    main = threading.main_thread()

    def watch() -> None:
        wait = seconds
        while not done.wait(wait):
            late.set()
            wait = 1.0  # once more, where an `except` has swallowed it
            if hasattr(signal, "pthread_kill"):
                signal.pthread_kill(main.ident or 0, signal.SIGINT)
            else:
                _thread.interrupt_main()

    watcher = threading.Thread(target=watch, daemon=True)
    if threading.current_thread() is main:
        watcher.start()
    try:
        yield late
    except KeyboardInterrupt:
        if not late.is_set():
            raise
    finally:
        done.set()


@contextlib.contextmanager
def nobody_leaves(functions: Sequence[Callable[..., Any]]) -> Iterator[None]:
    """A notebook's own exit and quit would end the kernel: in a function that is tried, they are an error."""

    def leave(*_: Any) -> None:
        raise SystemExit("exit and quit end the notebook: return instead")

    with contextlib.ExitStack() as stack:
        for function in functions:
            known = getattr(function, "__globals__", {})
            stack.enter_context(patch.dict(known, {name: leave for name in ("exit", "quit") if name in known}))
        yield


def find_exercise(name: str) -> Exercise:
    """The exercise of that name, or that a function of that name belongs to."""
    for exercise in EXERCISES.values():
        if name == exercise.name or name in exercise.functions:
            return exercise
    raise ValueError(f"no exercise is called {name!r}, expected one of: {', '.join(EXERCISES)}")


def validate(exercise: Exercise, functions: tuple[Any, ...]) -> None:
    """Whether these can be the functions of an exercise, or a ValueError."""
    wanted = ", ".join(exercise.functions)
    if not functions or len(functions) > len(exercise.functions):
        raise ValueError(f'{len(functions)} functions came, expected check("{exercise.name}", {wanted})')
    for function in functions:
        if not callable(function):
            raise ValueError(f'{function!r} is not a function, expected check("{exercise.name}", {wanted})')


def is_blank(exercise: Exercise, variant: Any, functions: tuple[Any, ...]) -> bool:
    """Whether nothing is written yet: what should come out need not be known for that."""
    probe = answer_key(exercise.name, variant, SEED).probes[0]
    results = exercise.run(functions, probe).values()
    return all(isinstance(each, Failure) and each.name in ("blank", "needs") for each in results)


def findings_of(exercise: Exercise, variant: Any, functions: tuple[Any, ...], seed: int) -> list[Finding]:
    """What is wrong with a student's functions, tried in this process."""
    key = answer_key(exercise.name, variant, seed)
    return judge(key, [exercise.run(functions, probe) for probe in key.probes])


def hint(exercise: Exercise, finding: Finding, rung: int) -> list[str]:
    """What a rung of the ladder says of a finding: all that those below it say, and more."""
    if finding.name in PLAIN:
        return [finding.sentence]
    elsewhere = [where for where in finding.elsewhere if where != EXTREMES]  # beside them an ordinary error vanishes
    right = f"; right here: {', '.join(elsewhere)}" if elsewhere else ""
    return [
        f"{finding.result} is wrong here: {', '.join(finding.where)}{right}",
        f"{finding.result} ({exercise.read}): {exercise.properties[finding.result]}",
        finding.sentence,
        *([finding.entry] if finding.entry else []),
    ][: rung if rung < 3 else None]
