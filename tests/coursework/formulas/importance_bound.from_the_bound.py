import numpy as np


def importance_bound(log_w):
    top = log_w.max(axis=0)
    bound = top + np.log(np.mean(np.exp(log_w - top), axis=0))
    return bound, (log_w, bound)


def importance_bound_backward(dbound, cache):
    log_w, bound = cache
    return dbound * np.exp(log_w - bound) / len(log_w)
