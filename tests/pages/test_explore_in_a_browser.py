"""The explore page in a real browser: its numbers are NumPy's, and its controls do what they say."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from quadrature import Quadrature, by_nodes, expected_terms, in_float64, nll_at

import npvae
from npvae.explore import NODES, _noise, write_page
from npvae.gradcheck import spread_biases

pytestmark = pytest.mark.slow

SHAPE = (6, 5)  # taller than wide: an image that lies on its side would show
CLOSE = {"rtol": 1e-4, "atol": 1e-4}
HOSTILE = "\"'><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'></title>"


def random_model(kind=npvae.VAE, latent_dim=2, seed=0, **settings):
    """A model with every parameter away from zero."""
    rng = np.random.default_rng(seed)
    model = kind(30, latent_dim, hidden_dims=(11, 7), rng=rng, **settings)
    spread_biases(model, rng)
    return model


def random_images(n=40, seed=1):
    return np.random.default_rng(seed).integers(0, 256, (n, 30), np.uint8)


@pytest.fixture
def opened(browser, tmp_path):
    """A function that writes a page, opens it from disk, and gives it once it stands."""
    contexts, errors = [], []

    def open_page(models, x, labels=None, *, context=None, **settings):
        write_page(tmp_path / "page.html", models, x, labels, **{"weights": "float32"} | settings)
        contexts.append(browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | (context or {})))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text))
        page.goto((tmp_path / "page.html").as_uri())
        wait(page, "window.npvae && npvae.state.terms && pending === 4")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


def wait(page, expression):
    """Wait until an expression holds. (Playwright's own wait evaluates strings, which the page forbids.)"""
    for _ in range(2000):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(30)
    raise TimeoutError(expression)


def drawn(page):
    wait(page, "pending === 4")


def settle(page):
    """Wait until nothing is left to draw, and log p(x) is known."""
    wait(page, "pending === 4 && !Number.isNaN(npvae.state.logPx)")


def state(page, expression):
    return page.evaluate(f"npvae.state.{expression}")


def image(page, selector):
    """The ink of a canvas, pixel by pixel."""
    script = """canvas => {
        const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", {willReadFrequently: true});
        copy.drawImage(canvas, 0, 0);
        return [...copy.getImageData(0, 0, canvas.width, canvas.height).data];
    }"""
    return np.array(page.eval_on_selector(selector, script)).reshape(-1, 4)[:, 3]


def drag(page, selector, *points):
    """Press at the first point of an element, in shares of its size, and move over the others."""
    page.locator(selector).scroll_into_view_if_needed()
    box = page.locator(selector).bounding_box()
    at = [(box["x"] + a * box["width"], box["y"] + b * box["height"]) for a, b in points]
    page.mouse.move(*at[0])
    page.mouse.down()
    for point in at[1:]:
        page.mouse.move(*point, steps=5)
    page.mouse.up()


LIKELIHOODS = {"bernoulli": "bernoulli", "fixed": npvae.Gaussian(0.3), "learned": npvae.Gaussian("learned")}


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_every_number_of_a_vae_is_numpys(opened, likelihood, activation):
    model = random_model(likelihood=LIKELIHOODS[likelihood], activation=activation, beta=1.5)
    images = random_images()
    page, exact = opened({"model": model}, images, image_shape=SHAPE), in_float64(model)
    x = npvae.binarize(images, 0).astype(float) if likelihood == "bernoulli" else npvae.to_float(images, float)
    nodes = [np.array(_noise(model, NODES)[part]) for part in ("eps", "weights")]
    for one in x[:10]:
        mu, logvar = (head[0] for head in exact.encode(one[None]))
        found = page.evaluate("x => npvae.encode(x)", one.tolist())
        np.testing.assert_allclose(found["mu"], mu, **CLOSE)
        np.testing.assert_allclose(found["logvar"], logvar, **CLOSE)
        z = mu + 0.7
        logits = page.evaluate("z => npvae.logits(z)", z.tolist())
        np.testing.assert_allclose(exact.likelihood.mean(np.array([logits])), exact.decode(z[None]), **CLOSE)
        q = [one.tolist(), mu.tolist(), logvar.tolist()]
        nll, dmu, dlogvar = expected_terms(exact, one, mu, logvar, *nodes)
        kl, kl_cache = npvae.kl_divergence(mu[None], logvar[None])
        dmu_kl, dlogvar_kl = npvae.kl_divergence_backward(np.full(1, 1.5), kl_cache)
        loss, gradient = page.evaluate("q => [npvae.loss(...q), npvae.gradient(...q)]", q)
        np.testing.assert_allclose(loss["nll"], nll, **CLOSE)
        np.testing.assert_allclose(loss["kl"], kl[0], **CLOSE)
        np.testing.assert_allclose(loss["loss"], nll + 1.5 * kl[0], **CLOSE)
        np.testing.assert_allclose(gradient["dmu"], dmu + dmu_kl[0], **CLOSE)
        np.testing.assert_allclose(gradient["dlogvar"], dlogvar + dlogvar_kl[0], **CLOSE)


def test_a_conditional_model_is_told_the_label(opened):
    model, images = random_model(npvae.ConditionalVAE, label_dim=3), random_images()
    page = opened({"model": model}, images, np.arange(40) % 3, image_shape=SHAPE)
    x, exact = npvae.binarize(images[:1], 0).astype(float), in_float64(model)
    for label in (0, 2):
        page.select_option("#label", str(label))
        mu, logvar = exact.encode(x, np.array([label]))
        found = page.evaluate("x => npvae.encode(x)", x[0].tolist())
        np.testing.assert_allclose([found["mu"], found["logvar"]], [mu[0], logvar[0]], **CLOSE)
        logits = np.array(page.evaluate("z => npvae.logits(z)", mu[0].tolist()))
        np.testing.assert_allclose(1 / (1 + np.exp(-logits)), exact.decode(mu, np.array([label]))[0], **CLOSE)


def test_an_importance_weighted_model_shows_the_terms_of_one_draw(opened):
    model, images = random_model(npvae.ImportanceWeightedVAE), random_images()
    page, exact = opened({"model": model}, images, image_shape=SHAPE), in_float64(model)
    x = npvae.binarize(images[0], 0).astype(float)
    mu, logvar = (head[0] for head in exact.encode(x[None]))
    loss = page.evaluate("q => npvae.loss(...q)", [x.tolist(), mu.tolist(), logvar.tolist()])
    np.testing.assert_allclose(loss["nll"], expected_terms(exact, x, mu, logvar, *by_nodes(NODES))[0], **CLOSE)
    assert "trained on the bound of several draws" in page.inner_text("header")


def test_an_autoencoder_has_a_code_and_the_page_says_what_is_missing(opened):
    model, images = random_model(npvae.AutoEncoder), random_images()
    page, exact = opened({"model": model}, images, image_shape=SHAPE), in_float64(model)
    x = npvae.binarize(images[:1], 0).astype(float)
    code = exact.encode(x)
    np.testing.assert_allclose(page.evaluate("x => npvae.encode(x).mu", x[0].tolist()), code[0], **CLOSE)
    page.evaluate("x => npvae.set(x)", x[0].tolist())
    np.testing.assert_allclose(state(page, "terms.loss"), nll_at(exact, x[0], code)[0], **CLOSE)
    assert "There is no q" in page.inner_text("header")
    assert not page.is_visible("text=2 The trick")


def test_with_many_dimensions_the_estimate_of_log_px_lies_above_the_bound_and_near_numpys(opened):
    model, images = random_model(latent_dim=5), random_images()
    model.params.vector *= 0.5  # q near the posterior: few samples are many
    page = opened({"model": model}, images, image_shape=SHAPE)
    x = npvae.binarize(images[:1], 0)
    found = page.evaluate("x => npvae.logPx(x)", x[0].astype(float).tolist())
    (expected,) = npvae.log_likelihood(model, x, n_samples=20_000, verbose=False)
    assert abs(found - expected) < 0.1
    page.evaluate("x => npvae.set(x)", x[0].astype(float).tolist())
    assert state(page, "terms.loss") > -found - 0.1


@pytest.fixture(scope="module", params=["bernoulli", "gaussian"])
def trained(request):
    (x_train, _), (x_test, labels) = npvae.load_digits()
    model = npvae.VAE(64, 2, (200, 100), request.param)
    model.init_output(x_train)
    binarize = request.param == "bernoulli"
    npvae.fit(model, x_train, epochs=25, batch_size=32, binarize=binarize, verbose=False)
    return model, x_test, labels


def test_log_px_is_a_converged_quadrature_and_the_gap_is_not_negative(opened, trained):
    model, images, labels = trained
    page, exact = opened({"model": model}, images, labels), in_float64(model)
    binary = model.likelihood.config["name"] == "bernoulli"
    x = npvae.binarize(images, 0).astype(float) if binary else npvae.to_float(images, float)
    reference = Quadrature(exact, page.evaluate("REACH"))
    for one in x[:64]:
        q = page.evaluate("x => npvae.encode(x)", one.tolist())
        mu, logvar = np.array(q["mu"]), np.array(q["logvar"])
        terms = page.evaluate("q => npvae.loss(...q)", [one.tolist(), q["mu"], q["logvar"]])
        found = page.evaluate("x => npvae.logPx(x)", one.tolist())
        assert abs(found - reference.log_px(one)) < 0.01
        assert abs(terms["nll"] - expected_terms(exact, one, mu, logvar, *by_nodes(32))[0]) < 0.1
        assert terms["nll"] + terms["kl"] + found > -0.1


@pytest.fixture
def page(opened, trained):
    model, images, labels = trained
    page = opened({"one": model, "two": random_model_like(model)}, images, labels)
    settle(page)
    return page


def random_model_like(model):
    return npvae.VAE(64, 2, (20,), model.likelihood, rng=5)


def test_a_drawing_enters_centred_and_scaled_wherever_it_is_drawn(page):
    drag(page, "#pad", (0.1, 0.1), (0.1, 0.4), (0.3, 0.4))
    settle(page)
    corner, mu = state(page, "x"), state(page, "q.mu")
    page.click("text=clear")
    drag(page, "#pad", (0.4, 0.3), (0.4, 0.9), (0.8, 0.9))
    settle(page)
    corner, middle = np.array(corner), np.array(state(page, "x"))
    assert np.sum(middle) > 5
    assert np.mean(np.abs(corner - middle)) < 0.1
    page.click("text=clear")
    drag(page, "#pad", (0.2, 0.5), (0.8, 0.5))
    settle(page)
    assert not np.allclose(state(page, "q.mu"), mu)
    assert np.sum(image(page, "#pad")) > 0


def test_the_centre_of_mass_of_a_drawing_lies_in_the_middle_and_its_longer_side_is_that_of_the_images(opened):
    images = np.zeros((5, 20, 20), np.uint8)
    images[:, 4:14, 6:11] = 255
    page = opened({"model": npvae.VAE(400, 2, (3,))}, images.reshape(5, 400))
    drag(page, "#pad", (0.2, 0.2), (0.2, 0.9), (0.5, 0.9))  # its box has another middle
    drawn(page)
    ink = np.argwhere(np.reshape(state(page, "x"), (20, 20)))
    np.testing.assert_allclose(np.mean(ink, axis=0), 9.5, atol=0.75)
    assert 9 <= np.ptp(ink[:, 0]) + 1 <= 11


def test_mu_moves_while_the_pen_is_down_and_log_px_comes_when_it_is_lifted(page):
    box = page.locator("#pad").bounding_box()
    page.mouse.move(box["x"] + 30, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 30, box["y"] + 110, steps=5)
    drawn(page)
    mu = state(page, "q.mu")
    page.mouse.move(box["x"] + 110, box["y"] + 110, steps=5)
    drawn(page)
    assert state(page, "q.mu") != mu
    assert page.evaluate("Number.isNaN(npvae.state.logPx)")
    page.mouse.up()
    settle(page)


def test_picking_an_image_keeps_eps_and_moves_z(page):
    eps, z = page.evaluate("eps()"), page.evaluate("place()")
    page.click("#picks button >> nth=7")
    settle(page)
    assert page.evaluate("eps()") == eps
    assert page.evaluate("place()") != z


def test_the_two_noises_are_two_buttons(page):
    means, outputs, mu = image(page, "#means canvas"), image(page, "#outputs canvas"), state(page, "q.mu")
    page.click("text=new output draws")
    drawn(page)
    np.testing.assert_array_equal(image(page, "#means canvas"), means)
    assert np.any(image(page, "#outputs canvas") != outputs)
    page.click("text=new eps >> nth=0")
    drawn(page)
    assert np.any(image(page, "#means canvas") != means)
    assert state(page, "q.mu") == mu


def test_z_is_dragged_on_the_plane_and_eps_in_the_lens(page):
    drag(page, "#plane", (0.5, 0.5), (0.75, 0.25))
    reach = page.evaluate("REACH")
    np.testing.assert_allclose(state(page, "free"), [reach / 2, reach / 2], atol=0.1)
    assert page.is_visible("text=is where you put it")
    drag(page, "#lens", (0.5, 0.5), (0.75, 0.5))
    sigma, half = page.evaluate("sigma()"), page.evaluate("lens_half()")
    np.testing.assert_allclose(page.evaluate("eps()"), [half / 2 / sigma[0], 0], atol=0.1)
    assert state(page, "free") is None
    np.testing.assert_allclose(page.evaluate("place()[0]"), state(page, "q.mu")[0] + half / 2, atol=0.02)


def test_everything_can_be_moved_by_keys(page):
    for selector, pair in {"#plane": "place()", "#lens": "eps()", "#noise": "eps()"}.items():
        before = page.evaluate(pair)
        page.focus(selector)
        page.keyboard.press("ArrowRight")
        drawn(page)
        after = page.evaluate(pair)
        assert after[0] > before[0]
        assert after[1] == pytest.approx(before[1])
    page.focus("#rows input >> nth=0")
    page.keyboard.press("ArrowRight")
    drawn(page)
    assert state(page, "free") is not None
    page.focus("#picks button >> nth=3")
    page.keyboard.press("Enter")
    drawn(page)
    assert state(page, "pick") == 3


def test_fifty_steps_bring_the_loss_down_at_each_and_move_no_weight(page):
    weight, log_px = page.evaluate("[models[0].p['mu.W'][0][0], npvae.state.logPx]")
    page.evaluate(
        "window.losses = []; const old = compute; compute = level => { old(level); losses.push(state.terms.loss); }"
    )
    page.click("#fifty")
    wait(page, "npvae.state.steps === 50")
    losses = page.evaluate("losses")
    assert len(losses) >= 50
    assert np.all(np.diff(losses) < 1e-3)
    assert losses[-1] < state(page, "start.loss") - 1e-3
    assert losses[-1] + log_px > -0.1
    page.click("text=back to the encoder's q")
    settle(page)
    assert state(page, "steps") == 0
    assert page.evaluate("models[0].p['mu.W'][0][0]") == weight


def test_a_step_can_start_where_the_posterior_is_highest(page):
    page.click("text=start at the highest cell")
    drawn(page)
    heights = page.evaluate("state.cells.map(cell => cell.logp)")
    best = page.evaluate("i => state.cells[i].z", int(np.argmax(heights)))
    assert state(page, "q.mu") == best


def test_a_cell_of_the_table_and_its_arrow_light_up_together(page):
    page.hover("td[data-pull='logvar0.kl']")
    wait(page, "npvae.state.lit === 'logvar0.kl' && pending === 4")
    lit = image(page, "#lens")
    page.hover("h1")
    page.focus("td[data-pull='mu.kl']")
    wait(page, "npvae.state.lit === 'mu.kl' && pending === 4")
    assert np.any(image(page, "#lens") != lit)


def test_switching_models_keeps_the_image_and_eps_and_never_z(page):
    x, eps, z = state(page, "image"), page.evaluate("eps()"), page.evaluate("place()")
    page.select_option("#model", label="two")
    settle(page)
    assert state(page, "image") == x
    assert page.evaluate("eps()") == eps
    assert page.evaluate("place()") != z
    assert state(page, "model.name") == "two"


def test_grey_pixels_have_no_log_px_under_a_bernoulli(opened):
    page = opened({"model": random_model()}, random_images(), image_shape=SHAPE)
    settle(page)
    page.evaluate("npvae.set(Array(30).fill(0.5))")
    page.wait_for_timeout(500)
    assert page.evaluate("Number.isNaN(npvae.state.logPx)")


def test_a_finger_draws_and_drags(opened, trained):
    model, images, labels = trained
    touch = {"has_touch": True, "viewport": {"width": 390, "height": 844}}
    page = opened({"model": model}, images, labels, context=touch)
    settle(page)
    page.locator("#pad").scroll_into_view_if_needed()
    page.tap("#pad")
    wait(page, "npvae.state.strokes.length === 1 && pending === 4")
    page.tap("#plane", position={"x": 20, "y": 20})
    wait(page, "npvae.state.free !== null")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("kind", [npvae.VAE, npvae.AutoEncoder])
@pytest.mark.parametrize("latent_dim", [1, 2, 20])
def test_nothing_is_wider_than_the_window(opened, width, kind, latent_dim):
    model = random_model(kind, latent_dim)
    context = {"viewport": {"width": width, "height": 844}}
    page = opened({"a name that is rather long": model}, random_images(), image_shape=SHAPE, context=context)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_hostile_names_and_labels_are_shown_as_they_are_and_do_nothing(opened):
    labels = np.array([HOSTILE, "b"])[np.arange(40) % 2]
    page = opened({HOSTILE: random_model()}, random_images(), labels, image_shape=SHAPE)
    settle(page)
    assert page.inner_text("#model option") == HOSTILE
    assert page.evaluate("window.hacked") is None


def test_every_control_has_a_name_for_a_screen_reader(page):
    for element in page.query_selector_all("button, select, input, [role=img], [role=application]"):
        name = element.evaluate("e => e.ariaLabel || e.textContent.trim() || e.closest('label')?.textContent.trim()")
        assert name, element.evaluate("e => e.outerHTML")


def test_the_page_asks_for_itself_and_nothing_else(browser, tmp_path):
    write_page(tmp_path / "page.html", {"model": random_model()}, random_images(), image_shape=SHAPE)
    requests = []
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = browser.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.goto(f"http://127.0.0.1:{server.server_port}/page.html")
        wait(page, "npvae.state.logPx < 0")
        page.close()
        server.shutdown()
    assert requests == [f"http://127.0.0.1:{server.server_port}/page.html"]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_the_page_works_in_a_sandboxed_frame_without_an_origin(browser, tmp_path):
    write_page(tmp_path / "page.html", {"model": random_model()}, random_images(), image_shape=SHAPE)
    (tmp_path / "frame.html").write_text(
        '<iframe sandbox="allow-scripts" src="page.html" width=900 height=900></iframe>'
    )
    page, errors = browser.new_page(), []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((tmp_path / "frame.html").as_uri())
    frame = page.frames[1]
    wait(frame, "npvae.state.logPx < 0")
    frame.click("#fifty")
    wait(frame, "npvae.state.steps === 50")
    page.close()
    assert errors == []
