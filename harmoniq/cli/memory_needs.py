"""What memory a session's fits take, from the headers of its images."""

from harmoniq.data.inputs import SessionInputs


def fit_gb(inputs: SessionInputs) -> float:
    """Estimate the memory of a session's largest fit: float32 echoes, stacked once, and the maps.

    Parameters
    ----------
    inputs : SessionInputs
        What the session has.

    Returns
    -------
    float
        GB (1024³ bytes), at least 0.5.
    """
    return max(0.5, 3 * voxel_bytes(inputs) / 1024**3)


def voxel_bytes(inputs: SessionInputs) -> int:
    """Compute the size of a session's MP2RAGE and ME-GRE images, and of its existing maps, as float32.

    Parameters
    ----------
    inputs : SessionInputs
        What the session has.

    Returns
    -------
    int
        Bytes, by the header of the first image of each kind.
    """
    from math import prod

    from harmoniq.data.images import load_grid

    groups = [group.files for group in (inputs.mp2rage, inputs.megre) if group is not None]
    groups += [(existing.path,) for existing in inputs.maps.values()]
    return sum(4 * prod(load_grid(files[0])[0]) * len(files) for files in groups)
