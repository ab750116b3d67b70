"""One training step of the same VAE, as each contestant does it: forward, backward, Adam.

Each builder takes a `Problem` and returns the versions it runs on and `step(i)`: a step on batch i that
returns its loss in nats per example. `python contestants.py NAME PROBLEM` is the process of one contestant:
see `main`.
"""

import json
import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np

COMPARED = 50
"""Steps whose losses are compared between contestants, and that warm up."""
LR = 1e-3


class Problem:
    """Weights by their names in npvae, batches (B, N, D) and noise (B, N, L), all float32."""

    def __init__(self, path):
        with np.load(path) as arrays:
            self.x, self.eps, settings = arrays["x"], arrays["eps"], json.loads(str(arrays["settings"]))
            self.weights = {name: arrays[name] for name in arrays.files if name.endswith((".W", ".b"))}
        self.hidden_dims, self.activation = tuple(settings["hidden_dims"]), settings["activation"]

    def layers(self, side):
        """Names of the hidden layers of one side, first to last."""
        return [f"{side}.{i}" for i in range(len(self.hidden_dims))]


def npvae(problem):
    import npvae
    from npvae.internals.memory import aligned

    (_, _, D), L = problem.x.shape, problem.eps.shape[-1]
    model = npvae.VAE(D, L, problem.hidden_dims, activation=problem.activation)
    for name, values in problem.weights.items():
        model.params[name] = values
    optimizer, grad = npvae.Adam(LR), aligned(model.params.vector)

    def step(i):
        loss, _ = model.loss_and_grad(problem.x[i], problem.eps[i], out=grad)
        optimizer.step(model.params.vector, grad)
        return loss

    return f"npvae {npvae.__version__}, NumPy {np.__version__}", step


def products(problem):
    """The bare matrix products of a step: their time is the floor of any NumPy version."""
    calls = list(operands(problem))

    def step(i):
        for a, b, out in calls:
            np.matmul(a, b, out=out)

    return f"NumPy {np.__version__}", step


def torch_products(problem):
    """The same products by PyTorch: how much of a difference is the library under them."""
    import torch

    torch.set_num_threads(1)
    calls = [tuple(map(torch.from_numpy, arrays)) for arrays in operands(problem)]

    def step(i):
        for a, b, out in calls:
            torch.mm(a, b, out=out)

    return f"PyTorch {torch.__version__}", step


def operands(problem):
    """Left, right and a place for the result, of every matrix product in a step."""
    N = problem.x.shape[1]
    rng = np.random.default_rng(0)
    for name, W in problem.weights.items():
        if name.endswith(".W"):
            x, dy = (rng.standard_normal((N, width), dtype=np.float32) for width in W.shape)
            yield x, W, np.empty_like(dy)
            yield x.T, dy, np.empty_like(W)
            if name != "encoder.0.W":
                yield dy, W.T, np.empty_like(x)


def torch(problem, fused=False, compiled=False):
    import torch
    from torch import nn
    from torch.nn import functional as F

    torch.set_num_threads(1)
    act = {"relu": nn.ReLU, "tanh": nn.Tanh}[problem.activation]

    def linear(name):
        W, b = problem.weights[f"{name}.W"], problem.weights[f"{name}.b"]
        layer = nn.Linear(*W.shape)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(W.T.copy()))
            layer.bias.copy_(torch.from_numpy(b))
        return layer

    class TorchVAE(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Sequential(*(m for name in problem.layers("encoder") for m in (linear(name), act())))
            self.decoder = nn.Sequential(*(m for name in problem.layers("decoder") for m in (linear(name), act())))
            self.mu, self.logvar, self.output = linear("mu"), linear("logvar"), linear("output")

        def forward(self, x, eps):
            h = self.encoder(x)
            mu, logvar = self.mu(h), self.logvar(h)
            logits = self.output(self.decoder(mu + torch.exp(0.5 * logvar) * eps))
            nll = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
            kl = -0.5 * torch.sum(1 + logvar - mu**2 - torch.exp(logvar))
            return (nll + kl) / len(x)

    model = TorchVAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=LR, fused=True if fused else None)
    loss_of = torch.compile(model) if compiled else model
    batches, noise = torch.from_numpy(problem.x), torch.from_numpy(problem.eps)

    def step(i):
        optimizer.zero_grad()
        loss = loss_of(batches[i], noise[i])
        loss.backward()
        optimizer.step()
        return loss.item()

    return f"PyTorch {torch.__version__}", step


def torch_fused(problem):
    return torch(problem, fused=True)


def torch_compiled(problem):
    return torch(problem, fused=True, compiled=True)


def jax(problem):
    import functools

    import jax
    from jax import numpy as jnp

    act = {"relu": jax.nn.relu, "tanh": jnp.tanh}[problem.activation]

    def mlp(p, layers, h):
        for layer in layers:
            h = act(h @ p[f"{layer}.W"] + p[f"{layer}.b"])
        return h

    def mean_loss(p, x, eps):
        h = mlp(p, problem.layers("encoder"), x)
        mu, logvar = (h @ p[f"{head}.W"] + p[f"{head}.b"] for head in ("mu", "logvar"))
        g = mlp(p, problem.layers("decoder"), mu + jnp.exp(0.5 * logvar) * eps)
        logits = g @ p["output.W"] + p["output.b"]
        nll = jnp.sum(jax.nn.softplus(logits) - x * logits)
        kl = -0.5 * jnp.sum(1 + logvar - mu**2 - jnp.exp(logvar))
        return (nll + kl) / len(x)

    @functools.partial(jax.jit, donate_argnums=0)
    def update(state, x, eps):
        p, m, v, t = state
        t += 1
        loss, g = jax.value_and_grad(mean_loss)(p, x, eps)
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        rate, root = LR / (1 - 0.9**t), jnp.sqrt(1 - 0.999**t)
        p = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v) / root + 1e-8), p, m, v)
        return (p, m, v, t), loss

    p = jax.tree.map(jnp.asarray, problem.weights)
    state = (p, jax.tree.map(jnp.zeros_like, p), jax.tree.map(jnp.zeros_like, p), jnp.float32(0))
    batches, noise = list(map(jnp.asarray, problem.x)), list(map(jnp.asarray, problem.eps))

    def step(i):
        nonlocal state
        state, loss = update(state, batches[i], noise[i])
        return float(loss)

    return f"JAX {jax.__version__}", step


CONTESTANTS = {
    "npvae": npvae,
    "products": products,
    "torch_products": torch_products,
    "torch": torch,
    "torch_fused": torch_fused,
    "torch_compiled": torch_compiled,
    "jax": jax,
}


def main(name, path):
    """Say `[versions, losses]`, then answer each line that asks for so many seconds with ms per step (median)."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # JAX takes every core it sees
    problem = Problem(Path(path))
    try:
        versions, step = CONTESTANTS[name](problem)
    except ImportError as error:
        print(json.dumps([f"absent: {error}", None]), flush=True)
        return
    batches = len(problem.x)
    print(json.dumps([versions, [step(i % batches) for i in range(COMPARED)]]), flush=True)
    for line in sys.stdin:
        times = []
        end = time.perf_counter() + float(line)
        while time.perf_counter() < end:
            start = time.perf_counter()
            step(len(times) % batches)
            times.append(time.perf_counter() - start)
        print(1e3 * statistics.median(times), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
