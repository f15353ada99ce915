"""MP2RAGE timing out of sidecars and config, and the checks of the acquisition objects."""

from pathlib import Path

import pytest

from harmoniq.data.acquisitions import MEGRE, MP2RAGE, MP2RAGETiming
from harmoniq.data.errors import InputError
from harmoniq.data.metadata import mp2rage_timing

COMMON = {"RepetitionTimePreparation": 6.0, "RepetitionTimeExcitation": 0.0069, "NumberShots": 176}
INVERSIONS = ({"InversionTime": 0.7, "FlipAngle": 6.0, **COMMON}, {"InversionTime": 2.4, "FlipAngle": 6.0, **COMMON})


def timing(first=None, second=None, uniform=None, site=None):
    notes = []
    sidecars = (INVERSIONS[0] | (first or {}), INVERSIONS[1] | (second or {}), uniform or {})
    found = mp2rage_timing(sidecars, site or {}, 0.96, file="a.json", notes=notes)
    return found, notes


def test_scalar_number_of_shots_means_half_and_half():
    found, notes = timing()
    assert found == MP2RAGETiming(6.0, (0.7, 2.4), (6.0, 6.0), 0.0069, (88, 88), 0.96)
    assert notes == []
    assert found.gaps == pytest.approx((0.7 - 88 * 0.0069, 1.7 - 176 * 0.0069, 6 - 2.4 - 88 * 0.0069))


def test_pair_of_shots_and_efficiency():
    found, _ = timing({"NumberShots": [66, 88], "InversionEfficiency": 0.9}, {"NumberShots": [66, 88]})
    assert found.shots == (66, 88)
    assert found.efficiency == 0.9


def test_config_fills_in_and_sidecar_wins():
    first = {key: value for key, value in INVERSIONS[0].items() if key != "RepetitionTimeExcitation"}
    second = {key: value for key, value in INVERSIONS[1].items() if key != "RepetitionTimeExcitation"}
    notes = []
    site = {"RepetitionTimeExcitation": 0.0065, "NumberShots": 160}
    found = mp2rage_timing((first, second, {}), site, 0.96, file="a.json", notes=notes)
    assert found.echo_spacing == 0.0065
    assert found.shots == (88, 88)
    assert any("taken from the config" in note for note in notes)
    assert any("contradicts" in note and "sidecar wins" in note for note in notes)


@pytest.mark.parametrize(
    ("first", "said"),
    [
        ({"InversionTime": None}, "InversionTime: missing for the first inversion"),
        ({"RepetitionTimePreparation": 5.0}, "differs between the inversions"),
        ({"InversionTime": 700}, "between 0 and 60 seconds"),
        ({"InversionTime": 2.5}, "rising order"),
        ({"FlipAngle": "six"}, "must be a number"),
    ],
)
def test_bad_metadata(first, said):
    with pytest.raises(InputError, match=said):
        timing(first)


def test_nothing_known_of_a_key():
    without = [{k: v for k, v in sidecar.items() if k != "NumberShots"} for sidecar in INVERSIONS]
    with pytest.raises(InputError, match=r"NumberShots: missing; add it to the sidecar, or give it per site"):
        mp2rage_timing((*without, {}), {}, 0.96, file="a.json", notes=[])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shots": (112, 112)}, r"112 shots before the k-space center .* > first InversionTime 0.7 s"),
        ({"shots": (50, 250)}, r"300 shots .* between the InversionTimes"),
        ({"repetition_time": 2.5}, r"> RepetitionTimePreparation 2.5 s"),
    ],
)
def test_infeasible_timing_names_the_inequality(change, said):
    values = {
        "repetition_time": 6.0, "inversion_times": (0.7, 2.4), "flip_angles": (6.0, 6.0),
        "echo_spacing": 0.0069, "shots": (88, 88),
    }  # fmt: skip
    with pytest.raises(InputError, match=said):
        MP2RAGETiming(**(values | change))


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ((6.14, 10.14), "look like milliseconds"),
        ((0.010, 0.006), "must rise"),
        ((0.006, 0.006), "must rise"),
        ((0.006,), "at least two echoes"),
        ((-0.001, 0.006), "above 0"),
    ],
)
def test_bad_echo_times(times, said):
    with pytest.raises(InputError, match=said):
        MEGRE(tuple(Path(f"e{k}.nii") for k in range(len(times))), times)


def test_mp2rage_needs_an_image():
    with pytest.raises(InputError, match="needs a UNIT1 image"):
        MP2RAGE(timing()[0], inv1=Path("only_one.nii"))
