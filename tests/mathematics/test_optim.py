"""The optimizers against their textbook rules, and the schedules."""

import math

import numpy as np
import pytest

import npvae
from npvae import optim
from npvae.optim import CHUNK, Optimizer


def gradients(steps, size=5, seed=0):
    return np.random.default_rng(seed).standard_normal((steps, size))


def run(optimizer, steps, start=None):
    params = np.zeros(steps.shape[1]) if start is None else start.copy()
    for grad in steps:
        optimizer.step(params, grad)
    return params


def test_sgd_without_momentum_moves_against_the_gradient():
    np.testing.assert_allclose(run(npvae.SGD(lr=0.5), np.array([[2.0, -4.0]])), [-1.0, 2.0])


def test_momentum_remembers_gradients_with_a_geometric_weight():
    params = run(npvae.SGD(lr=1.0, momentum=0.5), np.array([[1.0], [0.0], [0.0]]))
    np.testing.assert_allclose(params, [-(1 + 0.5 + 0.25)])


def test_adagrad_divides_by_the_root_of_the_sum_of_squares():
    params = run(npvae.Adagrad(lr=0.1), np.array([[3.0], [4.0]]))
    np.testing.assert_allclose(params, [-0.1 * (3 / 3 + 4 / 5)], rtol=1e-9)


def test_the_first_step_of_adam_is_the_learning_rate_whatever_the_size_of_the_gradient():
    params = run(npvae.Adam(lr=0.01, adam_eps=0), np.array([[1e-6, -3.0, 1e6]]))
    np.testing.assert_allclose(params, [-0.01, 0.01, -0.01], rtol=1e-12)


def test_adam_is_algorithm_1_of_kingma_and_ba_written_out():
    alpha, beta1, beta2, epsilon = 0.01, 0.8, 0.95, 1e-3
    steps = gradients(30)
    theta, m, v = np.zeros(5), np.zeros(5), np.zeros(5)
    for t, g in enumerate(steps, 1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g**2
        m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)
        theta = theta - alpha * m_hat / (np.sqrt(v_hat) + epsilon)
    adam = npvae.Adam(lr=alpha, betas=(beta1, beta2), adam_eps=epsilon)
    np.testing.assert_allclose(run(adam, steps), theta, rtol=1e-12)


def test_the_defaults_are_plain_sgd_at_a_hundredth_and_the_constants_of_the_papers():
    np.testing.assert_allclose(run(npvae.SGD(), np.array([[1.0], [1.0]])), [-0.02], rtol=1e-12)
    np.testing.assert_allclose(run(npvae.Adagrad(), np.array([[1.0]])), [-0.01], rtol=1e-9)
    np.testing.assert_allclose(run(npvae.Adam(), np.array([[1.0]])), [-0.001], rtol=1e-6)
    assert npvae.Adam().betas == (0.9, 0.999)


@pytest.mark.parametrize(("make", "constant"), [(npvae.Adagrad, 1e-10), (npvae.Adam, 1e-8)])
def test_a_gradient_as_small_as_the_constant_added_to_the_root_takes_half_a_step(make, constant):
    np.testing.assert_allclose(run(make(lr=0.1), np.array([[constant]])), [-0.05], rtol=1e-6)


def test_adam_without_memory_takes_steps_of_the_learning_rate_by_the_sign():
    adam = npvae.Adam(lr=0.1, betas=(0.0, 0.0), adam_eps=0)
    np.testing.assert_allclose(run(adam, np.array([[2.0, -3.0], [5.0, 0.5]])), [-0.2, 0.0], atol=1e-15)


class Plain(Optimizer):
    """A rule of one's own: no moments, no settings."""

    def update(self, p, g):
        p -= self.lr * g


def test_a_rule_of_ones_own_needs_its_update_and_nothing_else():
    optimizer = Plain(0.5)
    assert (optimizer.t, optimizer.state) == (0, {})
    np.testing.assert_array_equal(run(optimizer, np.array([[2.0, -4.0], [1.0, 0.0]])), [-1.5, 2.0])
    assert (optimizer.t, optimizer.state) == (2, {})


@pytest.mark.parametrize("make", [npvae.SGD, npvae.Adagrad, npvae.Adam])
def test_weight_decay_adds_the_parameters_to_the_gradient(make):
    grad, start = gradients(1), np.array([1.0, -2.0, 3.0, 0.0, 5.0])
    expected = run(make(lr=0.1), grad + 0.3 * start, start)
    np.testing.assert_allclose(run(make(lr=0.1, weight_decay=0.3), grad, start), expected, rtol=1e-14)


@pytest.mark.parametrize("make", [npvae.SGD, npvae.Adagrad, npvae.Adam])
def test_entries_beyond_the_first_chunk_move_like_the_others(make):
    small = gradients(3, size=2)
    large = np.tile(small, (1, CHUNK))
    np.testing.assert_array_equal(run(make(lr=0.1), large), np.tile(run(make(lr=0.1), small), CHUNK))


