"""The signals of the two gradient-echo trains of MP2RAGE, and the uniform image made of them.

Marques et al. 2010, NeuroImage 49:1271, doi:10.1016/j.neuroimage.2009.10.002 (theory and appendix).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harmoniq.data.acquisitions import MP2RAGETiming


def _driven(t1_factor: NDArray, c: NDArray, pulses: int) -> NDArray:
    """Return what `pulses` excitations add to the decayed start magnetization: (1 - E1)(1 - c^m)/(1 - c)."""
    return (1.0 - t1_factor) * (1.0 - c**pulses) / (1.0 - c)


def inversion_signals(
    t1: ArrayLike, timing: MP2RAGETiming, b1: ArrayLike = 1.0, *, efficiency: ArrayLike | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the signals of both trains at the center of k-space, in the steady state.

    Parameters
    ----------
    t1 : array_like
        Longitudinal relaxation time in s, above 0.
    timing : MP2RAGETiming
        Of the sequence.
    b1 : array_like, optional
        Flip angle relative to the nominal one; broadcast against `t1`. The inversion pulse is adiabatic: its
        efficiency does not depend on it.
    efficiency : array_like, optional
        By default that of `timing`; -cos of the flip angle for a pulse that saturates.

    Returns
    -------
    first, second : ndarray of float64
        Signed signals of both trains per unit of proton density, without T2* decay and without the receive field;
        negative before recovery through zero. Shaped as `t1` and `b1` broadcast.

    Notes
    -----
    With E1 = exp(-TRF / T1), c = cos(B1 angle) E1, m pulses that add S = (1 - E1)(1 - c^m) / (1 - c) and gaps with
    E = exp(-gap / T1): a train takes M to M c^m + S, a gap M to M E + 1 - E, the inversion M to -efficiency M (Marques
    et al. 2010, appendix).
    """
    t1, b1 = np.broadcast_arrays(np.asarray(t1, dtype=np.float64), np.asarray(b1, dtype=np.float64))
    before, after = timing.shots
    count = before + after
    efficiency = timing.efficiency if efficiency is None else np.asarray(efficiency, dtype=np.float64)
    angles = [np.deg2rad(angle) * b1 for angle in timing.flip_angles]
    e1 = np.exp(-timing.echo_spacing / t1)
    c1, c2 = (np.cos(angle) * e1 for angle in angles)
    ea, eb, ec = (np.exp(-gap / t1) for gap in timing.gaps)

    # From equilibrium-free start through TA, train 1, TB, train 2, TC: the recovered part, then the steady state.
    recovered = (1.0 - ea) * c1**count + _driven(e1, c1, count)
    recovered = (recovered * eb + 1.0 - eb) * c2**count + _driven(e1, c2, count)
    recovered = recovered * ec + 1.0 - ec
    steady = recovered / (1.0 + efficiency * (c1 * c2) ** count * ea * eb * ec)

    inverted = -efficiency * steady * ea + 1.0 - ea
    first = inverted * c1**before + _driven(e1, c1, before)
    second = first * c1**after + _driven(e1, c1, after)
    second = (second * eb + 1.0 - eb) * c2**before + _driven(e1, c2, before)
    return np.sin(angles[0]) * first, np.sin(angles[1]) * second


def uniform_image(inv1: ArrayLike, inv2: ArrayLike) -> NDArray:
    """Combine both inversions into the uniform image, free of proton density, T2* and the receive field.

    Parameters
    ----------
    inv1, inv2 : array_like
        Complex (or real and signed) images of the first and second inversion.

    Returns
    -------
    ndarray
        Re(conj(inv1) inv2) / (|inv1|^2 + |inv2|^2), from -0.5 to 0.5, and 0 where both are 0. Float32 for inputs of
        single precision, float64 otherwise.

    Notes
    -----
    The definition of Marques et al. 2010.

    Examples
    --------
    >>> uniform_image([-1.0, 0.0, 1.0], [1.0, 1.0, 1.0])
    array([-0.5,  0. ,  0.5])
    """
    inv1, inv2 = np.asarray(inv1), np.asarray(inv2)
    single = np.result_type(inv1, inv2) in (np.float32, np.complex64)
    kind = np.result_type(inv1, inv2, np.float32 if single else np.float64)
    inv1, inv2 = inv1.astype(kind, copy=False), inv2.astype(kind, copy=False)
    if np.iscomplexobj(inv1):
        product = inv1.real * inv2.real + inv1.imag * inv2.imag
        energy = inv1.real**2 + inv1.imag**2 + inv2.real**2 + inv2.imag**2
    else:
        product, energy = inv1 * inv2, inv1**2 + inv2**2
    return np.divide(product, energy, out=np.zeros_like(product), where=energy > 0).clip(-0.5, 0.5)
