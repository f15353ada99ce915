"""Compile and run the loops over voxels: cached where a cache can be written, in threads, the same on any number.

Numba's own threads are not used: its OpenMP layer cannot follow a fork, which Nipype's MultiProc makes. Kernels release
the interpreter's lock instead and run on blocks of a fixed size, so results do not depend on the number of threads.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

BLOCK = 1 << 16


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile `function` with numba; keep the machine code on disk where some folder for it can be written.

    Numba's cache only watches the file of the function itself: keep kernels beside the helpers that they call.

    Parameters
    ----------
    function : callable
        Of arrays and numbers, as Numba compiles it.

    Returns
    -------
    callable
        The function, compiled at its first call; it releases the interpreter's lock, and division by 0 gives what NumPy
        gives.
    """
    import numba

    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache folder can be written
        return numba.njit(**options)(function)


def thread_count() -> int:
    """Return how many threads to use: OMP_NUM_THREADS, else the processors that this process may run on.

    Returns
    -------
    int
        At least 1.
    """
    text = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if text.isdigit() and int(text) > 0:
        return int(text)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_blocks(work: Callable[[slice], None], count: int, threads: int | None = None, *, size: int = BLOCK) -> None:
    """Call `work` on slices of at most `size` elements that cover range(count), in threads.

    Parameters
    ----------
    work : callable
        Takes a slice and writes its results in place; must release the lock to gain from threads.
    count : int
        Number of elements.
    threads : int, optional
        Default: `thread_count()`.
    size : int, optional
        Of a block.
    """
    slices = [slice(start, min(start + size, count)) for start in range(0, count, size)]
    threads = min(threads or thread_count(), len(slices))
    if threads <= 1:
        for part in slices:
            work(part)
        return
    with ThreadPoolExecutor(threads) as pool:
        # list() so that an exception in a block is raised here
        list(pool.map(work, slices))
