"""The folder of pages: the notes beside the code, the lessons, the lectures; what it holds, and how it behaves."""

import configparser
import functools
import html
import importlib.util
import itertools
import math
import re
from operator import attrgetter
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from support import BAR, small_vae

import npvae
from npvae.cli import main
from npvae.coursework.exercises import EXERCISES
from npvae.gradcheck import all_pairs, model_errors, pair_error, redraw

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
PAGES = NOTEBOOKS / "pages"
TEXT = (NOTEBOOKS / "notes.md").read_text("utf-8") + "\n" + (PAGES / "stands_on.md").read_text("utf-8")
PANELS = configparser.ConfigParser(interpolation=None)
PANELS.read(PAGES / "panels.ini", "utf-8")
MARKS = [name for mark in re.findall("<!-- code: (.*?) -->", TEXT) for name in mark.split(", ")]
WRONG = [
    (panel, *line.rsplit(": ", 1)) for panel in MARKS for line in PANELS[panel].get("wrong", "").strip().splitlines()
]


# What stands beside what.


def test_every_pair_stands_beside_the_notes_once_and_every_panel_is_used():
    assert sorted(MARKS) == sorted(PANELS.sections())
    pairs = [name for name in MARKS if "shows" not in PANELS[name]]
    assert sorted(pairs) == sorted({pair.forward.__name__ for pair in all_pairs().values()})


def test_every_section_of_the_notes_has_code_beside_it():
    sections = re.split("(?m)^#+ ", TEXT)[1:]
    assert len(sections) == 9
    for section in sections:
        assert "<!-- code: " in section, section.partition("\n")[0]


def test_every_name_in_the_panels_exists():
    explore = (ROOT / "npvae" / "explore" / "page.html").read_text("utf-8")
    tests = "".join(path.read_text("utf-8") for path in (ROOT / "tests" / "mathematics").glob("*.py"))
    for name in PANELS.sections():
        panel = PANELS[name]
        for function in panel.get("shows", name).split() + panel.get("doc", "").split():
            assert callable(attrgetter(function)(npvae))
        assert panel.get("exercise", "dense_backward") in EXERCISES
        assert f'id="{panel.get("part", "heads")}"' in explore
        for lesson in panel.get("lesson", "").split():
            assert list(NOTEBOOKS.glob(f"{lesson}_*.ipynb"))
        for sentence in panel.get("guard", "").strip().splitlines():
            assert tests.count(f"def test_{sentence.replace(' ', '_')}(") == 1, sentence


def module(path):
    """A file of the tests, as a module of its own."""
    spec = importlib.util.spec_from_file_location(f"site_{path.stem}", path)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def run_test(sentence):
    """Run the test of a name, at all its parameters."""
    name = f"test_{sentence.replace(' ', '_')}"
    (path,) = [
        path for path in (ROOT / "tests/mathematics").glob("*.py") if f"def {name}(" in path.read_text("utf-8")
    ]
    function = getattr(module(path), name)
    marks = [mark.args for mark in getattr(function, "pytestmark", []) if mark.name == "parametrize"]
    for values in itertools.product(*(values for _, values in marks)):
        given = {}
        for (names, _), value in zip(marks, values, strict=True):
            names = names.replace(" ", "").split(",") if isinstance(names, str) else names
            given |= zip(names, value if len(names) > 1 else [value], strict=True)
        function(**given)


def places(panel):
    """Where in the table of pairs a panel's pair stands, once for each kind."""
    return [i for i, pair in enumerate(all_pairs().values()) if pair.forward.__name__ == panel]


def check_gradient(panel, at):
    """The gradient check of a pair, which stands at these places, or of the model whose methods a panel shows."""
    pairs = [*all_pairs().values()]
    for i in at:
        error, _ = redraw(functools.partial(pair_error, pairs[i]))
        assert error < BAR
    if not at:
        kind = getattr(npvae, PANELS[panel].get("errors", "VAE"))
        model, x, eps = small_vae(kind=kind, beta=1.5)
        labels = np.arange(len(x)) if model.label_dim else None
        assert max(model_errors(model, x, eps, labels=labels).values()) < BAR


