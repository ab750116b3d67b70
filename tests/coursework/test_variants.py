"""An assignment says what it asks: its choices travel with it, and no choice that is added later changes one."""

import json
import re
from dataclasses import replace

import pytest
from choices import full

from npvae import __version__
from npvae.cli import main
from npvae.coursework import Checker, earned
from npvae.coursework.assignments import BEFORE, CHOICES, OPTIONS, variant
from npvae.coursework.exercises import SHORT, asked, total
from npvae.coursework.grading import grade_one
from npvae.coursework.handout import assigned, write_handout
from npvae.coursework.origin import Origin
from npvae.coursework.submissions import Submission, read
from npvae.coursework.variants import SLOTS, Variant

IN_VERSION_0_1 = {
    "0": ("output first", "softsign", "softplus", 0.5, 0.75, "Laplace", "AdaMax", "one-hot first"),
    "7": ("output first", "softsign", "softplus", 0.5, 2.0, "Poisson", "Nadam", "plus-minus first"),
    "2026": ("output first", "softsign", "log-sigma", -1.0, 1.5, "Poisson", "AMSGrad", "one-hot first"),
}
OF_THREE = str(replace(variant(3), package=__version__))
LINE = re.compile(r'(?m)^VARIANT = "(.*)"$')


@pytest.fixture
def more_choices(monkeypatch):
    """One more activation, likelihood and head to choose from."""
    for slot, option in (("activation", "mish"), ("likelihood", "another"), ("head", "another")):
        for table in (OPTIONS, CHOICES):
            monkeypatch.setitem(table, slot, (*table[slot], option))


def choices(of):
    return tuple(getattr(of, slot) for slot in CHOICES)


def script(folder, seed, **options):
    return write_handout(folder, seed, **options)[1].read_text("utf-8")


def origin(text, file="a.py"):
    return read(Submission("ada", file, text.encode())).origin


def test_the_first_option_of_every_slot_is_the_textbooks():
    assert {slot: options[0] for slot, options in OPTIONS.items()} == {
        slot: getattr(Variant(), slot) for slot in SLOTS
    }


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("seed", ["textbook", 0, 3, 2026])
def test_the_line_of_a_handout_reads_back_to_all_that_it_asks(seed, short, tmp_path):
    made = assigned(seed, short)
    (line,) = LINE.findall(script(tmp_path, seed, short=short))
    assert line == str(made)
    assert vars(variant(line)) == vars(made)
    assert (made.package, made.form) == (__version__, "short" if short else "long")
    assert list(asked(variant(line))) == (list(SHORT) if short else list(asked(Variant())))
    notebook = json.loads((tmp_path / "assignment.ipynb").read_text("utf-8"))
    assert notebook["metadata"]["npvae"] == {"assignment": line}


@pytest.mark.parametrize("number", IN_VERSION_0_1)
def test_a_number_alone_means_what_it_meant_in_version_0_1_whatever_choices_are_added(number, more_choices):
    assert choices(variant(number)) == IN_VERSION_0_1[number]
    assert choices(variant(int(number))) == IN_VERSION_0_1[number]


def test_what_was_handed_out_before_choices_were_added_is_read_and_checked_and_graded_as_it_was_meant(
    tmp_path, more_choices, capsys
):
    new = [assigned(number, short=False) for number in range(100)]
    assert any(each.activation == "mish" for each in new)
    number = next(str(i) for i, each in enumerate(new) if each != variant(i))
    with pytest.MonkeyPatch.context() as before:
        for slot, options in BEFORE.items():
            before.setitem(CHOICES, slot, options)
        (path,) = write_handout(tmp_path, number, solutions=True)
    asked_then = variant(number)
    text = path.read_text("utf-8")
    (line,) = set(re.findall(r'VARIANT = \\"(.*?)\\"', text))
    for handed_in in (text, text.replace(line, number)):  # with its choices, and with its number alone
        submission = Submission("ada", "a.ipynb", handed_in.encode())
        said = read(submission).origin
        assert (said.variant, said.form) == (asked_then, "long")
        assert grade_one(submission, said.variant).total == total(asked_then)
        assert Checker(line).variant == Checker(number).variant == asked_then


