"""One thread for linear algebra, so that the same input gives the same bytes on any number of cores."""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def one_blas_thread(function: Callable[P, R]) -> Callable[P, R]:
    """Run a function with BLAS limited to one thread: sums are then added in one order.

    Parameters
    ----------
    function : callable
        Any function.

    Returns
    -------
    callable
        With the same arguments and result.
    """

    @wraps(function)
    def limited(*args: P.args, **kwargs: P.kwargs) -> R:
        from threadpoolctl import threadpool_limits

        with threadpool_limits(limits=1, user_api="blas"):
            return function(*args, **kwargs)

    return limited
