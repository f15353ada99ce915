"""The compiled loops: density with its gradient, Hamiltonian Monte Carlo, and posterior means per participant.

The parameters theta are, for the mean and then for the SD, the spline coefficients (7), the site offsets and the sex
offsets in zero-sum coordinates. sigma = b softplus(eta / b) enters through two tabulated cubics per interval of eta,
for log sigma and 1 / sigma; their error is under 1e-9, and they save an exponential, two logarithms and two divisions
per participant and step.
"""

import numpy as np

from harmoniq.data.kernels import compiled


@compiled
def _add_prior(theta, precision, groups, tables, limits, floor2, grad):
    """Return the log prior and add its gradient to `grad`."""
    k, m, total = theta.size // 2, precision.shape[1], 0.0
    for part in range(2):
        base = part * k
        for row in range(m):
            dot = 0.0
            for col in range(m):
                dot += precision[part, row, col] * theta[base + col]
            total -= 0.5 * dot * theta[base + row]
            grad[base + row] -= dot
    for g in range(groups.shape[0]):
        start, end = groups[g, 0], groups[g, 0] + groups[g, 1]
        r2 = floor2
        for o in range(start, end):
            r2 += theta[o] * theta[o]
        x = min((np.log(r2) - limits[3]) / limits[4], tables.shape[1] - 2.0)
        bin_ = int(x)
        f = x - bin_
        s0, s1 = tables[g, bin_, 1], tables[g, bin_ + 1, 1]
        total += tables[g, bin_, 0] + limits[4] * f * (s0 + 0.5 * f * (s1 - s0))
        pull = 2.0 * (s0 + f * (s1 - s0)) / r2
        for o in range(start, end):
            grad[o] += pull * theta[o]
    return total


@compiled
def _beyond_table(eta, scale):
    """Return log sigma, its slope and 1 / sigma where the table ends."""
    soft = np.log1p(np.exp(-abs(eta) / scale)) + max(eta, 0.0) / scale
    log_sigma = np.log(scale * soft) if soft > 1e-300 else np.log(scale) + eta / scale
    w = np.exp(-log_sigma)
    return log_sigma, w / (1.0 + np.exp(-eta / scale)), w


@compiled
def _add_four(out, at, v0, v1, v2, v3):
    out[at] += v0
    out[at + 1] += v1
    out[at + 2] += v2
    out[at + 3] += v3


