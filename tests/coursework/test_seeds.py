"""Whatever seed the inputs of a class are drawn from, the same answer gets the same marks."""

import pytest

from npvae.coursework.assignments import variant
from npvae.coursework.exercises import EXERCISES
from npvae.coursework.handout import write_handout
from npvae.coursework.key import AnswerKey
from npvae.coursework.marks import marks
from npvae.coursework.submissions import Submission, read

pytestmark = pytest.mark.slow
SEEDS = (1, 2**40, 2**63 - 1)


@pytest.fixture(scope="module", params=["textbook", "0", "21"])
def solved(request, tmp_path_factory):
    """An assignment, and the code of its solutions."""
    (path,) = write_handout(tmp_path_factory.mktemp("solution") / "out", request.param, solutions=True)
    return variant(request.param), read(Submission("ada", path.name, path.read_bytes())).code


@pytest.mark.parametrize("name", EXERCISES)
def test_the_solution_earns_all_points_for_every_seed(solved, name):
    asked, code = solved
    exercise, scope = EXERCISES[name], {}
    for each in code.needed(exercise.functions):
        exec(each.source, scope)
    functions = [scope[function] for function in exercise.functions]
    for seed in SEEDS:
        key = AnswerKey(exercise, asked, seed)
        assert marks(key, [exercise.run(functions, probe) for probe in key.probes]) == key.points
