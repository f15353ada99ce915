"""The compiled loops: density with its gradient, Hamiltonian Monte Carlo, and posterior means per participant.

The parameters theta are, for the mean and then for the SD, the spline coefficients (7), the site offsets and the sex
offsets in zero-sum coordinates.
"""

import numpy as np

from harmoniq.data.kernels import compiled


@compiled
def _add_prior(theta, terms, grad):
    """Return the log prior and add its gradient to `grad`."""
    k, m, total = theta.size // 2, terms.precision.shape[1], 0.0
    for part in range(2):
        base = part * k
        for row in range(m):
            dot = 0.0
            for col in range(m):
                dot += terms.precision[part, row, col] * theta[base + col]
            total -= 0.5 * dot * theta[base + row]
            grad[base + row] -= dot
    step = terms.prior_step
    for g in range(terms.groups.shape[0]):
        table = terms.log_priors[g]
        start, end = terms.groups[g, 0], terms.groups[g, 0] + terms.groups[g, 1]
        r2 = terms.floor2
        for o in range(start, end):
            r2 += theta[o] * theta[o]
        x = min((np.log(r2) - terms.prior_start) / step, table.shape[0] - 2.0)
        bin_ = int(x)
        f = x - bin_
        s0, s1 = table[bin_, 1], table[bin_ + 1, 1]
        total += table[bin_, 0] + step * f * (s0 + 0.5 * f * (s1 - s0))
        pull = 2.0 * (s0 + f * (s1 - s0)) / r2
        for o in range(start, end):
            grad[o] += pull * theta[o]
    return total


@compiled
def _spread(eta, sigma):
    """Return log sigma, its slope and 1 / sigma at eta: of the table, or where it ends, of the functions themselves."""
    if sigma.low < eta < sigma.high:
        x = (eta - sigma.low) * sigma.per_unit
        bin_ = int(x)
        f = x - bin_
        c = sigma.cubics[bin_]
        log_sigma = c[0] + f * (c[1] + f * (c[2] + f * c[3]))
        slope = (c[1] + f * (2.0 * c[2] + f * 3.0 * c[3])) * sigma.per_unit
        return log_sigma, slope, c[4] + f * (c[5] + f * (c[6] + f * c[7]))
    soft = np.log1p(np.exp(-abs(eta) / sigma.scale)) + max(eta, 0.0) / sigma.scale
    log_sigma = np.log(sigma.scale * soft) if soft > 1e-300 else np.log(sigma.scale) + eta / sigma.scale
    w = np.exp(-log_sigma)
    return log_sigma, w / (1.0 + np.exp(-eta / sigma.scale)), w


@compiled
def _add_four(out, at, v0, v1, v2, v3):
    out[at] += v0
    out[at + 1] += v1
    out[at + 2] += v2
    out[at + 3] += v3


@compiled
def log_density(theta, terms, grad):
    """Return the log posterior density (up to a constant) and fill `grad` with its gradient.

    Parameters
    ----------
    theta : numpy.ndarray, shape (p,)
        Parameters.
    terms : harmoniq.harmonization.hbr.terms.Terms
        Data and priors.
    grad : numpy.ndarray, shape (p,)
        Written in place.

    Returns
    -------
    float
        Log posterior density, up to a constant.
    """
    y, splines, starts, cells, sigma = terms.y, terms.splines, terms.starts, terms.cells, terms.sigma
    k, m = theta.size // 2, terms.precision.shape[1]
    grad[:] = 0.0
    total = _add_prior(theta, terms, grad)
    for b in range(terms.block_first.size):
        j, cell = terms.block_first[b], terms.block_cell[b]
        off_mu, off_eta = 0.0, 0.0
        for o in range(k - m):
            off_mu += cells[cell, o] * theta[m + o]
            off_eta += cells[cell, o] * theta[k + m + o]
        m0, m1, m2, m3 = theta[j], theta[j + 1], theta[j + 2], theta[j + 3]
        e0, e1, e2, e3 = theta[k + j], theta[k + j + 1], theta[k + j + 2], theta[k + j + 3]
        a0 = a1 = a2 = a3 = a_sum = g0 = g1 = g2 = g3 = g_sum = 0.0
        for i in range(starts[b], starts[b + 1]):
            b0, b1, b2, b3 = splines[i, 0], splines[i, 1], splines[i, 2], splines[i, 3]
            log_sigma, slope, w = _spread(off_eta + b0 * e0 + b1 * e1 + b2 * e2 + b3 * e3, sigma)
            z = (y[i] - (off_mu + b0 * m0 + b1 * m1 + b2 * m2 + b3 * m3)) * w
            total -= log_sigma + 0.5 * z * z
            gm, ge = z * w, (z * z - 1.0) * slope
            a0, a1, a2, a3, a_sum = a0 + gm * b0, a1 + gm * b1, a2 + gm * b2, a3 + gm * b3, a_sum + gm
            g0, g1, g2, g3, g_sum = g0 + ge * b0, g1 + ge * b1, g2 + ge * b2, g3 + ge * b3, g_sum + ge
        _add_four(grad, j, a0, a1, a2, a3)
        _add_four(grad, k + j, g0, g1, g2, g3)
        for o in range(k - m):
            grad[m + o] += a_sum * cells[cell, o]
            grad[k + m + o] += g_sum * cells[cell, o]
    return total


