"""Running a submission where it can do no harm: it gets inputs, and bytes come back that are read with care.

Nothing right ever enters the other process. On the grader's side:

- `grader` runs the exercises of a submission, and knows what isolation there is;
- `process` starts the launcher and talks to it;
- `reading` makes an `Outcome` of what a child wrote.

In the other process, which `__main__` starts:

- `launcher` isolates itself, and forks a child for each exercise;
- `isolation` is all that keeps a submission in;
- `child` executes the submission and calls its functions, as `runs` says (with `calls`, `cases` and `pieces`);
- `watching` flags what a submission does as it runs, and `stand_ins` are there in place of what it must not have.

`channel` is what they say to each other.
"""
