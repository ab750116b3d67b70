"""How the functions of each exercise are called."""

import copy
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np

from npvae.coursework.sandbox import calls
from npvae.coursework.sandbox.calls import Array, Failure, Functions, Probe, Results, same
from npvae.coursework.sandbox.cases import run_checker
from npvae.coursework.sandbox.pieces import KEYS, PIECES
from npvae.coursework.sandbox.wide import RUN_ONCE

GRADIENTS = ("dx", "dW", "db")


def run_dense(functions: Functions, probe: Probe) -> Results:
    dy, (x, W) = copy.deepcopy(probe.args)
    return calls.several(calls.unchanged(functions[0], dy, (x, W), inside={"x": x, "W": W}), GRADIENTS)


def run_latent_backward(functions: Functions, probe: Probe) -> Results:
    (latent_backward,) = functions
    return calls.several(calls.unchanged(latent_backward, *copy.deepcopy(probe.args)), ("dmu", "drho"))


def run_loss_and_grad(functions: Functions, probe: Probe) -> Results:
    (loss_and_grad,) = functions

    def call() -> Results:
        x, eps, params, beta = copy.deepcopy(probe.args)
        value = calls.unchanged(loss_and_grad, x, eps, params, beta, SimpleNamespace(**vars(PIECES)))
        parts = calls.several(calls.kept(value), ("loss", "grads"))
        if not isinstance(value, Failure) and not unharmed(params, probe.args[2]):
            parts = dict.fromkeys(parts, Failure("changes", "changes params: work on a copy"))
        return {"loss": parts["loss"], **by_key(parts["grads"])}

    return calls.steady(call(), call())


def unharmed(now: Mapping[Any, Any], before: Mapping[Any, Any]) -> bool:
    return now.keys() == before.keys() and all(same(now[key], before[key]) for key in before)


def by_key(grads: Any) -> Results:
    """The gradients that were returned, by key, or a `Failure` for each that was not."""
    if isinstance(grads, Failure):
        return dict.fromkeys(KEYS, grads)
    if not isinstance(grads, Mapping):
        wanted = f"expected a dict with the keys {', '.join(KEYS)}"
        return dict.fromkeys(KEYS, Failure("type", f"has no place: grads is {calls.kind_of(grads)}, {wanted}"))
    return {
        key: grads[key] if key in grads else Failure("type", f'is missing: grads has no key "{key}"') for key in KEYS
    }


FIRST, LATER = "first step", "later steps"


def run_steps(functions: Functions, probe: Probe) -> Results:
    (step,) = functions
    theta, grads, lr, count = probe.args
    state: Any = tuple(np.zeros_like(theta) for _ in range(count))
    thetas: list[Any] = []
    for t, grad in enumerate(grads, 1):
        theta, state = take(step, theta, grad, state, t, lr).values()
        thetas.append(theta)
        if failure := unfit(theta, state, probe, t):
            break
    return {FIRST: thetas[0], LATER: failure or np.stack([np.asarray(theta) for theta in thetas[1:]])}


NEEDS_FIRST = Failure("needs", "need a first step that works")


def take(step: Callable[..., Any], theta: Any, grad: Array, state: Any, t: int, lr: float) -> Results:
    """Theta and state after one step."""

    def call() -> Results:
        old = copy.deepcopy(state)
        value = calls.unchanged(step, copy.deepcopy(theta), grad.copy(), old, t, lr)
        parts = calls.several(calls.kept(value), ("theta", "state"))
        if isinstance(parts["theta"], Failure) or unharmed(dict(enumerate(old)), dict(enumerate(state))):
            return parts
        return dict.fromkeys(parts, Failure("changes", "changes an array of its state: work on a copy"))

    first, again = call(), call()
    if isinstance(first["theta"], Failure) or same(first["theta"], again["theta"]):
        return first
    return dict.fromkeys(first, calls.UNSTEADY)


def unfit(theta: Any, state: Any, probe: Probe, t: int) -> Failure | None:
    """Why no step can follow, where none can."""
    if isinstance(theta, Failure):
        return NEEDS_FIRST if t == 1 and theta.name == "raises" else theta
    start, _, _, count = probe.args
    array = calls.attempt(np.asarray, theta)
    if isinstance(array, Failure) or array.dtype.kind not in "fiu" or array.shape != start.shape:
        what = f"end at step {t}, where theta is no longer a vector like the first"
        return NEEDS_FIRST if t == 1 else Failure("type", what)
    if not isinstance(state, tuple | list) or len(state) != count:
        came = f"{len(state)} things" if isinstance(state, tuple | list) else calls.kind_of(state)
        return Failure("type", f"get {came} for a state, expected a tuple of {count} arrays")
    return None


def run_inputs(functions: Functions, probe: Probe) -> Results:
    x, z, labels, dinput = probe.args
    asked = {"encoder_input": (x, labels), "decoder_input": (z, labels), "dz": (dinput, z.shape[1])}
    results: Results = {}
    for function, (name, args) in zip(functions, asked.items(), strict=False):
        first, again = (calls.kept(calls.unchanged(function, *copy.deepcopy(args))) for _ in range(2))
        if isinstance(first, tuple):
            results |= calls.several(first, (name,))
        else:
            results |= calls.steady({name: first}, {name: again})
    return results


def run_likelihood(functions: Functions, probe: Probe) -> Results:
    """A likelihood of one parameter, or of a mean and a scale."""
    return calls.run_pair(("dlograte",) if len(probe.args) == 2 else ("dmean", "dscale"))(functions, probe)


def without_halves(run: Callable[[Functions, Probe], Results]) -> Callable[[Functions, Probe], Results]:
    """The same, but float16 is refused: it holds three digits, in which a wrong answer may look right."""

    def call(functions: Functions, probe: Probe) -> Results:
        return {name: HALF if is_half(value) else value for name, value in run(functions, probe).items()}

    return call


def is_half(value: Any) -> bool:
    """Whether it is, or makes, an array of float16."""
    return calls.attempt(lambda: np.asarray(value).dtype == np.float16) is True


HALF = Failure("type", "is an array of float16, which holds three digits: expected float64 or float32")


RUN: dict[str, Callable[[Functions, Probe], Results]] = {
    "dense_backward": run_dense,
    "gradient_is_right": run_checker,
    "activation": calls.run_pair(("da",)),
    "reparameterize": calls.run_pair(("dmu", "drho")),
    "bernoulli_nll": calls.run_pair(("dlogits",)),
    "likelihood_nll": run_likelihood,
    "kl_divergence": calls.run_pair(("dmu", "drho")),
    "latent_backward": run_latent_backward,
    "loss_and_grad": run_loss_and_grad,
    "optimizer_step": run_steps,
    "conditional_inputs": run_inputs,
    "importance_bound": calls.run_pair(("dlog_w",)),
}
"""By the name of the exercise."""
ONCE = ", once"
RUN |= {f"{name}{ONCE}": run for name, run in RUN_ONCE.items()}
RUN = {name: without_halves(run) for name, run in RUN.items()}
