"""The report of each participant, written from what lies in the derivatives, also when something failed."""

import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harmoniq.cli.discover import Discovery
from harmoniq.data.errors import InputError
from harmoniq.data.files import read_json
from harmoniq.data.inputs import SessionInputs
from harmoniq.data.provenance import versions
from harmoniq.data.tables import read_tsv
from harmoniq.jobs.timings import keep_timings, read_timings
from harmoniq.settings.load import as_dict
from harmoniq.settings.schema import Settings

if TYPE_CHECKING:
    import pandas as pd

    from harmoniq.report.failures import Failure
    from harmoniq.report.group_place import GroupValues
    from harmoniq.report.images import ReportFigure
    from harmoniq.workflows.map_engines import MapEngines
    from harmoniq.workflows.study import RunSummary

_ENDED = "The run was ended before this page was whole: pictures and tables may be missing, or those of an earlier run."


def write_reports(
    out_dir: Path,
    found: Discovery,
    settings: Settings,
    engines: "MapEngines",
    summary: "RunSummary",
    *,
    ended: bool = False,
) -> dict[str, str]:
    """Write ``sub-X.html`` of every participant that was asked for, and what the page of all is made of.

    Parameters
    ----------
    out_dir : Path
        Folder of the results.
    found : Discovery
        Sessions of the run, and those that were refused.
    settings : Settings
        Of the study, with the flags over it.
    engines : MapEngines
        What makes maps, surfaces and bundles.
    summary : RunSummary
        What failed, and what each node took.
    ended : bool, optional
        Whether a signal has ended the run: then nothing more is measured or drawn, and the pages say so.

    Returns
    -------
    dict of str to str
        Participants (without ``sub-``) whose page could not be made whole, and why.
    """
    from harmoniq.report.group_place import GroupValues
    from harmoniq.report.qc.collect import people_of
    from harmoniq.report.qc.measure import write_session_metrics
    from harmoniq.report.qc.thumbnails import write_thumbnails

    failed: dict[str, str] = {}
    people = people_of(out_dir / "participants.tsv", settings.columns)
    group = GroupValues.read(out_dir / "group", people, settings.study.control_group)
    participants = dict.fromkeys(
        [inputs.participant for inputs in found.sessions] + [label[4:].split("_ses-")[0] for label in found.refused]
    )
    for participant in participants:
        sessions = [inputs for inputs in found.sessions if inputs.participant == participant]
        try:
            for inputs in () if ended else sessions:
                keep_timings(out_dir, inputs.label, summary.measures.get(inputs.label, ()))
                write_session_metrics(out_dir, inputs)
            said = _write_report(out_dir, participant, sessions, found, settings, engines, summary, group, ended)
            failed |= {participant: said} if said else {}
            for inputs in () if ended else sessions:
                write_thumbnails(out_dir / f"sub-{participant}" / "figures", inputs.label)
        except InputError as error:
            failed[participant] = str(error)
        except Exception as error:  # the page of one participant must not cost the others theirs
            failed[participant] = f"its report could not be made: {type(error).__name__}: {error}"
            _write_plain_report(out_dir, participant, found, summary, traceback.format_exc(), error)
    return failed


def _write_report(
    out_dir: Path,
    participant: str,
    sessions: Sequence[SessionInputs],
    found: Discovery,
    settings: Settings,
    map_engines: "MapEngines",
    summary: "RunSummary",
    group: "GroupValues | None",
    ended: bool,
) -> str:
    """Write a participant's page; return what of it could not be drawn."""
    import pandas as pd

    from harmoniq.report.participant import ParticipantReport, write_participant_report

    failures = _failures(participant, found, summary)
    tables = [read_tsv(path) for inputs in sessions if (path := _table_path(out_dir, inputs)).is_file()]
    fitted = [(inputs, inputs.mp2rage) for inputs in sessions if inputs.mp2rage and "R1" not in inputs.maps]
    warnings = [note for _, mp2rage in fitted for note in mp2rage.notes]
    figures, undrawn = _figures(out_dir, sessions, draw=not ended)
    failures += undrawn
    errors = [f"{failure.label}: {failure.sentence}" for failure in failures]
    notes = [note for inputs in sessions for note in inputs.notes]
    notes += [_ENDED] if ended else []
    notes += _b1_notes(out_dir, sessions) + _table_notes(out_dir, sessions)
    context = ParticipantReport(
        participant_id=f"sub-{participant}",
        inputs=_found_files(sessions),
        engines=[row for inputs in sessions for row in _engine_rows(inputs, settings, map_engines)],
        figures=figures,
        timings_mp2rage={inputs.session or "": mp2rage.timing for inputs, mp2rage in fitted},
        engine_tables=_engine_tables(out_dir, sessions),
        regions=pd.concat(tables, ignore_index=True) if tables else None,
        notes=[note for note in dict.fromkeys(notes) if note not in warnings],
        warnings=list(dict.fromkeys(warnings)),
        settings=as_dict(settings),
        versions=versions(),
        error="\n".join(errors) or None,
        failures=failures,
        measures=[tuple(m) for inputs in sessions for m in read_timings(out_dir, inputs.label)],  # type: ignore[misc]
        group=group,
        sessions=[inputs.session for inputs in sessions if inputs.session],
        lesions=_lesions(out_dir, sessions),
        surface_quality=_surface_quality(out_dir, sessions),
        surface_tables=_surface_tables(out_dir, sessions),
        lesion_notes=[f"{i.label}: {note}" for i in sessions for note in i.notes if "lesion" in note],
    )
    write_participant_report(out_dir / f"sub-{participant}.html", context)
    return "; ".join(failure.sentence for failure in undrawn)