@compiled
def log_density(theta, y, splines, starts, block_first, block_cell, cells, precision, groups, tables, limits, sigmas,
                scale, floor2, grad):  # fmt: skip
    """Return log posterior density (up to a constant) and fill `grad`.

    Participants come sorted into blocks of the same knot interval and the same site and sex.

    Parameters
    ----------
    theta : array or number
        Parameters.
    y : array or number
        (n,) standardized values.
    splines : array or number
        (n, k) spline basis at the ages.
    starts : array or number
        First index of each block.
    block_first : array or number
        (blocks,) first coefficient of each block.
    block_cell : array or number
        (n, blocks) cell of each participant in each block.
    cells : array or number
        (n,) cell of site and sex of each participant.
    precision : array or number
        Precision of the prior.
    groups : array or number
        (groups,) sizes of the groups of offsets.
    tables : array or number
        Tabulated functions.
    limits : array or number
        Lower and upper bounds.
    sigmas : array or number
        Standard deviations.
    scale : array or number
        Factor.
    floor2 : array or number
        Square of the floor below which the prior is flat.
    grad : array or number
        Gradient, written in place.

    Returns
    -------
    float
        Log posterior density, up to a constant.
    """
    k, m = theta.size // 2, precision.shape[1]
    grad[:] = 0.0
    total = _add_prior(theta, precision, groups, tables, limits, floor2, grad)
    for b in range(block_first.size):
        j, cell = block_first[b], block_cell[b]
        off_mu, off_eta = 0.0, 0.0
        for o in range(k - m):
            off_mu += cells[cell, o] * theta[m + o]
            off_eta += cells[cell, o] * theta[k + m + o]
        m0, m1, m2, m3 = theta[j], theta[j + 1], theta[j + 2], theta[j + 3]
        e0, e1, e2, e3 = theta[k + j], theta[k + j + 1], theta[k + j + 2], theta[k + j + 3]
        a0 = a1 = a2 = a3 = a_sum = g0 = g1 = g2 = g3 = g_sum = 0.0
        for i in range(starts[b], starts[b + 1]):
            b0, b1, b2, b3 = splines[i, 0], splines[i, 1], splines[i, 2], splines[i, 3]
            eta = off_eta + b0 * e0 + b1 * e1 + b2 * e2 + b3 * e3
            if limits[0] < eta < limits[1]:
                x = (eta - limits[0]) * limits[2]
                bin_ = int(x)
                f = x - bin_
                c = sigmas[bin_]
                log_sigma = c[0] + f * (c[1] + f * (c[2] + f * c[3]))
                slope = (c[1] + f * (2.0 * c[2] + f * 3.0 * c[3])) * limits[2]
                w = c[4] + f * (c[5] + f * (c[6] + f * c[7]))
            else:
                log_sigma, slope, w = _beyond_table(eta, scale)
            z = (y[i] - (off_mu + b0 * m0 + b1 * m1 + b2 * m2 + b3 * m3)) * w
            total -= log_sigma + 0.5 * z * z
            gm, ge = z * w, (z * z - 1.0) * slope
            a0, a1, a2, a3, a_sum = a0 + gm * b0, a1 + gm * b1, a2 + gm * b2, a3 + gm * b3, a_sum + gm
            g0, g1, g2, g3, g_sum = g0 + ge * b0, g1 + ge * b1, g2 + ge * b2, g3 + ge * b3, g_sum + ge
        grad[j], grad[j + 1], grad[j + 2], grad[j + 3] = (
            grad[j] + a0,
            grad[j + 1] + a1,
            grad[j + 2] + a2,
            grad[j + 3] + a3,
        )
        j += k
        grad[j], grad[j + 1], grad[j + 2], grad[j + 3] = (
            grad[j] + g0,
            grad[j + 1] + g1,
            grad[j + 2] + g2,
            grad[j + 3] + g3,
        )
        for o in range(k - m):
            grad[m + o] += a_sum * cells[cell, o]
            grad[k + m + o] += g_sum * cells[cell, o]
    return total


