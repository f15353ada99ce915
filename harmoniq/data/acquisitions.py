"""Acquisitions as checked, frozen objects: what was measured and how.

Each object refuses bad metadata when it is made, and names the file, the key, the value and what is wanted.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from harmoniq.data.errors import InputError

DEFAULT_EFFICIENCY = 0.96


@dataclass(frozen=True)
class MP2RAGETiming:
    """The timing of an MP2RAGE sequence (Marques et al. 2010, doi:10.1016/j.neuroimage.2009.10.002).

    Parameters
    ----------
    repetition_time : float
        From one inversion pulse to the next, in s (BIDS ``RepetitionTimePreparation``).
    inversion_times : tuple of float
        From the inversion pulse to the center of k-space of each train, in s (``InversionTime``).
    flip_angles : tuple of float
        Excitation flip angle of each train, in degrees (``FlipAngle``).
    echo_spacing : float
        From one excitation to the next within a train, in s (``RepetitionTimeExcitation``).
    shots : tuple of int
        Excitations before and after the center of k-space (``NumberShots``).
    efficiency : float
        Of the inversion pulse, 0 to 1; no BIDS field holds it.
    source : str
        The file named in errors.

    Raises
    ------
    InputError
        When a value is out of range, or the trains do not fit between the pulses; the inequality is named.
    """

    repetition_time: float
    inversion_times: tuple[float, float]
    flip_angles: tuple[float, float]
    echo_spacing: float
    shots: tuple[int, int]
    efficiency: float = DEFAULT_EFFICIENCY
    source: str = field(default="MP2RAGE", compare=False)

    def __post_init__(self) -> None:
        """Check ranges and feasibility."""
        self._check_ranges()
        for problem in self._violations():
            raise InputError(
                f"infeasible MP2RAGE timing: {problem}", file=self.source,
                remedy="check InversionTime, NumberShots (with partial Fourier: [before, after]), "
                "RepetitionTimeExcitation and RepetitionTimePreparation, all in seconds",
            )  # fmt: skip

    def _check_ranges(self) -> None:
        def check(ok: bool, key: str, value: object, wanted: str) -> None:
            if not ok:
                raise InputError(f"must be {wanted}", file=self.source, key=key, value=value)

        tr, (ti1, ti2) = self.repetition_time, self.inversion_times
        check(0 < tr < 60, "RepetitionTimePreparation", tr, "between 0 and 60 seconds")
        for ti in (ti1, ti2):
            check(0 < ti < 60, "InversionTime", ti, "between 0 and 60 seconds")
        check(ti1 < ti2, "InversionTime", (ti1, ti2), "in rising order")
        for angle in self.flip_angles:
            check(0 < angle <= 90, "FlipAngle", angle, "above 0 and at most 90 degrees")
        check(
            0 < self.echo_spacing < 0.5,
            "RepetitionTimeExcitation",
            self.echo_spacing,
            "between 0 and 0.5 seconds",
        )
        check(
            min(self.shots) >= 0 and sum(self.shots) >= 2,
            "NumberShots",
            self.shots,
            "two counts, at least 2 in sum",
        )
        check(0 < self.efficiency <= 1, "InversionEfficiency", self.efficiency, "above 0 and at most 1")

    def _violations(self) -> list[str]:
        before, after = self.shots
        spacing, (ti1, ti2) = self.echo_spacing, self.inversion_times
        pulses = f"{before} shots before the k-space center x {spacing:g} s = {before * spacing:g} s"
        train = f"{before + after} shots x {spacing:g} s = {(before + after) * spacing:g} s"
        end = f"second InversionTime {ti2:g} s + {after} shots x {spacing:g} s = {ti2 + after * spacing:g} s"
        limits = (
            f"{pulses} > first InversionTime {ti1:g} s",
            f"{train} > {ti2 - ti1:g} s between the InversionTimes",
            f"{end} > RepetitionTimePreparation {self.repetition_time:g} s",
        )
        # Rounding of decimal seconds is not a violation.
        return [text for gap, text in zip(self.gaps, limits) if gap < -1e-9]

    @property
    def gaps(self) -> tuple[float, float, float]:
        """Free recovery before, between and after the two trains (TA, TB, TC of Marques 2010), in s."""
        before, after = self.shots
        ti1, ti2 = self.inversion_times
        return (
            ti1 - before * self.echo_spacing,
            ti2 - ti1 - (before + after) * self.echo_spacing,
            self.repetition_time - ti2 - after * self.echo_spacing,
        )


@dataclass(frozen=True)
class MP2RAGE:
    """One MP2RAGE acquisition: its images and its timing.

    Either `uni` or both magnitudes `inv1` and `inv2` must be there; the phases let the uniform image be computed
    with its sign.

    Parameters
    ----------
    timing : MP2RAGETiming
        Timing of the sequence.
    uni : path, optional
        Uniform image (``UNIT1``), as stored; `harmoniq.mp2rage` brings it to -0.5 to 0.5.
    inv1, inv2 : path, optional
        Magnitudes of the two inversions.
    inv1_phase, inv2_phase : path, optional
        Their phases, in any of the kinds of `harmoniq.data.phase`.
    notes : tuple of str
        What was taken from the config, and what is not known of the images.

    Raises
    ------
    InputError
        When there is neither `uni` nor both magnitudes.
    """

    timing: MP2RAGETiming
    uni: Path | None = None
    inv1: Path | None = None
    inv2: Path | None = None
    inv1_phase: Path | None = None
    inv2_phase: Path | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check that there is something to fit."""
        if self.uni is None and (self.inv1 is None or self.inv2 is None):
            raise InputError(
                "needs a UNIT1 image, or the magnitudes of both inversions", file=self.timing.source,
                remedy="add *_UNIT1.nii.gz, or *_inv-1_MP2RAGE and *_inv-2_MP2RAGE",
            )  # fmt: skip

    @property
    def files(self) -> tuple[Path, ...]:
        """All images of the acquisition."""
        every = (self.uni, self.inv1, self.inv2, self.inv1_phase, self.inv2_phase)
        return tuple(path for path in every if path is not None)


