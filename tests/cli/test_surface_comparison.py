"""A session's maps along two sets of surfaces: with the same surfaces on both sides nothing may differ."""

import dataclasses
import os
from pathlib import Path

import pytest

from harmoniq.cli.discover import discover
from harmoniq.data.tables import read_tsv
from harmoniq.settings.schema import Settings
from harmoniq.workflows.map_engines import choose_map_engines
from harmoniq.workflows.session import init_session_wf
from harmoniq.workflows.study import configure_nipype
from harmoniq.workflows.surface_engines import SurfaceEngine

LABEL = "sub-S1C001"
CATSURF = SurfaceEngine("catsurf", "1.1.6", "asked for", wanted="catsurf")


def find(cohort, engine, subjects: Path | None = None):
    found = discover(
        cohort, Settings(), participants=["S1C001"], surface_engine=engine, fs_subjects_dir=subjects,
        stages=["maps", "regions"],
    )  # fmt: skip
    return found.sessions[0]


def test_an_existing_subject_is_compared_only_where_the_embedded_engine_was_asked_for(cohort, tmp_path):
    subject = cohort / "derivatives" / "freesurfer" / LABEL
    asked, auto = find(cohort, CATSURF), find(cohort, dataclasses.replace(CATSURF, wanted="auto"))
    assert (asked.freesurfer, asked.compared_surfaces) == (None, subject)
    assert (auto.freesurfer, auto.compared_surfaces) == (subject, None)
    # One that is not finished is not set beside anything.
    (tmp_path / LABEL).mkdir()
    other = find(cohort, CATSURF, tmp_path)
    assert other.compared_surfaces is None
    assert any("set beside no others" in note for note in other.notes)


@pytest.mark.slow
def test_the_same_surfaces_give_the_same_values(cohort, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings, inputs = Settings(), find(cohort, None)
    inputs = dataclasses.replace(inputs, compared_surfaces=inputs.freesurfer, megre=None)
    configure_nipype(log_dir=tmp_path / "logs", stop_on_first_crash=True, verbose=0)
    workflow = init_session_wf(
        inputs=inputs, settings=settings, engines=choose_map_engines(settings), out_dir=tmp_path / "out",
        stages=["maps", "surfaces", "regions"],
    )  # fmt: skip
    workflow.base_dir = os.fspath(tmp_path / "work")
    workflow.run()
    table = read_tsv(tmp_path / "out" / LABEL / "anat" / f"{LABEL}_desc-engines_surfaces.tsv")
    regions = read_tsv(tmp_path / "out" / LABEL / f"{LABEL}_regions.tsv")
    assert len(table) == len(regions) == 2 * 2 * 41
    assert (table["difference"] == 0).all()
    assert sorted(table["embedded"].round(6)) == sorted(regions["value"].round(6))
    assert (table["n_embedded"] == table["n_existing"]).all()
