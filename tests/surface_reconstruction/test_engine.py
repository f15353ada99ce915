"""Which engine makes the surfaces: what is asked for, what is installed, and what the images permit."""

from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest

from harmoniq.settings.schema import Settings, SurfaceSettings
from harmoniq.surface.reconstruction import installed
from harmoniq.surface.reconstruction.suitable import unsuitable
from harmoniq.workflows.engines import surface_program
from harmoniq.workflows.surface_engines import choose_surface_engine


def asked(engine):
    return Settings(surfaces=SurfaceSettings(engine=engine))


@pytest.fixture
def no_freesurfer(monkeypatch):
    monkeypatch.delenv("FREESURFER_HOME", raising=False)


@pytest.fixture
def nothing_installed(monkeypatch):
    monkeypatch.setattr(installed, "PACKAGES", {"no-such-distribution": "no_such_module"})


def image(path: Path, shape, size) -> Path:
    nib.save(nib.Nifti1Image(np.zeros(shape, np.uint8), np.diag([*size, 1.0])), path)
    return path


def test_auto_takes_the_embedded_engine_where_freesurfer_is_not(no_freesurfer):
    pytest.importorskip("cat_surf", reason="cat-surf is not installed (extra surfaces)")
    for wanted in ("auto", "catsurf"):
        engine = choose_surface_engine(asked(wanted))
        assert (engine.name, engine.version, engine.wanted) == ("catsurf", metadata.version("cat-surf"), wanted)
        # What it costs is said, not only that it was taken.
        assert "mm (mean) from FreeSurfer's" in engine.reason


def test_without_either_a_sentence_says_what_would_mend_it(no_freesurfer, nothing_installed):
    engine = choose_surface_engine(asked("auto"))
    assert not engine.builds
    assert engine.error is None
    assert "no-such-distribution" in engine.reason
    assert "harmoniq[surfaces]" in engine.reason


def test_asked_for_and_absent_is_an_error(no_freesurfer, nothing_installed):
    engine = choose_surface_engine(asked("catsurf"))
    assert not engine.builds
    assert "harmoniq[surfaces]" in str(engine.error)


def test_presence_is_told_without_importing_the_gpl_library(no_freesurfer):
    import subprocess
    import sys

    pytest.importorskip("cat_surf", reason="cat-surf is not installed (extra surfaces)")
    code = (
        "import sys; from harmoniq.workflows.surface_engines import choose_surface_engine; "
        "from harmoniq.settings.schema import Settings; print(choose_surface_engine(Settings()).name, "
        "[name for name in sys.modules if name.split('.')[0] in ('cat_surf', 'ants')])"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split(maxsplit=1) == ["catsurf", "[]\n"]


def test_images_without_room_for_a_head_are_left_alone(tmp_path):
    assert unsuitable(image(tmp_path / "a.nii", (176, 240, 256), (1, 1, 1))) is None
    assert "voxels of 2 mm are too coarse" in unsuitable(image(tmp_path / "b.nii", (88, 120, 128), (2, 2, 2)))
    assert "field of view of 40 mm is too small" in unsuitable(image(tmp_path / "c.nii", (40, 240, 256), (1, 1, 1)))


def test_an_engine_that_cannot_is_not_used(no_freesurfer, tmp_path):
    pytest.importorskip("cat_surf", reason="cat-surf is not installed (extra surfaces)")
    engine = choose_surface_engine(asked("auto"))
    for size, fits in ((1, True), (4, False)):
        path = image(tmp_path / f"{size}.nii", (200 // size,) * 3, (size,) * 3)
        session = SimpleNamespace(mp2rage=SimpleNamespace(files=[path]))
        assert engine.builds_for(session) is fits
    assert not engine.builds_for(SimpleNamespace(mp2rage=None))


def test_the_program_behind_a_subject(tmp_path):
    (tmp_path / "scripts").mkdir()
    stamp = tmp_path / "scripts" / "build-stamp.txt"
    stamp.write_text("harmoniq-catsurf-1.1.6 made by harmoniq with cat-surf\n")
    assert surface_program(tmp_path) == ("catsurf", "1.1.6")
    stamp.write_text("freesurfer-linux-centos7_x86_64-7.3.2-20220804-6354275\n")
    assert surface_program(tmp_path)[0] == "freesurfer"
