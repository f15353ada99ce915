"""What there is to process: participants, sessions, their images, and results that exist already."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harmoniq.cli.discover_bundles import BundleSearch
from harmoniq.cli.discover_lesions import LesionSearch, samseg_state
from harmoniq.data.bids import (
    check_dataset,
    check_sessions,
    find_participants,
    find_sessions,
    index_dataset,
    read_filters,
    session_label,
)
from harmoniq.data.errors import InputError
from harmoniq.data.existing_maps import ExistingMap, find_map
from harmoniq.data.inputs import SessionInputs, find_acquisitions
from harmoniq.data.tables import read_tsv
from harmoniq.settings.schema import Settings
from harmoniq.surface.recon_all import is_reconstructed
from harmoniq.surface.subject import check_finished_subject

if TYPE_CHECKING:
    from harmoniq.workflows.bundle_engines import BundleEngine
    from harmoniq.workflows.surface_engines import SurfaceEngine


@dataclasses.dataclass(frozen=True)
class Discovery:
    """Sessions that can be processed, and those that cannot.

    Parameters
    ----------
    sessions : tuple of SessionInputs
        What each that can be processed has.
    refused : mapping of str to InputError
        By label (``sub-X`` or ``sub-X_ses-Y``), why it cannot be.
    """

    sessions: tuple[SessionInputs, ...]
    refused: Mapping[str, InputError]


def discover(
    bids_dir: Path,
    settings: Settings,
    *,
    participants: Sequence[str] | None = None,
    sessions: Sequence[str] | None = None,
    filter_file: Path | None = None,
    database_dir: Path | None = None,
    derivatives: Sequence[Path] = (),
    fs_subjects_dir: Path | None = None,
    stages: Sequence[str] | None = None,
    built_subjects: Path | None = None,
    surface_engine: "SurfaceEngine | None" = None,
    fs_license_file: Path | None = None,
    bundle_engine: "BundleEngine | None" = None,
) -> Discovery:
    """Find all sessions of the participants and what each has.

    Parameters
    ----------
    bids_dir : Path
        Raw BIDS dataset.
    settings : Settings
        Of the study, with the flags over it.
    participants : sequence of str or None, optional
        Labels of the participants, with or without ``sub-``; None: all.
    sessions : sequence of str or None, optional
        Labels of the sessions, with or without ``ses-``; None: all.
    filter_file : Path or None, optional
        JSON with further entities per query; None: none.
    database_dir : Path or None, optional
        Folder of a PyBIDS database, read where it exists, else written; None: in memory.
    derivatives : sequence of Path, optional
        Folders of existing results, which go before those in the dataset's ``derivatives``.
    fs_subjects_dir : Path or None, optional
        Folder of existing FreeSurfer subjects; None: ``derivatives/freesurfer`` of the dataset.
    stages : sequence of str or None, optional
        Stages asked for; None: all that the data permit.
    built_subjects : Path or None, optional
        Folder of the subjects that earlier runs have reconstructed; None: none.
    surface_engine : SurfaceEngine or None, optional
        Engine of the surfaces; None: existing ones only.
    fs_license_file : Path or None, optional
        FreeSurfer's license; None: where FreeSurfer looks.
    bundle_engine : BundleEngine or None, optional
        Engine of the bundles; None: existing ones only.

    Returns
    -------
    Discovery
        In the order of the labels.

    Raises
    ------
    InputError
        For what concerns the whole dataset, such as a folder that is absent; what concerns one session is returned in
        ``refused``.
    """
    check_dataset(bids_dir)
    filters = read_filters(filter_file)
    labels = find_participants(bids_dir, participants)
    check_sessions(bids_dir, labels, sessions)
    sites = participant_sites(bids_dir / "participants.tsv", settings.columns)
    groups = participant_column(bids_dir / "participants.tsv", settings.columns, "group")
    for folder in (*derivatives, *([fs_subjects_dir] if fs_subjects_dir else [])):
        if not folder.is_dir():
            key = "--fs-subjects-dir" if folder == fs_subjects_dir else "--derivatives"
            raise InputError("folder not found", file=folder, key=key)
    layout = index_dataset(bids_dir, labels, database_dir)
    existing = _Existing(bids_dir, derivatives, fs_subjects_dir, stages, built_subjects, surface_engine)
    lesions = LesionSearch(
        settings.lesions, existing.derivatives, bids_dir, samseg_state(settings.lesions, fs_license_file)
    )
    bundles = BundleSearch(
        existing.derivatives, bundle_engine,
        wanted="bundles" in (stages or ()), skipped=bool(stages) and "bundles" not in (stages or ()),
    )  # fmt: skip
    found: list[SessionInputs] = []
    refused: dict[str, InputError] = {}
    for label in labels:
        site_keys = settings.sites.get(sites.get(label, ""), {})
        for session in find_sessions(bids_dir, label, sessions):
            try:
                inputs = find_acquisitions(
                    layout, label, session,
                    filters=filters, site_keys=site_keys, efficiency=settings.r1.efficiency,
                    b1_correction=settings.r1.b1_correction == "auto",
                    maps=find_maps(derivatives, label, session, settings),
                )  # fmt: skip
                patient = groups[label] == settings.study.patient_group if label in groups else None
                found.append(lesions.add_to(bundles.add_to(existing.add_to(inputs)), patient=patient))
            except InputError as error:
                refused[session_label(label, session)] = error
    return Discovery(tuple(found), refused)


def find_maps(folders: Sequence[Path], label: str, session: str | None, settings: Settings) -> dict[str, ExistingMap]:
    """Find a session's existing maps.

    Of a metric whose engine was asked for by name none is taken.

    Parameters
    ----------
    folders : sequence of Path
        Folders that were named with ``--derivatives``.
    label : str
        Participant's label, without ``sub-``.
    session : str or None
        Session's label, without `ses-`; None: no sessions.
    settings : Settings
        For the engines.

    Returns
    -------
    dict of str to ExistingMap
        By metric; those that there are.

    Raises
    ------
    InputError
        When several maps fit equally well, and for a unit that is not one of a rate or a time.
    """
    engines = {"R1": settings.r1.engine, "R2star": settings.r2star.engine}
    free = [metric for metric, engine in engines.items() if engine == "auto"]
    found = {metric: find_map(list(folders), label, session, metric) for metric in free}
    return {metric: given for metric, given in found.items() if given is not None}


def participant_sites(path: Path, columns: Mapping[str, str]) -> dict[str, str]:
    """Read the site of each participant.

    Parameters
    ----------
    path : Path
        ``participants.tsv``; it need not exist.
    columns : mapping of str to str
        Our names of its columns to the file's.

    Returns
    -------
    dict of str to str
        By label without ``sub-``, as far as the table gives it.

    Raises
    ------
    InputError
        As `participant_column`.
    """
    return participant_column(path, columns, "site")


def participant_column(path: Path, columns: Mapping[str, str], wanted: str) -> dict[str, str]:
    """Read a column of ``participants.tsv``.

    Parameters
    ----------
    path : Path
        ``participants.tsv``; it need not exist.
    columns : mapping of str to str
        Our names of its columns to the file's.
    wanted : str
        Our name of the column.

    Returns
    -------
    dict of str to str
        By label without ``sub-``, as far as it has a text.

    Raises
    ------
    InputError
        For an empty table, one without participant_id, and a participant in two rows.
    """
    if not path.is_file():
        return {}
    frame = read_tsv(path)
    names = {str(name).lower(): name for name in frame.columns}
    label = names.get(columns.get("participant_id", "participant_id").lower())
    if label is None:
        raise InputError("column missing", file=path, key="participant_id", remedy="BIDS requires it")
    if frame.empty:
        raise InputError("has no participants", file=path, remedy="add one row per participant")
    people = frame[label].astype(str).str.removeprefix("sub-")
    twice = people[people.duplicated()]
    if len(twice):
        raise InputError(
            "stands in two rows", file=path, key="participant_id", value=f"sub-{twice.iloc[0]}", remedy="keep one"
        )
    column = names.get(columns.get(wanted, wanted).lower())
    values: Iterable[Any] = () if column is None else frame[column]
    return {who: str(value) for who, value in zip(people, values) if isinstance(value, str)}


def _finished(subject: Path | None, notes: list[str]) -> Path | None:
    """Return a subject that is finished; of another one a note says why it is not used."""
    if subject is None:
        return None
    try:
        check_finished_subject(subject)
    except InputError as error:
        notes.append(f"the embedded engine's surfaces are set beside no others: {error}")
        return None
    return subject


class _Existing:
    """Results that exist already: FreeSurfer subjects and tractograms."""

    def __init__(
        self, bids_dir: Path, derivatives: Sequence[Path], fs_subjects_dir: Path | None, stages: Sequence[str] | None,
        built_subjects: Path | None, surface_engine: "SurfaceEngine | None",
    ) -> None:  # fmt: skip
        own = bids_dir / "derivatives"
        self.subjects_dirs = [fs_subjects_dir] if fs_subjects_dir else [own / "freesurfer"]
        beside = sorted(path for path in own.glob("*") if path.is_dir() and path.name != "freesurfer")
        self.derivatives = [*derivatives, *(path for path in beside if path not in derivatives)]
        self.stages = stages or ()
        self.built_subjects, self.surface_engine = built_subjects, surface_engine

    def add_to(self, inputs: SessionInputs) -> SessionInputs:
        """Return the session with its surfaces, or notes that there are none."""
        notes: list[str] = []
        freesurfer, compared = self._existing(inputs), None
        if self.surface_engine is not None and self.surface_engine.wanted == "catsurf":
            # The embedded engine was asked for: FreeSurfer's results are not taken in its stead, but set beside it.
            compared, freesurfer = _finished(freesurfer, notes), None
        if freesurfer is None and inputs.r1_space is not None and (not self.stages or "surfaces" in self.stages):
            notes += self._surfaces_to_be_made(inputs)
        if "regions" in self.stages and not {"surfaces", "bundles"} & set(self.stages):
            notes.append("no regional table without surfaces or bundles: add them to --stages")
        notes = [*inputs.notes, *notes]
        return dataclasses.replace(inputs, freesurfer=freesurfer, compared_surfaces=compared, notes=tuple(notes))

    def _surfaces_to_be_made(self, inputs: SessionInputs) -> list[str]:
        """Return what is said of a session without a FreeSurfer subject.

        Raises
        ------
        InputError
            When surfaces are asked for, and nothing can make them.
        """
        engine = self.surface_engine
        if engine is not None and engine.error is not None:
            raise engine.error
        if engine is not None and engine.builds:
            problem = engine.unsuitable(inputs)
            if problem is None:
                return []
            if engine.wanted == engine.name:
                raise InputError(problem, key="--surface-engine", value=engine.name, remedy="give --fs-subjects-dir")
            self._missing("surfaces", f"no FreeSurfer subject {inputs.label}, and {problem}", "give --fs-subjects-dir")
            absent = f"no FreeSurfer subject, and {problem}: no cortex and no superficial white matter"
            return [f"{absent} ({engine.reason})"]
        places = ", ".join(str(path) for path in self.subjects_dirs)
        why = f" ({engine.reason})" if engine is not None and engine.reason else ""
        self._missing("surfaces", f"no FreeSurfer subject {inputs.label} in {places}{why}", "give --fs-subjects-dir")
        return [f"no FreeSurfer subject in {places}: no cortex and no superficial white matter{why}"]

    def _existing(self, inputs: SessionInputs) -> Path | None:
        for folder in self.subjects_dirs:
            for name in dict.fromkeys((inputs.label, f"sub-{inputs.participant}", inputs.participant)):
                if (folder / name).is_dir():
                    return (folder / name).absolute()
        # What an earlier run has made is used as it is; what it has begun, it goes on with.
        made = None if self.built_subjects is None else self.built_subjects / inputs.label
        return made if made is not None and is_reconstructed(made) else None

    def _missing(self, stage: str, problem: str, remedy: str) -> None:
        if stage in self.stages:
            raise InputError(problem, key="--stages", value=stage, remedy=remedy)


def describe(inputs: SessionInputs) -> dict[str, Any]:
    """Describe what a session has, for ``--dry-run`` and ``harmoniq doctor``.

    Parameters
    ----------
    inputs : SessionInputs
        What the session has.

    Returns
    -------
    dict of str to object
        Text by kind: the maps, MP2RAGE, B1+, ME-GRE, FreeSurfer, lesions, bundles.
    """
    taken = {f"{metric.replace('star', '*')} map": str(given.path) for metric, given in inputs.maps.items()}
    return taken | {
        "MP2RAGE": "none" if inputs.mp2rage is None else ", ".join(path.name for path in inputs.mp2rage.files),
        "B1+": "none" if inputs.b1 is None else inputs.b1.image.name,
        "ME-GRE": "none" if inputs.megre is None else f"{len(inputs.megre.echo_times)} echoes",
        "FreeSurfer": str(inputs.freesurfer or "none"),
        "lesions": _lesions(inputs),
        "bundles": _bundles(inputs),
    }


def _bundles(inputs: SessionInputs) -> str:
    if inputs.bundles:
        return f"{len(inputs.bundles)} of 18"
    return f"to be found in {inputs.dwi[0].image.name}" if inputs.dwi else "none"


def _lesions(inputs: SessionInputs) -> str:
    if inputs.lesions is not None:
        return inputs.lesions.describe()
    return f"SAMSEG with {inputs.samseg_flair.name}" if inputs.samseg_flair is not None else "none"


def print_notes(sessions: Sequence[SessionInputs]) -> None:
    """Print each note once, with the sessions that it is about.

    Parameters
    ----------
    sessions : sequence of SessionInputs
        What the sessions have.
    """
    about: dict[str, list[str]] = {}
    for inputs in sessions:
        for note in inputs.notes:
            about.setdefault(note, []).append(inputs.label)
    for note, labels in about.items():
        some = ", ".join(labels[:3]) + (f" and {len(labels) - 3} more" if len(labels) > 3 else "")
        print(f"  note: {note} ({'all' if len(labels) == len(sessions) else some})")