@dataclass(frozen=True)
class MEGRE:
    """One multi-echo gradient-echo acquisition.

    Parameters
    ----------
    magnitudes : tuple of path
        One image per echo, or a single 4-D image, in the order of the echo times.
    echo_times : tuple of float
        In s (BIDS ``EchoTime``).
    phases : tuple of path
        As `magnitudes`, or empty.
    notes : tuple of str
        What a reader should know of the images.

    Raises
    ------
    InputError
        For fewer than two echoes, times that are not above 0, do not rise from echo to echo or are evidently in
        milliseconds, and for another number of images than of times (or one).
    """

    magnitudes: tuple[Path, ...]
    echo_times: tuple[float, ...]
    phases: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the echo times."""
        file = self.magnitudes[0] if self.magnitudes else "MEGRE"
        times = self.echo_times
        if len(times) < 2:
            raise InputError("R2* needs at least two echoes", file=file, key="EchoTime", value=list(times))
        if min(times) <= 0:
            raise InputError("must be above 0 seconds", file=file, key="EchoTime", value=list(times))
        if max(times) >= 0.5:
            raise InputError(
                "must be in seconds, these look like milliseconds", file=file, key="EchoTime", value=list(times),
                remedy="divide by 1000",
            )  # fmt: skip
        if any(b <= a for a, b in pairwise(times)):
            raise InputError(
                "must rise from echo to echo", file=file, key="EchoTime", value=list(times),
                remedy="check the echo entity of the file names against EchoTime in the sidecars",
            )  # fmt: skip
        if len(self.magnitudes) not in (1, len(times)):
            raise InputError(f"{len(self.magnitudes)} images for {len(times)} echo times", file=file, key="EchoTime")

    @property
    def files(self) -> tuple[Path, ...]:
        """All images of the acquisition."""
        return (*self.magnitudes, *self.phases)


@dataclass(frozen=True)
class SA2RAGE:
    """One SA2RAGE acquisition: two images after a saturation pulse, and their phases.

    Eggenschwiler et al. 2012, doi:10.1002/mrm.23145. Its timing is checked as that of MP2RAGE; the efficiency has no
    meaning.

    Parameters
    ----------
    timing : MP2RAGETiming
        Delays after the saturation pulse as inversion times, in s.
    inv1, inv2 : path
        Magnitudes of the first and the second image.
    inv1_phase, inv2_phase : path
        Their phases.
    """

    timing: MP2RAGETiming
    inv1: Path
    inv2: Path
    inv1_phase: Path
    inv2_phase: Path


@dataclass(frozen=True)
class B1Map:
    """A map of the transmit field.

    Parameters
    ----------
    image : path
        The map; of SA2RAGE the second image.
    kind : str
        BIDS suffix: TB1map, TB1TFL or TB1SRGE.
    scale : float, optional
        What nominal reads as: 10 times the flip angle in degrees in a TB1TFL's map; in a TB1map it is None, and
        recognized when the map is read (`harmoniq.mp2rage.b1`).
    anatomy : path, optional
        Image of the head that was acquired with the map, by which it is registered.
    sa2rage : SA2RAGE, optional
        Of which the map is computed.
    """

    image: Path
    kind: str
    scale: float | None = None
    anatomy: Path | None = None
    sa2rage: SA2RAGE | None = None


@dataclass(frozen=True)
class DWI:
    """One diffusion acquisition.

    Parameters
    ----------
    image : path
        4-D image.
    bvals : path
        FSL's table of b-values, s/mm².
    bvecs : path
        FSL's table of directions, unit vectors in the image's axes.
    preprocessed : bool
        Whether motion and distortion have been corrected already.
    """

    image: Path
    bvals: Path
    bvecs: Path
    preprocessed: bool = False
