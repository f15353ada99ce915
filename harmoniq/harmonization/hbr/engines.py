"""Who samples the posteriors: by name."""

from harmoniq.harmonization.hbr.fit import Engine
from harmoniq.harmonization.hbr.sampler import sample

ENGINES = ("native", "pcntoolkit")


def check_installed(name: str) -> None:
    """Refuse an engine whose package is not installed, without importing it.

    Parameters
    ----------
    name : str
        One of `ENGINES`.

    Raises
    ------
    InputError
        The message says how to install it.
    """
    from importlib.util import find_spec

    if name == "pcntoolkit" and find_spec("pcntoolkit") is None:
        from harmoniq.harmonization.hbr.pcntoolkit import pcntoolkit

        pcntoolkit()


def engine_of(name: str) -> Engine:
    """Return the function that samples one region's posterior.

    Parameters
    ----------
    name : str
        One of `ENGINES`.

    Returns
    -------
    callable
        From target, options and seed to `Sampled`.

    Raises
    ------
    InputError
        When PCNtoolkit is asked for and not installed; the message says how to install it.
    """
    if name == "native":
        return sample
    from harmoniq.harmonization.hbr.pcntoolkit import pcntoolkit, sample_with_pcntoolkit

    pcntoolkit()
    return sample_with_pcntoolkit
