"""The timing of an MP2RAGE acquisition out of its sidecars, with the study's config for what scanners do not write."""

from collections.abc import Mapping, Sequence
from typing import Any

from harmoniq.data.acquisitions import MP2RAGETiming
from harmoniq.data.errors import InputError

_REMEDY = "add it to the sidecar, or give it per site in a config: [sites.<site>.{}]"


def mp2rage_timing(
    sidecars: Sequence[Mapping[str, Any]],
    site: Mapping[str, Any],
    efficiency: float,
    *,
    file: str,
    notes: list[str],
    table: str = "MP2RAGE",
) -> MP2RAGETiming:
    """Return the checked timing of an MP2RAGE acquisition.

    Parameters
    ----------
    sidecars : sequence of three mappings
        Metadata of the first inversion, the second, and the uniform image; empty where there is none.
    site : mapping
        The config's values for the site. A sidecar wins; a contradiction is added to `notes`.
    efficiency : float
        Of the inversion, where neither gives ``InversionEfficiency``.
    file : str
        Named in errors.
    notes : list of str
        Gets a line for each value taken from the config and each contradiction.
    table : str
        The site's table in the config: SA2RAGE has the same keys under TB1SRGE.

    Returns
    -------
    MP2RAGETiming
        In s and degrees. A single ``NumberShots`` is halved, the larger half before the center of k-space.

    Raises
    ------
    InputError
        For a value that is missing, malformed, or differs between the inversions; for infeasible timing.
    """
    take = _Taker(sidecars, site, file, notes, table)
    return MP2RAGETiming(
        repetition_time=_number(take.common("RepetitionTimePreparation"), "RepetitionTimePreparation", file),
        inversion_times=_pair(take.per_inversion("InversionTime"), "InversionTime", file),
        flip_angles=_pair(take.per_inversion("FlipAngle"), "FlipAngle", file),
        echo_spacing=_number(take.common("RepetitionTimeExcitation"), "RepetitionTimeExcitation", file),
        shots=_shots(take.common("NumberShots"), file),
        efficiency=_number(take.common("InversionEfficiency", efficiency), "InversionEfficiency", file),
        source=file,
    )


class _Taker:
    def __init__(
        self, sidecars: Sequence[Mapping[str, Any]], site: Mapping[str, Any], file: str, notes: list[str], table: str
    ) -> None:
        self.sidecars, self.site, self.file, self.notes = sidecars, site, file, notes
        self.remedy = _REMEDY.format(table)

    def common(self, key: str, default: Any = None) -> Any:
        """Return a value that both inversions share."""
        found = [sidecar[key] for sidecar in self.sidecars if sidecar.get(key) is not None]
        if any(value != found[0] for value in found[1:]):
            raise InputError("differs between the inversions' sidecars", file=self.file, key=key, value=found)
        return self._choose(key, found[0] if found else None, default)

    def per_inversion(self, key: str) -> Any:
        """Return a pair: each inversion's own number, or the uniform image's list of two."""
        first, second, uniform = (sidecar.get(key) for sidecar in self.sidecars)
        if isinstance(first, (list, tuple)) and len(first) == 2:
            uniform, first, second = first, None, None
        found: Any = None
        if first is not None and second is not None:
            found = [first, second]
        elif isinstance(uniform, (list, tuple)) and len(uniform) == 2:
            found = list(uniform)
        elif first is not None or second is not None:
            which = "second" if second is None else "first"
            if self.site.get(key) is None:
                raise InputError(f"missing for the {which} inversion", file=self.file, key=key, remedy=self.remedy)
            given = self.site[key]
            found = [given[0] if first is None else first, given[1] if second is None else second]
        return self._choose(key, found, None)

    def _choose(self, key: str, found: Any, default: Any) -> Any:
        given = self.site.get(key)
        if found is not None:
            if given is not None and not _equal(given, found):
                self.notes.append(f"{key} = {found} in the sidecar contradicts {given} in the config: the sidecar wins")
            return found
        if given is not None:
            self.notes.append(f"{key} = {given} is taken from the config")
            return given
        if default is not None:
            return default
        raise InputError("missing", file=self.file, key=key, remedy=self.remedy)


def _equal(a: Any, b: Any) -> bool:
    first, second = (list(x) if isinstance(x, (list, tuple)) else [x] for x in (a, b))
    try:
        return len(first) == len(second) and all(abs(x - y) <= 1e-6 * abs(y) for x, y in zip(first, second))
    except TypeError:
        return first == second


def _number(value: Any, key: str, file: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InputError("must be a number", file=file, key=key, value=value)
    return float(value)


def _pair(value: Any, key: str, file: str) -> tuple[float, float]:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise InputError("must be two numbers, one per inversion", file=file, key=key, value=value)
    return _number(value[0], key, file), _number(value[1], key, file)


def _shots(value: Any, file: str) -> tuple[int, int]:
    """Return excitations before and after the k-space center; one number means half and half (BIDS: NumberShots)."""
    if isinstance(value, (list, tuple)) and len(value) == 2:
        before, after = (_number(item, "NumberShots", file) for item in value)
    else:
        total = _number(value, "NumberShots", file)
        before, after = total - total // 2, total // 2
    if before != int(before) or after != int(after):
        raise InputError("must be whole numbers", file=file, key="NumberShots", value=value)
    return int(before), int(after)
