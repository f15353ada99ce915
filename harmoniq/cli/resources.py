"""How many processes and how much memory: what was asked for, or what the scheduler or the machine gives."""

import os

from harmoniq.data.errors import InputError


def process_count(wanted: int | None) -> int:
    """Choose the number of processes.

    Parameters
    ----------
    wanted : int or None
        Of ``--nprocs``; None: not given.

    Returns
    -------
    int
        What is wanted, else that of the Slurm task, else the cores that this process may use.

    Raises
    ------
    InputError
        For less than one.
    """
    if wanted is not None:
        if wanted < 1:
            raise InputError("must be at least 1", key="--nprocs", value=wanted)
        return wanted
    slurm = os.environ.get("SLURM_CPUS_PER_TASK", "")
    return int(slurm) if slurm.isdigit() and int(slurm) > 0 else len(os.sched_getaffinity(0))


def memory_gb(wanted: float | None) -> float:
    """Choose how much memory may be used.

    Parameters
    ----------
    wanted : float or None
        Of ``--mem``, GB; None: not given.

    Returns
    -------
    float
        GB (1024³ bytes): what is wanted, else that of the Slurm job, else 90 % of the machine's.

    Raises
    ------
    InputError
        For less than 1 GB.
    """
    if wanted is not None:
        if wanted < 1:
            raise InputError("must be at least 1 GB", key="--mem", value=wanted)
        return wanted
    for name, cores in (("SLURM_MEM_PER_NODE", 1), ("SLURM_MEM_PER_CPU", process_count(None))):
        value = os.environ.get(name, "")
        if value.isdigit() and int(value) > 0:
            return int(value) * cores / 1024
    import psutil

    return 0.9 * psutil.virtual_memory().total / 1024**3


def limit_threads(count: int) -> None:
    """Let each process that is started from here on use `count` threads.

    Parameters
    ----------
    count : int
        At least 1.

    Raises
    ------
    InputError
        For less than one.
    """
    if count < 1:
        raise InputError("must be at least 1", key="--omp-nthreads", value=count)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = str(count)