def _failures(participant: str, found: Discovery, summary: "RunSummary") -> "list[Failure]":
    """Return all that went wrong with a participant: what was refused, and every step that failed."""
    from harmoniq.report.failures import Failure

    refused = [
        Failure(label, str(error), bad_input=True)
        for label, error in found.refused.items()
        if _is_of(label, participant)
    ]
    told = summary.everything or list(summary.failures.items())
    return refused + [
        Failure(
            label, said.sentence, said.stage, said.node, said.crash_file, said.traceback, said.bad_input, said.remedy
        )
        for label, said in told
        if _is_of(label, participant)
    ]


def _write_plain_report(
    out_dir: Path, participant: str, found: Discovery, summary: "RunSummary", words: str, error: Exception
) -> None:
    """Write a page that has nothing but what went wrong: with the participant, and with the page itself."""
    from harmoniq.report.failures import Failure
    from harmoniq.report.participant import ParticipantReport, write_participant_report

    label = f"sub-{participant}"
    said = f"{type(error).__name__}: {error}"
    failures = _failures(participant, found, summary)
    failures.append(Failure(label, f"the report could not be made: {said}", "report", traceback=words))
    text = "\n".join(f"{failure.label}: {failure.sentence}" for failure in failures)
    context = ParticipantReport(participant_id=label, error=text, failures=failures, versions=versions())
    write_participant_report(out_dir / f"{label}.html", context)


def _engine_rows(inputs: SessionInputs, settings: Settings, map_engines: "MapEngines") -> list[dict[str, str]]:
    """Return what made each part of a session, and why it was taken."""
    from harmoniq.workflows.engines import engine_names

    why = {"R1": map_engines.r1.reason, "R2star": map_engines.r2star.reason, "tractometry": "asked for"}
    why |= dict.fromkeys(inputs.maps, "an existing map, named with --derivatives")
    if inputs.freesurfer is None:
        why["surfaces"] = map_engines.surfaces.reason
    if inputs.dwi:
        why["bundles"] = map_engines.bundles.reason
    return [
        {
            "session": inputs.session or "n/a", "stage": stage, "engine": engine,
            "why": why.get(stage, "existing results"),
        }
        for stage, engine in engine_names(inputs, settings, map_engines).items()
    ]  # fmt: skip


def _found_files(sessions: Sequence[SessionInputs]) -> list[dict[str, str]]:
    """Return the images of each session, and the maps that were taken."""
    rows = []
    for inputs in sessions:
        groups = {"MP2RAGE": inputs.mp2rage, "ME-GRE": inputs.megre}
        files = [(kind, path) for kind, group in groups.items() if group is not None for path in group.files]
        files += [(f"{metric} map", existing.path) for metric, existing in inputs.maps.items()]
        rows += [{"session": inputs.session or "n/a", "acquisition": kind, "file": path.name} for kind, path in files]
    return rows


def _is_of(label: str, participant: str) -> bool:
    return label == f"sub-{participant}" or label.startswith(f"sub-{participant}_")


def _table_path(out_dir: Path, inputs: SessionInputs) -> Path:
    folder = out_dir.joinpath(*inputs.label.split("_"))
    return folder / f"{inputs.label}_regions.tsv"