@compiled
def _leapfrog(n, step, center, root, new, new_grad, p, theta, grad_theta, energy, y, splines, starts, block_first,
              block_cell, cells, precision, groups, tables, limits, sigmas, scale, floor2):  # fmt: skip
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
        value = log_density(theta, y, splines, starts, block_first, block_cell, cells, precision, groups, tables,
                            limits, sigmas, scale, floor2, grad_theta)  # fmt: skip
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
def sample_chain(value, q, grad, work, center, root, momenta, steps, uniforms, n_tune, target, y, splines, starts,
                 block_first, block_cell, cells, precision, groups, tables, limits, sigmas, scale, floor2,
                 draws):  # fmt: skip
    """Run one chain of HMC in the whitened coordinates theta = center + root q; return the number of divergences.

    The step size is found by dual averaging (Hoffman and Gelman 2014, section 3.2) over the first `n_tune` iterations.
    Momenta, numbers of leapfrog steps and uniforms are given, so that the chain is a function of its arguments. `value`
    and `grad` belong to the start `q`; `root` is upper triangular; `work` holds five vectors.

    Parameters
    ----------
    value : array or number
        Value.
    q : array or number
        Position.
    grad : array or number
        Gradient, written in place.
    work : array or number
        Scratch, written in place.
    center : array or number
        Center of the whitening.
    root : array or number
        Root.
    momenta : array or number
        (iterations, p) momenta drawn beforehand.
    steps : array or number
        Step sizes.
    uniforms : array or number
        (iterations,) uniform numbers drawn beforehand.
    n_tune : array or number
        Iterations that tune.
    target : array or number
        Where to write.
    y : array or number
        (n,) standardized values.
    splines : array or number
        (n, k) spline basis at the ages.
    starts : array or number
        First index of each block.
    block_first : array or number
        (blocks,) first coefficient of each block.
    block_cell : array or number
        (n, blocks) cell of each participant in each block.
    cells : array or number
        (n,) cell of site and sex of each participant.
    precision : array or number
        Precision of the prior.
    groups : array or number
        (groups,) sizes of the groups of offsets.
    tables : array or number
        Tabulated functions.
    limits : array or number
        Lower and upper bounds.
    sigmas : array or number
        Standard deviations.
    scale : array or number
        Factor.
    floor2 : array or number
        Square of the floor below which the prior is flat.
    draws : array or number
        (chains, draws) or (draws, p) posterior draws.

    Returns
    -------
    int
        Number of iterations that diverged.
    """
    theta, grad_theta, new, new_grad, p = work[0], work[1], work[2], work[3], work[4]
    step, h_bar, log_bar, divergences = 0.6, 0.0, 0.0, 0
    for t in range(steps.size):
        energy = -value
        for r in range(q.size):
            p[r], new[r], new_grad[r] = momenta[t, r], q[r], grad[r]
            energy += 0.5 * p[r] * p[r]
        new_value = _leapfrog(steps[t], step, center, root, new, new_grad, p, theta, grad_theta, energy, y, splines,
                              starts, block_first, block_cell, cells, precision, groups, tables, limits, sigmas, scale,
                              floor2)  # fmt: skip
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
def posterior_means(mu_draws, eta_draws, splines, first, off_mu, off_eta, offset, limits, sigmas, scale, out):
    """Fill `out` with E[mu], E[sigma], E[mu / sigma], E[1 / sigma] of every participant over the draws.

    Draws are (parameter, draw): spline coefficients, and offsets of the combinations of site and sex.

    Parameters
    ----------
    mu_draws : array or number
        (draws, k) coefficients of the mean.
    eta_draws : array or number
        (draws, k) coefficients of the spread.
    splines : array or number
        (n, k) spline basis at the ages.
    first : array or number
        First index.
    off_mu : array or number
        (draws, cells) offsets of the mean.
    off_eta : array or number
        (draws, cells) offsets of the spread.
    offset : array or number
        Offset of the cell.
    limits : array or number
        Lower and upper bounds.
    sigmas : array or number
        Standard deviations.
    scale : array or number
        Factor.
    out : array or number
        Where the result goes.
    """
    n_draws = mu_draws.shape[1]
    for i in range(first.size):
        j, o = first[i], offset[i]
        b0, b1, b2, b3 = splines[i, 0], splines[i, 1], splines[i, 2], splines[i, 3]
        s_mu = s_sigma = s_ratio = s_w = 0.0
        for d in range(n_draws):
            mu = (off_mu[o, d] + b0 * mu_draws[j, d] + b1 * mu_draws[j + 1, d]
                  + b2 * mu_draws[j + 2, d] + b3 * mu_draws[j + 3, d])  # fmt: skip
            eta = (off_eta[o, d] + b0 * eta_draws[j, d] + b1 * eta_draws[j + 1, d]
                   + b2 * eta_draws[j + 2, d] + b3 * eta_draws[j + 3, d])  # fmt: skip
            if limits[0] < eta < limits[1]:
                x = (eta - limits[0]) * limits[2]
                bin_ = int(x)
                f = x - bin_
                c = sigmas[bin_]
                w = c[4] + f * (c[5] + f * (c[6] + f * c[7]))
            else:
                soft = np.log1p(np.exp(-abs(eta) / scale)) + max(eta, 0.0) / scale
                w = 1.0 / max(scale * soft, 1e-300)
            s_mu += mu
            s_sigma += 1.0 / w
            s_ratio += mu * w
            s_w += w
        out[i, 0] = s_mu / n_draws
        out[i, 1] = s_sigma / n_draws
        out[i, 2] = s_ratio / n_draws
        out[i, 3] = s_w / n_draws