@pytest.mark.parametrize(("panel", "mistake", "check"), WRONG, ids=[line[1] for line in WRONG])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_wrong_line_is_rejected_by_the_check_that_the_page_names(panel, mistake, check, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tests" / "coursework")
    mutants = module(ROOT / "tests" / "coursework" / "mutants.py")

    at = places(panel)

    def run():
        check_gradient(panel, at) if check == "gradient" else run_test(check)

    run()
    name = next(name for name in mutants.WRONG_VERSIONS if re.match(mistake, name))
    with mutants.in_place(mutants.WRONG_VERSIONS[name]):
        if check != "gradient":
            check_gradient(panel, at)
        assert mutants.rejects(run)


def test_the_generator_keeps_to_400_lines():
    assert sum(len(path.read_text("utf-8").splitlines()) for path in PAGES.glob("*.py")) <= 400


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return np.dot([0.2126, 0.7152, 0.0722], linear)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_colour_of_text_meets_wcags_contrast_on_every_ground(theme):
    blocks = re.findall(r":root \{(.*?)\}", (PAGES / "style.css").read_text("utf-8"), re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#\w+)", blocks[0]))
    colours = {name: re.sub(r"^#(.)(.)(.)$", r"#\1\1\2\2\3\3", colour) for name, colour in colours.items()}
    if theme == "dark":
        colours |= dict(re.findall(r"--([\w-]+): (#\w+)", blocks[1]))
    pairs = [("lit-ink", "lit")]
    pairs += itertools.product(
        ("ink", "soft", "accent", "keyword", "name", "string", "number", "comment"), ("paper", "wash")
    )
    for text, ground in pairs:
        low, high = sorted(luminance(colours[name]) for name in (text, ground))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (text, ground)


# The folder itself.


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    for name in ("pypandoc", "pygments", "jinja2"):
        pytest.importorskip(name, reason='the pages need more: pip install ".[pages]"')
    place = tmp_path_factory.mktemp("pages")
    settings = ["--data", "digits", "--epochs", "1", "--latent-dim", "2", "--hidden-dims", "8"]
    assert main(["train", *settings, "--out", str(place / "run")]) == 0
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(ROOT / "tests" / "coursework")
        patched.syspath_prepend(NOTEBOOKS)
        from pages import write_site
    write_site(place / "site", str(place / "run"))
    with pytest.raises(FileExistsError, match="exists: name a new folder"):
        write_site(place / "site", str(place / "run"))
    return place / "site"


def every_page(site):
    return sorted(path for path in site.rglob("*.html") if path.name != "explore.html")


@pytest.mark.slow
def test_every_link_of_every_page_leads_to_a_file_and_a_place_in_it(site):
    anchors = {}
    for path in site.rglob("*.html"):
        found = re.findall(
            r'\sid="([^"]+)"', re.sub(r"<script.*?</script>", "", path.read_text("utf-8"), flags=re.DOTALL)
        )
        assert len(found) == len(set(found)), f"{path.name} has an anchor twice"
        anchors[path] = set(found)
    for path in every_page(site):
        for target in re.findall(r'(?:href|src)="([^"]*)"', path.read_text("utf-8")):
            if re.match(r"https?:|data:", target):
                continue
            file, _, anchor = unquote(html.unescape(target)).partition("#")
            led = (path.parent / file).resolve() if file else path
            assert led.is_file(), f"{path.name}: {target}"
            assert not anchor or anchor in anchors[led], f"{path.name}: {target}"


@pytest.mark.slow
def test_no_formula_is_left_as_it_was_typed(site):
    shown = 0
    for path in every_page(site):
        page = path.read_text("utf-8")
        formulas = re.findall(r"<math.*?</math>", page, re.DOTALL)
        shown += len(formulas)
        for formula in formulas:
            assert not re.search(r"[$&\\]", html.unescape(re.sub(r"<[^>]+>|&#8289;|&[lg]t;", "", formula))), formula
        prose = re.sub(r"<(math|pre|code|style|title).*?</\1>", "", page, flags=re.DOTALL)
        assert not re.search(r"\$|\\[a-z]", re.sub(r"<[^>]+>", "", prose)), path.name
    assert shown > 1000


@pytest.mark.slow
def test_nothing_is_fetched_and_no_solution_is_handed_out(site):
    for path in every_page(site):
        page = path.read_text("utf-8")
        assert not re.search(r'<(?:link|script|img|iframe)[^>]*(?:href|src)="https?:', page)
    names = {path.relative_to(site).as_posix() for path in site.rglob("*")}
    assert not [
        name for name in names if "master" in name or name.startswith(("npvae/coursework", "tests/coursework"))
    ]


@pytest.mark.slow
def test_the_worked_numbers_are_those_of_a_calculator(site):
    page = html.unescape((site / "notes.html").read_text("utf-8"))
    sigma = math.exp(-0.5)
    z, dlogvar, kl = 0.5 + 1.2 * sigma, 0.5 * sigma * 1.2, -0.5 * (1 - 1 - 0.25 - sigma**2)
    assert f"mu = 0.5, logvar = -1, eps = 1.2 → z = {z:.4g}; dz = 1 → dmu = 1, dlogvar = {dlogvar:.4g}" in page
    assert f"mu = 0.5, logvar = -1 → kl = {kl:.4g}; dkl = 1 → dmu = 0.5, dlogvar = {0.5 * (sigma**2 - 1):.4g}" in page
    x_hat = 1 / (1 + math.exp(-0.5))
    assert f"x = 1, logits = 0.5 → nll = {-math.log(x_hat):.4g}; dnll = 1 → dlogits = {x_hat - 1:.4g}" in page


@pytest.mark.slow
def test_the_notes_hold_600_kilobytes_and_the_folder_20_megabytes_at_most(site):
    assert (site / "notes.html").stat().st_size < 600_000
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) < 20_000_000


@pytest.fixture
def opened(site, browser):
    """A function that opens a page from disk, without a network."""
    contexts, told = [], []

    def open_page(name, width=1280, height=720, **settings):
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, offline=True, **settings))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: told.append(f"{name}: {error}"))
        page.on("console", lambda message: told.append(f"{name}: {message.text}"))
        page.on(
            "request", lambda asked: asked.url.startswith(("file:", "data:")) or told.append(f"{name}: {asked.url}")
        )
        page.goto((site / name).as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert told == []


OUT_OF_THE_PAGE = """() => [...document.querySelectorAll("main *")].filter(part => {
    if (part.getBoundingClientRect().right <= innerWidth + 1) return false;
    for (let around = part; around; around = around.parentElement)
        if (around !== part && getComputedStyle(around).overflowX !== "visible") return false;
    return true;
}).map(part => part.tagName + " " + part.textContent.slice(0, 40))"""


SQUEEZED = "[...document.images].filter(one => one.getBoundingClientRect().width < 200).map(one => one.alt)"


@pytest.mark.slow
def test_every_page_opens_without_a_word_or_a_request_and_on_a_phone_nothing_sticks_out_or_vanishes(opened, site):
    for path in every_page(site):
        page = opened(path.relative_to(site).as_posix(), 390, 844)
        assert page.evaluate(OUT_OF_THE_PAGE) == [], path.name
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path.name
        assert page.evaluate(SQUEEZED) == [], path.name
        page.close()


@pytest.mark.slow
def test_a_symbol_marks_itself_on_both_sides_and_says_its_shape(opened):
    page = opened("notes.html")
    lit = "side => [...document.querySelectorAll(`${side} .lit`)].map(one => one.dataset.s)"

    def marked():
        assert set(page.evaluate(lit, ".text")) == set(page.evaluate(lit, ".beside")) != set()
        return {*page.evaluate(lit, ".text")}, page.inner_text("#symbols output")

    page.hover("#reparameterize pre [data-s=logvar]")
    assert marked() == ({"logvar"}, "logvar (N, L) what the two heads say")
    page.hover("h1")
    assert page.evaluate(lit, ".text") == []
    page.focus("#symbols [data-s=dlogvar]")
    names, said = marked()
    assert names == {"dlogvar"}
    assert said.startswith("dlogvar (N, L) gradient of the loss with respect to logvar, in nats")
    page.click("#kl_divergence pre [data-s=mu]")
    page.hover("h1")
    assert marked()[0] == {"mu"}
    page.keyboard.press("Escape")
    assert page.evaluate(lit, ".text") == []


@pytest.mark.slow
def test_on_a_phone_the_code_follows_its_text_and_on_a_screen_it_stands_beside_it(opened):
    places = """() => [...document.querySelectorAll(".row")].filter(row => row.querySelector("aside")).map(row => {
        const [text, code] = [...row.children].map(part => part.getBoundingClientRect());
        return [code.top - text.bottom, code.left - text.right];
    })"""
    phone, screen = (np.array(opened("notes.html", width).evaluate(places)) for width in (390, 1280))
    assert np.all(phone[:, 0] >= -1)
    assert np.all(screen[:, 1] > 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lecture-1.html", "lecture-2.html"])
def test_a_deck_turns_by_keys_and_buttons_fits_its_window_and_prints_a_slide_a_page(opened, name):
    page = opened(name)
    count = page.evaluate("document.querySelectorAll('section').length")
    assert page.inner_text(".turn output") == f"1 / {count}"
    page.keyboard.press("ArrowRight")
    page.click("[data-turn='1']")
    assert page.inner_text(".turn output") == f"3 / {count}"
    page.keyboard.press("End")
    assert page.inner_text(".turn output") == f"{count} / {count}"
    overflowing = "[...document.querySelectorAll('section')].filter(s => s.scrollHeight > s.clientHeight).length"
    assert page.evaluate(overflowing) == 0
    printed = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == count
