"""Tissue values: R1, R2* and proton density of every region and tissue of one simulated head."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harmoniq.data.errors import InputError
from harmoniq.data.names import BRODMANN_AREAS, BUNDLES

#: The properties of tissue that make the images, in the order of `TissueValues.properties`.
PROPERTIES: Final = ("r1", "r2star", "pd")

#: Tissues outside the study's regions, with typical (R1 1/s, R2* 1/s, PD relative to water) at 3 T
#: (Wansapura 1999, J Magn Reson Imaging 9:531; Stanisz 2005, Magn Reson Med 54:507; Weiskopf 2013, Front Neurosci
#: 7:95).
OTHER_TISSUES: Final[dict[str, tuple[float, float, float]]] = {
    "cortex": (0.70, 17.0, 0.82),
    "swm": (0.98, 20.0, 0.73),
    "deep_wm": (1.12, 21.5, 0.70),
    "deep_gray": (0.85, 28.0, 0.78),
    "thalamus": (0.83, 22.0, 0.78),
    "pallidum": (1.02, 35.0, 0.74),
    "csf": (0.24, 1.5, 1.00),
    "cerebellum_gm": (0.68, 17.0, 0.82),
    "cerebellum_wm": (1.05, 21.0, 0.71),
    "brainstem": (1.02, 21.0, 0.72),
    "skull": (0.60, 80.0, 0.08),
    "scalp": (1.90, 32.0, 0.80),
    "muscle": (0.72, 35.0, 0.75),
    "air": (0.50, 50.0, 0.00),
}

#: Factors on the white matter's value inside a lesion (longer T1 and T2*, more water).
LESION_FACTORS: Final = (0.65, 0.72, 1.12)


@dataclass(frozen=True)
class PropertyValues:
    """One property (R1 in 1/s, R2* in 1/s, or PD in units of pure water) of all tissues.

    Parameters
    ----------
    cgm, swm : (2, 41) array
        Mid-cortex and superficial white matter (0.5 mm below the white surface); hemisphere L, R by
        `harmoniq.data.names.BRODMANN_AREAS`.
    bundles : (18,) array
        White-matter bundles, by `harmoniq.data.names.BUNDLES`.
    other : mapping
        A value for every name in `OTHER_TISSUES`; `cortex` and `swm` are those of cortex outside the Brodmann areas.
    lesion_factor : float
        Multiplies the value of white matter inside lesions.

    Raises
    ------
    InputError
        When a shape is wrong, a tissue is missing, or a value is not finite or negative.
    """

    cgm: NDArray[np.float64]
    swm: NDArray[np.float64]
    bundles: NDArray[np.float64]
    other: Mapping[str, float]
    lesion_factor: float = 1.0

    def __post_init__(self) -> None:
        regional = (2, len(BRODMANN_AREAS))
        for name, shape in (("cgm", regional), ("swm", regional), ("bundles", (len(BUNDLES),))):
            array = np.array(getattr(self, name), dtype=np.float64)
            if array.shape != shape:
                raise InputError(f"must have shape {shape}", key=name, value=array.shape)
            if not np.all(np.isfinite(array)) or np.any(array < 0):
                raise InputError("must be finite and not negative everywhere", key=name)
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        missing = sorted(set(OTHER_TISSUES) - set(self.other))
        if missing:
            raise InputError(f"lacks the tissues {', '.join(missing)}", key="other")


@dataclass(frozen=True)
class TissueValues:
    """R1, R2* and PD of all tissues of one head: what `rasterize` paints.

    Parameters
    ----------
    r1, r2star, pd : PropertyValues
        In 1/s, 1/s, and relative to water.
    """

    r1: PropertyValues
    r2star: PropertyValues
    pd: PropertyValues

    def properties(self) -> tuple[PropertyValues, PropertyValues, PropertyValues]:
        """List the three properties.

        Returns
        -------
        tuple (PropertyValues, PropertyValues, PropertyValues)
            In the order of `PROPERTIES`.
        """
        r1, r2star, pd = (getattr(self, field.name) for field in fields(self))
        return r1, r2star, pd


def property_values(
    name: str,
    *,
    cgm: ArrayLike | None = None,
    swm: ArrayLike | None = None,
    bundles: ArrayLike | None = None,
    other: Mapping[str, float] | None = None,
    lesion_factor: float | None = None,
) -> PropertyValues:
    """Make the values of one property, with defaults for what is not given.

    Parameters
    ----------
    name : {'r1', 'r2star', 'pd'}
        Which property.
    cgm, swm : array, optional
        Anything that broadcasts to (2, 41).
    bundles : array, optional
        Anything that broadcasts to (18,).
    other : mapping, optional
        Overrides of `OTHER_TISSUES`.
    lesion_factor : float, optional
        Default from `LESION_FACTORS`.

    Returns
    -------
    PropertyValues
        In 1/s, or relative to water for ``pd``.

    Raises
    ------
    InputError
        When the property is unknown or values are wrong.
    """
    if name not in PROPERTIES:
        raise InputError(f"unknown property; it is one of {', '.join(PROPERTIES)}", key="name", value=name)
    column = PROPERTIES.index(name)
    tissues = {tissue: values[column] for tissue, values in OTHER_TISSUES.items()} | dict(other or {})
    regional = (2, len(BRODMANN_AREAS))
    return PropertyValues(
        cgm=np.broadcast_to(tissues["cortex"] if cgm is None else np.asarray(cgm), regional),
        swm=np.broadcast_to(tissues["swm"] if swm is None else np.asarray(swm), regional),
        bundles=np.broadcast_to(tissues["deep_wm"] if bundles is None else np.asarray(bundles), (len(BUNDLES),)),
        other=tissues,
        lesion_factor=LESION_FACTORS[column] if lesion_factor is None else lesion_factor,
    )


def default_values() -> TissueValues:
    """Make typical values at 3 T.

    Returns
    -------
    TissueValues
        The same in all areas and in all bundles.
    """
    return TissueValues(*(property_values(name) for name in PROPERTIES))
