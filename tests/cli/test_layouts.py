"""Datasets as users have them: sessions, uncompressed images, inherited sidecars, scaled integers, missing parts."""

import json

import nibabel as nib
import numpy as np
import pytest

RUN = ("participant", "--stages", "maps", "--nprocs", "1", "--skip-bids-validation")


def run(harmoniq, tiny, *words):
    done = harmoniq("run", tiny.root, "out", *RUN, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def load(path):
    return nib.load(path).get_fdata()


@pytest.fixture
def expected(harmoniq, tiny, tmp_path):
    """The maps of the plain layout: compressed integers, part-mag, a sidecar for each image."""
    tiny.add("plain")
    run(harmoniq, tiny)
    anat = tmp_path / "out/sub-plain/anat"
    return load(anat / "sub-plain_R1map.nii.gz"), load(anat / "sub-plain_R2starmap.nii.gz")


def test_maps_are_what_was_planted(expected, tiny):
    """R2* exactly as planted (noise-free but for rounding); R1 finite everywhere, all over the field of view."""
    head, _, y = tiny.blob()
    r1, r2star = expected
    assert np.abs(r2star[head] - (20 + 5 * y)[head]).max() < 0.5  # integers of some 600: 0.1 % of the signal
    assert np.isfinite(r1).all()
    assert (r1 > 0).all()
    assert r1.shape == head.shape


def test_layouts_give_the_same_maps(expected, harmoniq, tiny, tmp_path):
    """One run over all layouts: two sessions, .nii, no part entity, scale factors."""
    tiny.add("two", "a")
    tiny.add("two", "b", extension=".nii")
    tiny.add("nopart", part="")
    tiny.add("scaled", slope=2.0)
    run(harmoniq, tiny, "--nprocs", "2")
    out = tmp_path / "out"
    for stem in ("sub-two/ses-a/anat/sub-two_ses-a", "sub-two/ses-b/anat/sub-two_ses-b", "sub-nopart/anat/sub-nopart"):
        for name, wanted in zip(("R1map", "R2starmap"), expected, strict=True):
            np.testing.assert_array_equal(load(out / f"{stem}_{name}.nii.gz"), wanted)
    # Odd integers cannot be kept with a slope of 2: half a unit of some 600 in the signal.
    head, _, y = tiny.blob()
    scaled = load(out / "sub-scaled/anat/sub-scaled_R2starmap.nii.gz")
    assert np.abs(scaled[head] - (20 + 5 * y)[head]).max() < 1.0
    np.testing.assert_allclose(
        load(out / "sub-scaled/anat/sub-scaled_R1map.nii.gz")[head], expected[0][head], rtol=2e-3
    )
    assert (out / "sub-two.html").exists()


def test_sidecars_only_at_the_root(expected, harmoniq, tiny, tmp_path):
    """BIDS's inheritance: all metadata in the dataset's root."""
    folder = tiny.add("inherit")
    for path in sorted(folder.glob("*.json")):
        name = path.name.replace("sub-inherit_", "").replace("_part-mag", "_part-mag")
        (tiny.root / name).write_text(path.read_text())
        path.unlink()
    run(harmoniq, tiny, "--participant-label", "inherit")
    anat = tmp_path / "out/sub-inherit/anat"
    np.testing.assert_array_equal(load(anat / "sub-inherit_R1map.nii.gz"), expected[0])
    np.testing.assert_array_equal(load(anat / "sub-inherit_R2starmap.nii.gz"), expected[1])


@pytest.mark.parametrize(("missing", "said"), [("megre", "no ME-GRE: no R2*"), ("mp2rage", "no MP2RAGE: no R1")])
def test_subject_with_one_of_the_two(harmoniq, tiny, tmp_path, missing, said):
    tiny.add("half", **{missing: False})
    done = run(harmoniq, tiny)
    assert said in done.stdout
    found = {path.name for path in (tmp_path / "out/sub-half/anat").glob("*.nii.gz")}
    assert ("sub-half_R1map.nii.gz" in found) == (missing == "megre")
    assert ("sub-half_R2starmap.nii.gz" in found) == (missing == "mp2rage")
    assert said.split(":")[0] in (tmp_path / "out/sub-half.html").read_text()


def test_config_gives_what_scanners_do_not_write(expected, harmoniq, tiny, tmp_path):
    tiny.add("bare")
    for pattern in ("sub-bare*MP2RAGE.json", "sub-bare*UNIT1.json"):
        tiny.edit(pattern, NumberShots=None, RepetitionTimeExcitation=None)
    config = tmp_path / "study.toml"
    config.write_text("[sites.site1.MP2RAGE]\nNumberShots = [88, 88]\nRepetitionTimeExcitation = 0.0069\n")
    run(harmoniq, tiny, "--participant-label", "bare", "--config", config)
    anat = tmp_path / "out/sub-bare/anat"
    np.testing.assert_array_equal(load(anat / "sub-bare_R1map.nii.gz"), expected[0])
    notes = json.loads((anat / "sub-bare_R1map.json").read_text())["Notes"]
    assert any("NumberShots = [88, 88] is taken from the config" in note for note in notes)


def test_filter_file_chooses_among_acquisitions(harmoniq, tiny, tmp_path):
    folder = tiny.add("acq")
    for path in sorted(folder.glob("*UNIT1*")):
        path.rename(path.with_name(path.name.replace("_UNIT1", "_acq-hires_UNIT1")))
    for path in sorted(folder.glob("*acq-hires_UNIT1*")):
        path.with_name(path.name.replace("acq-hires", "acq-fast")).write_bytes(path.read_bytes())
    done = harmoniq("run", tiny.root, "out", *RUN)
    assert done.returncode == 2
    assert "2 images fit" in done.stderr
    assert "--bids-filter-file" in done.stderr
    (tmp_path / "filter.json").write_text(json.dumps({"unit1": {"acquisition": "hires"}}))
    run(harmoniq, tiny, "--bids-filter-file", "filter.json")


def test_options_of_the_run(harmoniq, tiny, tmp_path):
    """The graph, a database of the layout that is reused, no work folder left behind, a plugin of Nipype's own."""
    tiny.add("01")
    run(harmoniq, tiny, "--write-graph", "--clean-work-dir", "--bids-database-dir", "db")
    assert "digraph" in (tmp_path / "out/logs/graph.dot").read_text()
    assert not (tmp_path / "out/work").exists()
    assert (tmp_path / "db").is_dir()
    run(harmoniq, tiny, "--bids-database-dir", "db", "--nipype-plugin", "Linear")
    (tmp_path / "plugin.json").write_text(json.dumps({"plugin": "Nope"}))
    done = harmoniq("run", tiny.root, "out", *RUN, "--nipype-plugin-file", "plugin.json")
    assert done.returncode == 2
    assert "Nipype has no such plugin" in done.stderr


def test_dry_run_does_nothing(harmoniq, tiny, tmp_path):
    tiny.add("01")
    done = run(harmoniq, tiny, "--dry-run")
    assert "sub-01: MP2RAGE" in done.stdout
    assert not (tmp_path / "out").exists()


def test_maps_alone(harmoniq, tiny):
    """Regional tables without surfaces or bundles are a note; the group level of maps alone ends well."""
    tiny.add("01")
    words = ("--stages", "maps", "regions", "--nprocs", "1", "--skip-bids-validation")
    done = harmoniq("run", tiny.root, "out", "participant", *words)
    assert done.returncode == 0, done.stderr
    assert "no regional table without surfaces or bundles: add them to --stages" in done.stdout
    done = harmoniq("run", tiny.root, "out", "group", "--stages", "maps")
    assert done.returncode == 0, done.stderr
    assert "No regional tables were asked for" in done.stdout and "qc.html" in done.stdout
