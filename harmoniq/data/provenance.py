"""What ran: the program's version and code, and the versions of the libraries behind it."""

import hashlib
from functools import lru_cache
from importlib import metadata
from importlib.resources import files

import harmoniq

_LIBRARIES = ("nipype", "nibabel", "nilearn", "numpy", "scipy", "pandas", "dipy", "SimpleITK", "numba", "statsmodels")


@lru_cache(maxsize=1)
def code_version() -> str:
    """Return the version with a digest of the program's own sources.

    Nipype does not notice that a node's code has changed; every node takes this text as an input, so that results of
    another version, or of an edited one, are never reused.
    """
    digest = hashlib.sha256()
    root = files("harmoniq")
    for folder in ("data", "interfaces", "mp2rage", "r2star", "regions", "registration", "surface", "tract"):
        for source in sorted((root / folder).iterdir() if folder != "interfaces" else _interfaces(), key=str):
            if source.name.endswith(".py"):
                digest.update(source.name.encode() + source.read_bytes())
    return f"{harmoniq.__version__}+{digest.hexdigest()[:12]}"


def _interfaces() -> list:
    # Mapped from the repository's root: an editable install finds it by import only.
    return list(files("harmoniq.interfaces").iterdir())


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Return the versions of harmoniq and of the libraries behind it; libraries that are absent are left out."""
    found = {"harmoniq": harmoniq.__version__}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
