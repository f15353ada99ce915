"""What ran: the program's version and code, and the versions of the libraries behind it."""

import hashlib
from functools import lru_cache
from importlib import metadata
from importlib.resources import files

import harmoniq

_CODE = (
    "data", "diffusion", "harmonization", "lesions", "mp2rage", "qsiprep", "r2star", "regions", "registration",
    "report", "settings", "statistics", "surface", "surface/reconstruction", "tract",
)  # fmt: skip
_LIBRARIES = ("nipype", "nibabel", "nilearn", "numpy", "scipy", "pandas", "dipy", "SimpleITK", "numba", "statsmodels")


@lru_cache(maxsize=1)
def code_version() -> str:
    """Return the version with a digest of the program's own sources.

    Nipype does not notice that a node's code has changed; every node takes this text as an input, so that results of
    another version, or of an edited one, are never reused. The command line and the simulator do not count.

    Returns
    -------
    str
        Such as ``1.2.0+0123456789ab``.
    """
    digest = hashlib.sha256()
    root = files("harmoniq")
    # Mapped from the repository's root: an editable install finds the nodes by import only.
    folders = [root / name for name in _CODE] + [files("harmoniq.interfaces")]
    for folder in folders:
        for source in sorted(folder.iterdir(), key=lambda item: item.name):
            if source.name.endswith(".py"):
                digest.update(source.name.encode() + source.read_bytes())
    return f"{harmoniq.__version__}+{digest.hexdigest()[:12]}"


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Return the versions of harmoniq and of the libraries behind it; libraries that are absent are left out.

    Returns
    -------
    dict of str to str
        By the name of the distribution.
    """
    found = {"harmoniq": harmoniq.__version__}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