def _surface_quality(out_dir: Path, sessions: Sequence[SessionInputs]) -> dict[str, dict[str, Any]]:
    """Return the figures of surfaces that the embedded engine made, by session."""
    paths = {
        inputs.label: out_dir.joinpath(*inputs.label.split("_"), "anat", f"{inputs.label}_desc-quality_surfaces.json")
        for inputs in sessions
        if inputs.freesurfer is None
    }
    return {label: read_json(path) for label, path in paths.items() if path.is_file()}


def _surface_tables(out_dir: Path, sessions: Sequence[SessionInputs]) -> "dict[str, pd.DataFrame]":
    """Return the values along two engines' surfaces, by session."""
    paths = {
        inputs.label: out_dir.joinpath(*inputs.label.split("_"), "anat", f"{inputs.label}_desc-engines_surfaces.tsv")
        for inputs in sessions
        if inputs.compared_surfaces is not None
    }
    return {label: read_tsv(path) for label, path in paths.items() if path.is_file()}


def _engine_tables(out_dir: Path, sessions: Sequence[SessionInputs]) -> "dict[str, pd.DataFrame]":
    """Return what the comparison of two engines found, by its title."""
    found: dict[str, pd.DataFrame] = {}
    for inputs in sessions:
        for metric, word in (("R1", "R1"), ("R2star", "R2*")):
            folder, stem = out_dir.joinpath(*inputs.label.split("_")), f"{inputs.label}_desc-engines_{metric}map"
            titles = {
                folder / "anat" / f"{stem}.tsv": f"{word}, native against reference ({inputs.label})",
                folder
                / "dwi"
                / f"{stem}_profiles.tsv": f"{word} along bundles, native against SCILPY ({inputs.label})",
            }
            found |= {title: read_tsv(path) for path, title in titles.items() if path.is_file()}
    return found


def _b1_notes(out_dir: Path, sessions: Sequence[SessionInputs]) -> list[str]:
    """Return a sentence on each session's B1+ map: its unit, its median, and how it was placed."""
    notes = []
    for inputs in sessions:
        folder = out_dir.joinpath(*inputs.label.split("_"), "fmap")
        path = folder / f"{inputs.label}_space-UNIT1_TB1map.json"
        if inputs.b1 is not None and path.is_file():
            facts = read_json(path)
            moved = f", moved by {facts['B1MotionMillimeters']} mm" if "B1MotionMillimeters" in facts else ""
            notes.append(
                f"B1+ map {inputs.b1.image.name}: {facts['B1Units']}, median {facts['B1Median']:g}, "
                f"placed {facts['B1Placement']}{moved}"
            )
    return notes


def _table_notes(out_dir: Path, sessions: Sequence[SessionInputs]) -> list[str]:
    """Return what the nodes said of the regional values."""
    said: list[str] = []
    for inputs in sessions:
        sidecar = _table_path(out_dir, inputs).with_suffix(".json")
        said += read_json(sidecar).get("Notes", []) if sidecar.is_file() else []
    return said


def _lesions(out_dir: Path, sessions: Sequence[SessionInputs]) -> list[dict[str, object]]:
    """Return what was left out for lesions, from the tables' sidecars."""
    rows: list[dict[str, object]] = []
    for inputs in sessions:
        sidecar = _table_path(out_dir, inputs).with_suffix(".json")
        found = read_json(sidecar).get("Lesions") if sidecar.is_file() else None
        for metric, facts in found.items() if isinstance(found, dict) else ():
            rows.append({"session": inputs.session, "metric": metric, **facts})
    return rows


def _figures(
    out_dir: Path, sessions: Sequence[SessionInputs], *, draw: bool
) -> "tuple[list[ReportFigure], list[Failure]]":
    """Return the figures of all sessions; one that cannot be drawn is said, and does not stop the page."""
    from harmoniq.report.failures import Failure
    from harmoniq.report.session_figures import session_figures

    figures: list[ReportFigure] = []
    failures: list[Failure] = []
    for inputs in sessions:
        timing = None if inputs.mp2rage is None or "R1" in inputs.maps else inputs.mp2rage.timing
        try:
            figures += session_figures(out_dir, inputs.label, timing=timing, draw=draw)
        except InputError as error:
            failures.append(Failure(inputs.label, str(error), "report", bad_input=True))
            figures += session_figures(out_dir, inputs.label, draw=False)
    return figures, failures