def test_an_assignment_from_before_there_was_a_slot_asks_the_textbooks_there():
    line = OF_THREE
    without = line.replace(", labels plus-minus first", "")
    assert without != line
    assert variant(without).labels == "one-hot last"
    assert variant(without).optimizer == "Nadam"


def test_a_choice_that_this_version_does_not_know_is_told_with_the_version_to_install():
    line = OF_THREE.replace("softsign", "mish").replace(f"npvae {__version__}", "npvae 9.1")
    with pytest.raises(
        ValueError, match=rf"activation 'mish', which npvae {__version__} does not know: install npvae 9"
    ):
        variant(line)
    assert "install npvae 9.1" in origin(f'VARIANT = "{line}"').flags[0]


@pytest.mark.parametrize("change", [("variant 3", "variant x"), ("form long", "form wide"), ("variant 3, ", "")])
def test_a_line_that_was_damaged_is_refused(change):
    with pytest.raises(ValueError, match="expected the line of a handout"):
        variant(OF_THREE.replace(*change))


def test_two_assignments_are_equal_where_they_ask_the_same_whatever_they_are_called():
    assert variant("3") == variant(OF_THREE.replace("variant 3", "variant 4").replace("form long", "form short"))
    assert variant("3") != variant("4")


def test_a_notebook_without_its_first_cell_still_says_its_assignment_in_its_metadata(tmp_path):
    notebook = json.loads(write_handout(tmp_path, 3)[0].read_text("utf-8"))
    notebook["cells"] = [cell for cell in notebook["cells"] if "VARIANT =" not in "".join(cell["source"])]
    assert origin(json.dumps(notebook), "a.ipynb") == Origin(assigned(3, short=False), "long")


@pytest.mark.parametrize("short", [False, True])
def test_a_line_says_the_form_whatever_exercises_are_left_in_the_file(short):
    line = str(assigned(3, short))
    assert origin(f'VARIANT = "{line}"\n') == Origin(assigned(3, short), "short" if short else "long")


def test_a_line_that_was_changed_to_easier_choices_is_flagged(tmp_path):
    text = write_handout(tmp_path, OF_THREE)[0].read_text("utf-8")
    changed = text.replace("activation softsign", "activation tanh", 1)
    assert changed != text
    said = origin(changed, "a.ipynb")
    assert said.variant is None
    assert "activation tanh" in said.flags[0]
    assert "activation softsign" in said.flags[0]


def test_a_number_on_the_command_line_is_looked_up_in_the_files(tmp_path, more_choices, capsys):
    number = next(str(i) for i in range(100) if assigned(i, short=True) != variant(i))
    (tmp_path / "in").mkdir()
    (path,) = write_handout(tmp_path / "out", number, short=True, solutions=True)
    for name in ("ada", "bob"):
        (tmp_path / "in" / f"{name}.ipynb").write_bytes(path.read_bytes())
    command = ["grade", str(tmp_path / "in"), "--out", str(tmp_path / "graded"), "--variant", number]
    line = str(assigned(number, short=True))
    other = str(variant(number)).replace("npvae 0.1", f"npvae {__version__}").replace("form long", "form short")
    (tmp_path / "in" / "cyd.py").write_text(f'VARIANT = "{other}"\n')
    assert main(command) == 2
    assert (
        f"({line}: 2, {other}: 1, not said: 0): give it with --variant, as the line of the handout"
        in capsys.readouterr().err
    )
    assert not (tmp_path / "graded").exists()
    (tmp_path / "in" / "cyd.py").write_text(f'VARIANT = "{line}"\n')
    with pytest.MonkeyPatch.context() as stopped:
        graded = []
        stopped.setattr(
            "npvae.cli.coursework._in_parallel", lambda _, assignment, *rest, **more: graded.append(assignment) or {}
        )
        assert main(command) == 0
    assert list(map(str, graded)) == [line]


def test_marks_in_other_graders_go_by_the_line_too():
    line = str(assigned("textbook", short=False)).replace("activation tanh", "activation softsign")

    def softsign(a):
        return a / (1 + abs(a)), abs(a)

    def softsign_backward(dh, cache):
        return dh / (1 + cache) ** 2

    assert earned("activation", softsign, softsign_backward, seed=line) == full("activation")
    assert sum(earned("activation", softsign, softsign_backward).values()) < sum(full("activation").values())
