import numpy as np


def loss_and_grad(x, eps, params, beta, P):
    h, c_trunk = P.trunk(x, params["trunk"])
    mu, c_mu = P.mu_head(h, params["mu"])
    rho, c_rho = P.rho_head(h, params["rho"])
    (z, kl), c_latent = P.latent(mu, rho, eps)
    output, c_decoder = P.decoder(z, params["decoder"])
    nll, c_nll = P.nll(x, output)
    n = len(x)
    doutput = P.nll_backward(np.full(n, 1 / n), c_nll)
    dz, ddecoder = P.decoder_backward(doutput, c_decoder)
    dmu, drho = P.latent_backward(dz, np.full(n, beta / n), c_latent)
    dh_mu, dW_mu = P.mu_head_backward(dmu, c_mu)
    dh_rho, dW_rho = P.rho_head_backward(drho, c_rho)
    grads = {"decoder": ddecoder, "mu": dW_mu, "rho": dW_rho, "trunk": P.trunk_backward(dh_mu + dh_rho, c_trunk)}
    return np.mean(nll + beta * kl), grads
