"""What the images were acquired with, from their sidecars and headers to the sidecar of the regional table."""

import json

from harmoniq.cli.discover import discover
from harmoniq.settings.load import load_settings


def write_gradients(stem, values):
    stem.with_suffix(".bval").write_text(" ".join(map(str, values)))
    stem.with_suffix(".bvec").write_text("\n".join(" ".join(["0"] * len(values)) for _ in range(3)))


def test_parameters_of_a_session(tiny):
    anat = tiny.add("01")
    tiny.edit("*_UNIT1.json", AcquisitionDuration=452)
    for path in sorted(anat.glob("*inv-1*_MP2RAGE.json")):
        path.write_text(
            json.dumps({**json.loads(path.read_text()), "AcquisitionDuration": 452, "Manufacturer": "Siemens"})
        )
    tiny.edit("*_MEGRE.json", RepetitionTimeExcitation=0.044, FlipAngle=20)
    dwi = anat.parent / "dwi"
    dwi.mkdir()
    source = sorted(anat.glob("*_UNIT1.nii.gz"))[0].read_bytes()
    for run, values in ((1, [0, 0, 995, 1005, 1000]), (2, [5, 2000, 2010])):
        stem = dwi / f"sub-01_run-{run}_dwi"
        stem.with_suffix(".nii.gz").write_bytes(source)
        write_gradients(stem, values)
    found = discover(tiny.root, load_settings())
    (session,) = found.sessions
    parameters = session.parameters
    assert parameters["MP2RAGE"]["RepetitionTimePreparation"] == 6.0 and parameters["MP2RAGE"]["NumberShots"] == [
        88,
        88,
    ]
    assert parameters["MP2RAGE"]["InversionTime"] == [0.7, 2.4]
    assert parameters["MP2RAGE"]["AcquisitionDuration"] == 452 and parameters["MP2RAGE"]["Manufacturer"] == "Siemens"
    assert parameters["MEGRE"]["EchoTime"] == [0.006, 0.010, 0.014, 0.018]
    assert parameters["MEGRE"]["RepetitionTimeExcitation"] == 0.044
    assert parameters["MEGRE"]["VoxelSize"] == [4.0, 4.0, 4.0] and parameters["MEGRE"]["Matrix"] == [24, 28, 20]
    # Two runs of one session, shells as the protocol has them and not as each gradient turned out.
    assert parameters["DWI"]["BValues"] == [0, 1000, 2005] and parameters["DWI"]["Directions"] == [3, 3, 2]


def test_b_values_are_inherited_and_phase_is_not_counted(tiny):
    anat = tiny.add("01")
    dwi = anat.parent / "dwi"
    dwi.mkdir()
    source = sorted(anat.glob("*_UNIT1.nii.gz"))[0].read_bytes()
    for part in ("mag", "phase"):
        (dwi / f"sub-01_part-{part}_dwi.nii.gz").write_bytes(source)
    write_gradients(tiny.root / "dwi", [0, 1000, 1000])
    (session,) = discover(tiny.root, load_settings()).sessions
    assert session.parameters["DWI"]["BValues"] == [0, 1000] and session.parameters["DWI"]["Directions"] == [1, 2]