@compiled
def _leapfrog(n, step, center, root, new, new_grad, p, theta, grad_theta, energy, terms):
    """Make `n` leapfrog steps in place; return the log density at their end, -inf where the energy is lost."""
    value = -np.inf
    for _ in range(n):
        for r in range(new.size):
            p[r] += 0.5 * step * new_grad[r]
            new[r] += step * p[r]
        for r in range(new.size):
            dot = center[r]
            for c in range(r, new.size):
                dot += root[r, c] * new[c]
            theta[r] = dot
        value = log_density(theta, terms, grad_theta)
        for r in range(new.size):
            dot = 0.0
            for c in range(r + 1):
                dot += root[c, r] * grad_theta[c]
            new_grad[r] = dot
            p[r] += 0.5 * step * dot
        if not energy + value > -1000.0:
            return -np.inf
    return value


@compiled
def sample_chain(value, q, grad, center, root, momenta, steps, uniforms, n_tune, target, terms, draws):
    """Run one chain of HMC in the whitened coordinates theta = center + root q; return the number of divergences.

    The step size is found by dual averaging (Hoffman and Gelman 2014, section 3.2) over the first `n_tune` iterations.
    Momenta, numbers of leapfrog steps and uniforms are given, so that the chain is a function of its arguments.

    Parameters
    ----------
    value : float
        Log density at the start.
    q, grad : numpy.ndarray, shape (p,)
        Start and the gradient there, whitened; both are overwritten.
    center : numpy.ndarray, shape (p,)
        theta at q = 0.
    root : numpy.ndarray, shape (p, p)
        Upper triangular.
    momenta : numpy.ndarray, shape (n_iterations, p)
        Standard normal.
    steps : numpy.ndarray of int, shape (n_iterations,)
        Leapfrog steps of each iteration.
    uniforms : numpy.ndarray, shape (n_iterations,)
        In [0, 1): a proposal is taken where its chance is larger.
    n_tune : int
        Iterations that tune the step size and are thrown away.
    target : float
        Mean acceptance that the step size is tuned to.
    terms : harmoniq.harmonization.hbr.terms.Terms
        Data and priors.
    draws : numpy.ndarray, shape (n_iterations - n_tune, p)
        Filled with theta of the iterations that are kept.

    Returns
    -------
    int
        Number of iterations after tuning that diverged.
    """
    new, new_grad, p = np.empty_like(q), np.empty_like(q), np.empty_like(q)
    theta, grad_theta = np.empty_like(q), np.empty_like(q)
    step, h_bar, log_bar, divergences = 0.6, 0.0, 0.0, 0
    for t in range(steps.size):
        energy = -value
        for r in range(q.size):
            p[r], new[r], new_grad[r] = momenta[t, r], q[r], grad[r]
            energy += 0.5 * p[r] * p[r]
        new_value = _leapfrog(steps[t], step, center, root, new, new_grad, p, theta, grad_theta, energy, terms)
        error = energy + new_value
        for r in range(q.size):
            error -= 0.5 * p[r] * p[r]
        if not error > -1000.0:
            error = -1e300
            divergences += t >= n_tune
        chance = np.exp(min(error, 0.0))
        if uniforms[t] < chance:
            value = new_value
            for r in range(q.size):
                q[r], grad[r] = new[r], new_grad[r]
        if t < n_tune:
            h_bar += (target - chance - h_bar) / (t + 11.0)
            log_step = np.log(6.0) - np.sqrt(t + 1.0) / 0.05 * h_bar
            fade = (t + 1.0) ** -0.75
            log_bar = fade * log_step + (1.0 - fade) * log_bar
            step = np.exp(log_step if t + 1 < n_tune else log_bar)
        else:
            for r in range(q.size):
                dot = center[r]
                for c in range(r, q.size):
                    dot += root[r, c] * q[c]
                draws[t - n_tune, r] = dot
    return divergences


@compiled
def posterior_means(mu_draws, eta_draws, splines, first, off_mu, off_eta, cell, sigma, out):
    """Fill `out` with E[mu], E[sigma], E[mu / sigma], E[1 / sigma] of every participant over the draws.

    Parameters
    ----------
    mu_draws, eta_draws : numpy.ndarray, shape (n_splines, n_draws)
        Spline coefficients of the mean, and of eta, which gives the SD.
    splines : numpy.ndarray, shape (n, 4)
        The four splines that are not zero at a participant's age.
    first : numpy.ndarray of int, shape (n,)
        Coefficient of the first of them.
    off_mu, off_eta : numpy.ndarray, shape (n_cells, n_draws)
        Offsets of the combinations of site and sex.
    cell : numpy.ndarray of int, shape (n,)
        Each participant's combination.
    sigma : harmoniq.harmonization.hbr.mapping.SigmaTable
        From eta to the SD.
    out : numpy.ndarray, shape (n, 4)
        Written in place; in the units of the standardized values.
    """
    n_draws = mu_draws.shape[1]
    for i in range(first.size):
        j, o = first[i], cell[i]
        b0, b1, b2, b3 = splines[i, 0], splines[i, 1], splines[i, 2], splines[i, 3]
        s_mu = s_sigma = s_ratio = s_w = 0.0
        for d in range(n_draws):
            mu = (off_mu[o, d] + b0 * mu_draws[j, d] + b1 * mu_draws[j + 1, d]
                  + b2 * mu_draws[j + 2, d] + b3 * mu_draws[j + 3, d])  # fmt: skip
            eta = (off_eta[o, d] + b0 * eta_draws[j, d] + b1 * eta_draws[j + 1, d]
                   + b2 * eta_draws[j + 2, d] + b3 * eta_draws[j + 3, d])  # fmt: skip
            _, _, w = _spread(eta, sigma)
            s_mu += mu
            s_sigma += 1.0 / w
            s_ratio += mu * w
            s_w += w
        out[i, 0] = s_mu / n_draws
        out[i, 1] = s_sigma / n_draws
        out[i, 2] = s_ratio / n_draws
        out[i, 3] = s_w / n_draws
