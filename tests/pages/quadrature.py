"""What the page's numbers are measured against, computed the slow way, in float64."""

import numpy as np

import npvae

CHUNK = 1000


def in_float64(model):
    """The same model, computing in float64."""
    settings = {key: value for key, value in model.config.items() if key != "class"}
    twin = type(model)(**settings | {"dtype": "float64"})
    twin.params.vector = model.params.vector
    return twin


def decode(model, z):
    """The decoder's output, before the likelihood makes a mean of it: (N, L) to (N, D)."""
    g, _ = model.decoder.forward(z, model.params)
    return npvae.dense(g, *model.params.layer("output"))[0]


def chunks(rows):
    return [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]


def nll_at(model, x, z):
    """-log p(x given z) of one image at many z: (N,)."""
    outputs = (decode(model, part) for part in chunks(z))
    return np.concatenate([model.likelihood.nll(x[None], output, model.params)[0] for output in outputs])


def log_prior(z):
    return -0.5 * np.sum(z**2 + np.log(2 * np.pi), axis=1)


def log_sum_exp(values):
    return np.max(values) + np.log(np.sum(np.exp(values - np.max(values))))


class Quadrature:
    """log p(x) of a model of two dimensions, by the midpoint rule on [-reach, reach]^2 until it stands still.

    It starts from a grid four times as fine as the page's, which is decoded once. At every level the 1500 heaviest
    cells are cut in four. None is left out for being light: a narrow mode may lie far from the centre of its cell.
    """

    def __init__(self, model, reach, cells=164):
        self.model, self.size = model, 2 * reach / cells
        centres = (np.arange(cells) + 0.5) * self.size - reach
        self.z = np.stack(np.meshgrid(centres, centres), axis=-1).reshape(-1, 2)
        self.outputs = [decode(model, part).astype(np.float32) for part in chunks(self.z)]

    def log_px(self, x, still=1e-4):
        likelihood, params = self.model.likelihood, self.model.params
        nll = np.concatenate([likelihood.nll(x[None], output, params)[0] for output in self.outputs])
        z, log_p, sizes = self.z, log_prior(self.z) - nll, np.full(len(self.z), self.size)
        totals = [log_sum_exp(log_p + 2 * np.log(sizes))]
        while len(totals) < 6 or np.ptp(totals[-3:]) > still:
            heavy = np.argsort(-log_p - 2 * np.log(sizes))[:1500]
            corners = [(a, b) for a in (-0.25, 0.25) for b in (-0.25, 0.25)]
            children = np.concatenate([z[heavy] + np.array(corner) * sizes[heavy, None] for corner in corners])
            found = log_prior(children) - nll_at(self.model, x, children)
            kept = np.delete(np.arange(len(z)), heavy)
            z, log_p = np.concatenate([children, z[kept]]), np.concatenate([found, log_p[kept]])
            sizes = np.concatenate([np.tile(sizes[heavy] / 2, 4), sizes[kept]])
            totals.append(log_sum_exp(log_p + 2 * np.log(sizes)))
        return totals[-1]


def by_nodes(nodes):
    """Gauss-Hermite nodes and weights over two dimensions."""
    points, weights = np.polynomial.hermite_e.hermegauss(nodes)
    return np.stack(np.meshgrid(points, points), axis=-1).reshape(-1, 2), np.outer(weights, weights).ravel() / (
        np.sum(weights) ** 2
    )


def expected_terms(model, x, mu, logvar, eps, weights):
    """E_q[nll] of one image as a weighted mean over eps (K, L), and its gradients for mu and logvar."""
    z, z_cache = npvae.reparameterize(mu[None], logvar[None], eps)
    g, g_cache = model.decoder.forward(z, model.params)
    output, output_cache = npvae.dense(g, *model.params.layer("output"))
    nll, nll_cache = model.likelihood.nll(x[None], output, model.params)
    grads = model.params.like(np.zeros_like(model.params.vector))
    doutput = model.likelihood.nll_backward(weights, nll_cache, grads)
    dg, _, _ = npvae.dense_backward(doutput, output_cache)
    dz = model.decoder.backward(dg, g_cache, grads)
    dmu, dlogvar = npvae.reparameterize_backward(dz, z_cache)
    return np.sum(weights * nll), np.sum(dmu, axis=0), np.sum(dlogvar, axis=0)
