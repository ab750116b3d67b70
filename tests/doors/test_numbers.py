"""Whatever arrays one hands in: the result is that of plain floats, or an error names the argument.

A door is a public call and the argument of it that is under attack. Behind the doors stand the pairs of forward and
backward: they check nothing, they compute.
"""

import re
import tracemalloc
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import D, H, L, N, small_vae

import npvae
from npvae.gradcheck import all_pairs, gradient_error
from npvae.models import MODELS

a_tenth = settings(max_examples=max(5, settings.default.max_examples // 10))
every_model = pytest.mark.parametrize("kind", [MODELS[name] for name in MODELS.own], ids=MODELS.own)
models_with_noise = pytest.mark.parametrize("kind", [npvae.VAE, npvae.ConditionalVAE, npvae.ImportanceWeightedVAE])
every_optimizer = pytest.mark.parametrize("make", [npvae.SGD, npvae.Adagrad, npvae.Adam])
PAIRS = all_pairs()
every_pair = pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS.keys())


class Door(NamedTuple):
    """A call as a function of one argument, that argument's name, and what stands there usually."""

    call: object
    name: str
    usual: object


def eighths(low, high, shape):
    """Numbers that even float16 holds exactly."""
    return np.random.default_rng(sum(shape)).integers(8 * low, 8 * high + 1, shape) / 8


def small(kind, **settings):
    return small_vae(kind=kind, **{"hidden_dims": (H,), "dtype": "float32"} | settings)[0]


def model_doors(kind, n=N, **settings):
    """Every call of one kind of model that takes real numbers."""
    model = small(kind, **settings)
    told = {"labels": np.arange(n) % model.label_dim} if model.label_dim else {}
    told_both = told | {f"test_{name}": labels for name, labels in told.items()}
    x, z, noise = eighths(0, 1, (n, D)), eighths(-2, 2, (n, L)), model.draw_eps(n, 0)
    eps = None if noise is None else eighths(-2, 2, noise.shape)

    def init_output(x):
        fresh = small(kind, **settings)
        fresh.init_output(x)
        return fresh.params.vector

    def fit(x, x_test):
        fresh = small(kind, **settings)
        history = npvae.fit(fresh, x, x_test, epochs=1, batch_size=3, verbose=False, **told_both)
        return fresh.params.vector, history["test_loss"]

    yield "loss_and_grad", Door(lambda x: model.loss_and_grad(x, eps, **told), "x", x)
    yield "loss_terms", Door(lambda x: model.loss_terms(x, eps, **told), "x", x)
    yield "encode", Door(lambda x: model.encode(x, **told), "x", x)
    yield "reconstruct", Door(lambda x: model.reconstruct(x, **told), "x", x)
    yield "evaluate", Door(lambda x: npvae.evaluate(model, x, **told).loss, "x", x)
    yield "init_output", Door(init_output, "x", x)
    yield "fit", Door(lambda x_train: fit(x_train, x), "x_train", x)
    yield "fit", Door(lambda x_test: fit(x, x_test), "x_test", x)
    yield "decode", Door(lambda z: model.decode(z, **told), "z", z)
    if eps is not None:
        yield "log_likelihood", Door(lambda x: npvae.log_likelihood(model, x, **told, n_samples=7), "x", x)
        yield "draw_output", Door(lambda z: model.draw_output(z, 0, **told), "z", z)
        yield "loss_and_grad", Door(lambda eps: model.loss_and_grad(x, eps, **told), "eps", eps)
        yield "loss_terms", Door(lambda eps: model.loss_terms(x, eps, **told), "eps", eps)
        yield "reconstruct", Door(lambda eps: model.reconstruct(x, eps, **told), "eps", z)


def step_door(make):
    def step(grad):
        params, optimizer = np.ones(6), make()
        optimizer.step(params, grad)
        return params

    return make.__name__, Door(step, "grad", eighths(-2, 2, (6,)))


def check_tanh(a):
    return gradient_error(npvae.tanh, npvae.tanh_backward, [a])


def named(doors, owner=""):
    return {f"{owner}{title}, {door.name}": door for title, door in doors}


def at(doors):
    return pytest.mark.parametrize("door", doors.values(), ids=doors.keys())


PIXELS = eighths(0, 1, (N, D))
MODEL = {key: door for name, kind in MODELS.items() for key, door in named(model_doors(kind), f"{name}.").items()}
BINARIZE = {
    "binarize": Door(lambda x: npvae.binarize(x, 0), "x", PIXELS),
    "binarize_threshold": Door(npvae.binarize_threshold, "x", PIXELS),
}
CHECK = {"gradient_error": Door(check_tanh, "args[0]", eighths(-2, 2, (2, 3)))}
TO_FLOAT = {"to_float": Door(npvae.to_float, "x", PIXELS)}
STEP = named(step_door(make) for make in (npvae.SGD, npvae.Adagrad, npvae.Adam))
ALL = MODEL | BINARIZE | CHECK | TO_FLOAT | STEP
OF_IMAGES = {key: door for key, door in ALL.items() if door.name.startswith("x")}
OF_OTHERS = {key: door for key, door in ALL.items() if key not in OF_IMAGES}


def same(result, expected):
    results, expecteds = (value if isinstance(value, tuple) else (value,) for value in (result, expected))
    for one, other in zip(results, expecteds, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


# The same numbers in other clothes.


class Layout(NamedTuple):
    """One way for numbers to lie in memory."""

    dtype: np.dtype
    steps: tuple
    transposed: bool
    writeable: bool

    def __call__(self, values):
        """The values laid out so, with a 99 in each gap that a stride leaps over."""
        steps = self.steps[: values.ndim]
        shape = [abs(step) * size for step, size in zip(steps, values.shape, strict=True)]
        memory = np.full(shape[::-1], 99, self.dtype).T if self.transposed else np.full(shape, 99, self.dtype)
        view = memory[(..., *(slice(None, None, step) for step in steps))]
        view[...] = values
        view.flags.writeable = self.writeable
        return view


def layouts(codes, orders="<>"):
    dtypes = st.builds(lambda code, order: np.dtype(order + code), st.sampled_from(codes), st.sampled_from(orders))
    steps = st.tuples(*[st.sampled_from([1, -1, 2, -3])] * 3)
    return st.builds(Layout, dtypes, steps, st.booleans(), st.booleans())


@at(ALL)
@a_tenth
@given(layout=layouts(["f2", "f4", "f8", "g"]))
def test_the_same_numbers_give_the_same_result_however_they_lie_in_memory_and_stay_as_they_are(door, layout):
    values = layout(door.usual)
    before = values.copy()
    same(door.call(values), door.call(door.usual))
    np.testing.assert_array_equal(values, before)


@at(ALL)
def test_lists_matrices_and_masked_arrays_without_a_mask_may_stand_for_an_array(door):
    expected = door.call(door.usual)
    same(door.call(door.usual.tolist()), expected)
    same(door.call(np.ma.array(door.usual)), expected)
    if door.usual.ndim == 2:
        same(door.call(door.usual.view(np.matrix)), expected)


@at(OF_IMAGES)
def test_bools_are_pixels_of_zero_and_one(door):
    same(door.call(door.usual > 0.5), door.call((door.usual > 0.5).astype(np.float64)))


@at(OF_OTHERS)
def test_what_is_no_pixel_may_be_a_whole_number(door):
    whole = door.usual > 0
    expected = door.call(whole.astype(np.float64))
    for dtype in ("?", "i1", ">i4", "u8"):
        same(door.call(whole.astype(dtype)), expected)


@at(MODEL | BINARIZE | TO_FLOAT)
def test_subnormal_numbers_are_next_to_nothing_and_no_trouble(door):
    same(door.call(door.usual * 1e-310), door.call(door.usual * 0.0))


@every_model
def test_one_example_is_enough_for_everything(kind):
    for _, door in model_doors(kind, n=1):
        result = door.call(door.usual)
        assert all(np.all(np.isfinite(part)) for part in (result if isinstance(result, tuple) else (result,)))


# What is refused.


def with_one(value, array):
    array = array.copy()
    array.flat[array.size // 2] = value
    return array


NO_NUMBERS = [
    lambda a: a + 0j,
    lambda a: a.astype(object),
    lambda a: a.astype(str),
    lambda a: a.astype("S"),
    lambda a: a.astype("M8[s]"),
    lambda a: np.ma.masked_equal(a, a.flat[0]),
    lambda a: [[0.0], [0.0, 0.5]],
    lambda a: "0.5",
    lambda a: {"a": 1},
]
OTHER_SHAPES = [
    lambda a: a.flat[0],
    lambda a: a[..., :0, :],
    lambda a: a[..., 1:],
    lambda a: a[None],
    lambda a: [],
]


def refused(door, values):
    with pytest.raises(ValueError, match=rf"^{re.escape(door.name)} .*expected"):
        door.call(values)


@at(ALL)
def test_what_is_not_real_numbers_is_refused_by_name(door):
    for spoil in NO_NUMBERS:
        refused(door, spoil(door.usual))


@at(MODEL)
def test_another_shape_is_refused_by_name(door):
    for spoil in OTHER_SHAPES:
        refused(door, spoil(door.usual))


@at(MODEL | BINARIZE | CHECK)
def test_nan_and_infinities_are_refused_by_name(door):
    for value in (np.nan, np.inf, -np.inf):
        for dtype in ("f2", "f4", ">f8", "g"):
            refused(door, with_one(value, door.usual.astype(dtype)))


@every_model
def test_a_number_that_the_models_precision_cannot_hold_is_refused_by_name(kind):
    for title, door in model_doors(kind, likelihood="gaussian"):
        is_trained_on = title == "init_output" or door.name == "x_train"  # its scale is looked at first
        message = "has entries too large for float32, expected up to"
        if is_trained_on:
            message = "runs from 0 to 1e\\+300 with a root mean square of .*, expected at most 10"
        with pytest.raises(ValueError, match=rf"^(x|x_train|z|eps) {message}"):
            door.call(with_one(1e300, door.usual))
    with pytest.raises(ValueError, match=r"^x has entries too large for float16"):
        npvae.to_float([0.0, 1e5], np.float16)


def test_what_only_passes_numbers_on_passes_nan_on():
    np.testing.assert_array_equal(npvae.to_float([0.5, np.nan]), np.float32([0.5, np.nan]))
    for _, door in map(step_door, (npvae.SGD, npvae.Adagrad, npvae.Adam)):
        np.testing.assert_array_equal(np.isnan(door.call(with_one(np.nan, door.usual))), np.arange(6) == 3)


@models_with_noise
@pytest.mark.parametrize("rows", [1, N + 1])
def test_noise_for_another_number_of_images_is_not_stretched_over_them(kind, rows):
    for _, door in model_doors(kind):
        if door.name == "eps":
            with pytest.raises(ValueError, match=r"^eps has (shape|\d rows)"):
                door.call(np.resize(door.usual, (*door.usual.shape[:-2], rows, L)))


@models_with_noise
@pytest.mark.parametrize("n", [-1, 2.0, "3", None, True, np.nan, [3]])
def test_how_many_is_a_whole_number(kind, n):
    model = small(kind)
    labels = {"labels": 0} if model.label_dim else {}
    for call in (lambda: model.sample(n, **labels), lambda: model.draw_eps(n)):
        with pytest.raises(ValueError, match=r"^n is .*expected a whole number"):
            call()


@models_with_noise
def test_noise_for_no_example_is_refused(kind):
    with pytest.raises(ValueError, match=r"^n is 0, expected a whole number, 1 or more"):
        small(kind).draw_eps(0)


# Labels.

LABELS = np.array([0, 1, 2, 9])


def label_doors():
    model, x, eps = small_vae(kind=npvae.ConditionalVAE, hidden_dims=(H,))

    def fit(labels):
        fresh = small(npvae.ConditionalVAE)
        npvae.fit(fresh, x, labels=labels, epochs=1, verbose=False)
        return fresh.params.vector

    return {
        "loss_and_grad": lambda labels: model.loss_and_grad(x, eps, labels=labels),
        "encode": lambda labels: model.encode(x, labels),
        "decode": lambda labels: model.decode(eps, labels),
        "sample": lambda labels: model.sample(N, 0, labels=labels),
        "evaluate": lambda labels: npvae.evaluate(model, x, labels).loss,
        "log_likelihood": lambda labels: npvae.log_likelihood(model, x, labels, n_samples=7),
        "fit": fit,
    }


every_call_with_labels = pytest.mark.parametrize("call", label_doors().values(), ids=label_doors().keys())


@every_call_with_labels
@a_tenth
@given(layout=layouts(["i1", "i8", "u2", "u8"]))
def test_labels_are_the_same_however_they_lie_in_memory(call, layout):
    same(call(layout(LABELS)), call(LABELS))


@every_call_with_labels
def test_labels_may_be_a_list_or_one_number_for_all(call):
    same(call(LABELS.tolist()), call(LABELS))
    for nine in (9, np.int64(9), np.array(9, ">u2")):
        same(call(nine), call(np.full(N, 9)))


WRONG_LABELS = [
    np.resize(LABELS, N + 1),
    np.tile(LABELS, 2),
    LABELS[:, None],
    LABELS.view(np.matrix),
    LABELS[:0],
    LABELS * 1.0,
    LABELS > 1,
    LABELS.astype(str),
    LABELS.astype(object),
    np.ma.masked_equal(LABELS, 2),
    [[0], [1, 2]],
    {},
]


@every_call_with_labels
def test_labels_that_are_no_whole_numbers_or_not_one_for_each_example_are_refused(call):
    for labels in WRONG_LABELS:
        with pytest.raises(ValueError, match=r"^(labels: )?labels (is|has|have) .*expected"):
            call(labels)


# Data sets that are much larger than memory.

HUGE, WIDE = 40_000, 64


@pytest.mark.parametrize("dtype", ["u1", "?", "f2", ">f8"])
@pytest.mark.parametrize(
    "call",
    [
        npvae.evaluate,
        lambda model, x: npvae.log_likelihood(model, x, n_samples=1),
        lambda model, x: npvae.fit(model, x, x, epochs=1, batch_size=1000, verbose=False),
        npvae.VAE.init_output,
    ],
    ids=["evaluate", "log_likelihood", "fit", "init_output"],
)
def test_a_data_set_is_never_copied_as_a_whole(call, dtype):
    x = np.broadcast_to(np.array(255 if dtype == "u1" else 1, dtype), (HUGE, WIDE))
    model = npvae.VAE(WIDE, 1, ())
    tracemalloc.start()
    call(model, x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * x.size  # one copy in float32


# What is written into.


@every_model
def test_the_gradient_may_be_written_into_a_view_with_strides(kind):
    door = dict(model_doors(kind))["encode"]
    model = small(kind)
    labels = {"labels": np.arange(N)} if model.label_dim else {}
    eps = model.draw_eps(N, 0)
    _, expected = model.loss_and_grad(door.usual, eps, **labels)
    memory = np.full(2 * expected.size, 99, np.float32)
    model.loss_and_grad(door.usual, eps, memory[::-2], **labels)
    np.testing.assert_allclose(memory[::-2], expected, rtol=1e-5, atol=1e-6)
    assert np.all(memory[::2] == 99)


@every_model
def test_a_buffer_for_the_gradient_that_is_something_else_as_well_is_refused_and_nothing_changes(kind):
    model, x, eps = small_vae(kind=kind)
    labels = {"labels": np.arange(N)} if model.label_dim else {}
    vector = model.params.vector
    P, read_only = vector.size, np.zeros_like(vector)
    read_only.flags.writeable = False
    memory = np.zeros(P + x.size)
    memory[-x.size :] = x.ravel()
    inside = memory[-x.size :].reshape(x.shape)
    before = vector.copy()
    for out, message in {
        "the parameters": (vector, "out shares memory with the parameters, x or eps, expected a separate buffer"),
        "the parameters backwards": (vector[::-1], "out shares memory with the parameters"),
        "the images": (memory[-P:], "out shares memory with the parameters, x or eps"),
        "read-only": (read_only, "out is read-only"),
        "a list": (vector.tolist(), "out is a list, expected an ndarray"),
        "masked": (np.ma.array(before), "out is a MaskedArray"),
        "big-endian": (before.astype(">f8"), "out has shape .* and dtype >f8"),
    }.values():
        with pytest.raises(ValueError, match=f"^{message}"):
            model.loss_and_grad(inside, eps, out, **labels)
    np.testing.assert_array_equal(vector, before)
    np.testing.assert_array_equal(inside, x)


@every_optimizer
@given(layout=layouts(["f8"], "="))
@a_tenth
def test_parameters_are_moved_where_they_lie(make, layout):
    start, grad = eighths(-2, 2, (5,)), eighths(-1, 3, (5,))
    params, expected = layout._replace(writeable=True)(start), start.copy()
    make().step(params, grad)
    make().step(expected, grad)
    np.testing.assert_array_equal(params, expected)


@every_optimizer
def test_a_step_that_is_refused_leaves_parameters_moments_and_count_as_they_were(make):
    optimizer, params, grad = make(), np.ones(4), np.arange(4.0)
    optimizer.step(params, grad)
    state = {name: moment.copy() for name, moment in optimizer.state.items()}
    before, frozen = params.copy(), params.copy()
    frozen.flags.writeable = False
    for wrong_params, wrong_grad, message in [
        (params, params, "grad shares memory with params, expected a separate array"),
        (params, params[::-1], "grad shares memory with params"),
        (params, grad + 1j, "grad has dtype complex128"),
        (params, grad[:3], "params has shape"),
        (frozen, grad, "params is read-only"),
        (params.tolist(), grad, "params is a list"),
        (np.ma.array(params), grad, "params is a MaskedArray"),
        (np.ones(4, np.int64), grad, "params has dtype int64, expected floats"),
        (params + 0j, grad, "params has dtype complex128"),
        (params.astype(object), grad, "params has dtype object"),
    ]:
        with pytest.raises(ValueError, match=f"^{message}"):
            optimizer.step(wrong_params, wrong_grad)
    np.testing.assert_array_equal(params, before)
    assert optimizer.t == 1
    for name, moment in state.items():
        np.testing.assert_array_equal(optimizer.state[name], moment)


# Settings that are one number.

NO_SETTING = [np.nan, np.inf, -1, 1j, np.complex128(0.5), 10**400, "fast", None, [0.1], np.array([0.1])]


@pytest.mark.parametrize("value", NO_SETTING, ids=lambda value: f"{type(value).__name__} {str(value)[:9]}")
def test_a_setting_that_is_no_finite_number_is_refused_by_name(value):
    for name, call in {
        "lr": npvae.SGD,
        "threshold": lambda threshold: npvae.binarize_threshold(PIXELS, threshold),
        "beta": lambda beta: npvae.VAE(D, L, (), beta=beta),
        "start": lambda start: npvae.cosine_decay(start, 3),
        "end": lambda end: npvae.linear_warmup(end, 3),
    }.items():
        with pytest.raises(ValueError, match=f"^{name} is .*expected a finite number"):
            call(value)


def test_a_setting_may_be_a_number_of_any_type():
    for value in (0.5, np.float32(0.5), np.longdouble(0.5), np.array(0.5, ">f2")):
        assert npvae.SGD(value).lr == 0.5
        np.testing.assert_array_equal(npvae.binarize_threshold(PIXELS, value), PIXELS > 0.5)


@pytest.mark.parametrize("schedule", [npvae.cosine_decay, npvae.linear_warmup])
@pytest.mark.parametrize("epochs", [0, -3, 2.5, None])
def test_a_schedule_is_over_a_whole_number_of_epochs(schedule, epochs):
    with pytest.raises(ValueError, match=r"^epochs is .*expected a whole number, 1 or more"):
        schedule(0.1, epochs)


@pytest.mark.parametrize("betas", [0.9, (0.9,), (0.9, 0.99, 0.999), None, "ab", np.ones((2, 2)) / 2])
def test_adam_takes_two_betas_and_not_another_number_of_them(betas):
    with pytest.raises(ValueError, match=r"(?s)^betas is .*expected two numbers"):
        npvae.Adam(betas=betas)


@pytest.mark.parametrize("dtype", [int, bool, complex, object, "U3"])
def test_to_float_makes_floats_and_nothing_else(dtype):
    for x in (np.array([0, 255], np.uint8), np.array([0.0, 0.5])):
        with pytest.raises(ValueError, match=r"^dtype is .*expected a type of floats"):
            npvae.to_float(x, dtype)


def test_whole_numbers_that_are_not_uint8_are_neither_grey_levels_nor_probabilities():
    for door in OF_IMAGES.values():
        refused(door, (door.usual > 0.5).astype(np.int64))


def test_a_gradient_is_not_right_where_forward_gives_nan_and_it_is_nan_too():
    def root(a):
        return a * np.nan, a

    assert gradient_error(root, lambda dy, a: a * np.nan, [np.ones(3)]) == np.inf


# Behind the doors: the pairs.


def call(pair, dtype=np.float64, n=N):
    args = [np.asarray(array, dtype) for array in pair.draw(np.random.default_rng(5), n)]
    return args, pair.forward(*args)


def gradients(pair, out, cache):
    found = pair.backward(np.ones_like(out), cache)
    return found if isinstance(found, tuple) else (found,)


@every_pair
@a_tenth
@given(layout=layouts(["f8"], "<>"))
def test_a_pair_computes_the_same_however_its_numbers_lie_in_memory(pair, layout):
    args, (expected, expected_cache) = call(pair)
    out, cache = pair.forward(*map(layout, args))
    np.testing.assert_allclose(out, expected, rtol=1e-12)
    for found, gradient in zip(gradients(pair, out, cache), gradients(pair, out, expected_cache), strict=True):
        np.testing.assert_allclose(found, gradient, rtol=1e-12)


@every_pair
@pytest.mark.parametrize("dtype", [np.float16, np.longdouble])
def test_a_pair_keeps_half_and_extended_precision_too(pair, dtype):
    _, (out, cache) = call(pair, dtype)
    assert {array.dtype for array in (out, *gradients(pair, out, cache))} == {np.dtype(dtype)}


@every_pair
def test_a_pair_makes_nothing_of_no_examples_and_gives_each_gradient_its_shape(pair):
    args, (out, cache) = call(pair, n=0)
    assert out.size == 0
    assert [gradient.shape for gradient in gradients(pair, out, cache)] == [args[i].shape for i in pair.wrt]
    assert not any(np.any(gradient) for gradient in gradients(pair, out, cache))


@every_pair
def test_nan_in_one_example_is_nan_there_and_nowhere_else_and_no_warning(pair):
    args, (expected, _) = call(pair)
    for values in [array for array in args if N in array.shape]:
        example = (slice(None),) * values.shape.index(N) + (1,)
        kept, values[example] = values[example].copy(), np.nan
        out, cache = pair.forward(*args)
        gradients(pair, out, cache)
        values[example] = kept
        rows = np.moveaxis(out, out.shape.index(N), 0)
        assert np.all(np.isnan(rows[1]))
        np.testing.assert_allclose(np.delete(out, 1, out.shape.index(N)), np.delete(expected, 1, out.shape.index(N)))
