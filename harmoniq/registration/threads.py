"""One thread for ITK: with more, sums of the metric are rounded in another order from run to run."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def one_itk_thread(function: Callable[P, R]) -> Callable[P, R]:
    """Run a function with ITK's global number of threads at 1, and restore it afterwards.

    ``ImageRegistrationMethod.SetNumberOfThreads(1)`` alone leaves the metric on ITK's thread pool.

    Parameters
    ----------
    function : callable
        Any that registers with SimpleITK.

    Returns
    -------
    callable
        With the same signature and result.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        import SimpleITK as sitk  # noqa: N813

        process = sitk.ProcessObject
        threads, threader = process.GetGlobalDefaultNumberOfThreads(), process.GetGlobalDefaultThreader()
        process.SetGlobalDefaultNumberOfThreads(1)
        process.SetGlobalDefaultThreader("Platform")
        try:
            return function(*args, **kwargs)
        finally:
            process.SetGlobalDefaultNumberOfThreads(threads)
            process.SetGlobalDefaultThreader(threader)

    return run