@pytest.mark.parametrize("make", [npvae.SGD, npvae.Adagrad, npvae.Adam])
def test_an_optimizer_that_has_refused_a_vector_takes_the_next(make):
    optimizer, grad = make(), gradients(1)
    for wrong in (np.zeros((1, 5)), np.zeros(6)):
        with pytest.raises(ValueError, match="expected"):
            optimizer.step(wrong, grad[0])
    np.testing.assert_array_equal(run(optimizer, grad), run(make(), grad))


@pytest.mark.parametrize("make", [lambda: npvae.SGD(momentum=0.9), npvae.Adam])
def test_moments_whose_gradient_has_ended_fade_to_zero_and_never_become_subnormal(make):
    optimizer, params = make(), np.zeros(3, np.float32)
    optimizer.step(params, np.array([1e-3, -1.0, 0.0], np.float32))
    fading = optimizer.state[optimizer.moments[0]]
    for _ in range(1200):
        optimizer.step(params, np.zeros(3, np.float32))
        assert not np.any((fading != 0) & (np.abs(fading) < np.finfo(np.float32).tiny))
    assert not np.any(fading)


@pytest.mark.parametrize("make", [lambda: npvae.SGD(momentum=0.9), npvae.Adam])
def test_flushing_what_has_faded_moves_no_parameter(make, monkeypatch):
    steps = np.zeros((1000, 4), np.float32)
    steps[::300] = gradients(4, 4)
    steps[:, 3] = gradients(1000, 1)[:, 0]
    flushed = run(make(), steps, np.ones(4, np.float32))
    monkeypatch.setattr(optim, "FADED", 0.0)
    np.testing.assert_array_equal(flushed, run(make(), steps, np.ones(4, np.float32)))


@pytest.mark.parametrize("make", [npvae.SGD, npvae.Adagrad, npvae.Adam])
def test_a_step_changes_params_in_place_keeps_float32_and_leaves_the_gradient_alone(make):
    params, grad = np.zeros(3, np.float32), np.ones(3, np.float32)
    grad.flags.writeable = False
    optimizer = make(lr=0.1, weight_decay=0.1)
    optimizer.step(params, grad)
    assert np.all(params < 0)
    assert {vector.dtype for vector in optimizer.state.values()} == {np.dtype(np.float32)}


def test_an_optimizer_used_for_another_model_says_so():
    optimizer = npvae.Adam()
    optimizer.step(np.zeros(3), np.ones(3))
    with pytest.raises(ValueError, match="make a new optimizer"):
        optimizer.step(np.zeros(4), np.ones(4))
    with pytest.raises(ValueError, match="make a new optimizer"):
        npvae.Adam().step(np.zeros(4), np.ones(3))
    with pytest.raises(
        ValueError, match=r"expected \(P,\) for both and the same P at every step: make a new optimizer"
    ):
        npvae.SGD().step(np.zeros((2, 2)), np.ones((2, 2)))
    with pytest.raises(ValueError, match="params has shape"):
        npvae.SGD().step(np.zeros(()), np.ones(()))


@pytest.mark.parametrize(
    ("make", "settings", "message"),
    [
        (npvae.Adam, {"lr": -1}, "^lr is -1"),
        (npvae.Adam, {"lr": math.nan}, "^lr is nan"),
        (npvae.Adam, {"weight_decay": math.inf}, "^weight_decay is inf"),
        (npvae.Adam, {"weight_decay": -0.5}, "^weight_decay is -0.5"),
        *((npvae.Adam, {"betas": (0.9, beta)}, "^betas is") for beta in (1.0, 1.5, -0.5, math.nan)),
        (npvae.Adam, {"betas": (1.0, 0.9)}, "^betas is"),
        (npvae.Adam, {"adam_eps": -1e-8}, "^adam_eps is -1e-08"),
        (npvae.Adagrad, {"adagrad_eps": -1e-8}, "^adagrad_eps is -1e-08"),
        (npvae.SGD, {"momentum": -0.5}, "^momentum is -0.5"),
    ],
)
def test_settings_that_cannot_be_are_refused_by_name(make, settings, message):
    with pytest.raises(ValueError, match=message):
        make(**settings)


def test_cosine_decay_starts_at_its_start_and_is_half_of_it_in_the_middle():
    schedule = npvae.cosine_decay(0.3, 10)
    np.testing.assert_allclose([schedule(1), schedule(6)], [0.3, 0.15])
    assert 0 < schedule(10) < 0.01


def test_linear_warmup_rises_in_equal_steps_and_stays():
    schedule = npvae.linear_warmup(2.0, 4)
    assert [schedule(epoch) for epoch in (1, 2, 3, 4, 5, 100)] == [0.5, 1.0, 1.5, 2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("schedule", "arguments", "name"),
    [
        (npvae.cosine_decay, (-1.0, 3), "start"),
        (npvae.cosine_decay, (1.0, 0), "epochs"),
        (npvae.linear_warmup, (-1.0, 3), "end"),
        (npvae.linear_warmup, (1.0, 0), "epochs"),
    ],
)
def test_a_schedule_refuses_what_it_cannot_do_by_the_name_of_the_argument(schedule, arguments, name):
    with pytest.raises(ValueError, match=f"^{name} is "):
        schedule(*arguments)


def test_a_warmup_may_end_below_one():
    assert npvae.linear_warmup(0.5, 2)(1) <= 0.5
