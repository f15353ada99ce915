"""The group level: cohort, harmonization, statistics in parallel, report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from nipype.interfaces.utility import IdentityInterface, Merge
from nipype.pipeline.engine import Node, Workflow

from harmoniq.data.cohort import PARTICIPANT_COLUMNS
from harmoniq.data.provenance import versions
from harmoniq.interfaces.group import BuildCohort, GroupReport, GroupStep, Harmonize
from harmoniq.interfaces.group_profiles import GroupProfiles
from harmoniq.interfaces.group_summaries import GroupSummaries
from harmoniq.settings.load import as_dict
from harmoniq.settings.schema import Settings

#: Settings of ``[harmonization]`` that make a `harmoniq.harmonization.batches.Choices`.
CHOICES = ("batch", "reference_scanner", "protect", "smooth", "fit_groups", "disjoint_ages", "outside_ages")

STEPS = (
    "harmonized",
    "site_effects",
    "pca",
    "age_models",
    "group_differences",
    "clinical",
    "demographics",
    "held_out",
    "diagnostics",
)


def init_group_wf(
    *,
    settings: Settings,
    methods: Sequence[str],
    notes: Sequence[str] = (),
    left_out: Mapping[str, str] | None = None,
    allow_mixed_engines: bool = False,
    seed: int = 0,
    title: str = "Group report",
    command: str = "",
    nprocs: int = 1,
    mem_gb: float = 0.3,
    name: str = "group_wf",
) -> Workflow:
    """Analyze a cohort.

    Parameters
    ----------
    settings : Settings
        Of the study, with the flags over it.
    methods : sequence of str
        Harmonization methods that are run; ``raw`` is always among them.
    notes : sequence of str
        What has to be said in the report besides what the nodes say.
    left_out : mapping of str to str, optional
        Participants and sessions that are not analyzed for their rating, and why.
    allow_mixed_engines : bool
        Pool values of different engines.
    seed : int
        Of all that is random: folds, draws of hierarchical Bayesian regression, the bootstrap and simulated cohorts.
    title : str
        Of the report.
    command : str
        What makes the same results again, for the report.
    nprocs : int
        Processors that hierarchical Bayesian regression may use; nothing depends on it but the time.
    mem_gb : float
        Memory that each node is expected to take, GB.
    name : str, optional
        Name of the workflow.

    Inputs
    ------
    regions
        Regional tables.
    participants
        ``participants.tsv``.
    alternatives
        Tables of what other readings of the paper change at the participant level; none is needed.
    profiles, profiles_of
        Profiles of the sessions along the bundles, and whose each is; none is needed.

    Outputs
    -------
    folder
        With the tables, models, figures and ``report.html``.

    Returns
    -------
    Workflow
        The workflow.
    """
    workflow = Workflow(name=name)
    given = ["regions", "participants", "alternatives", "profiles", "profiles_of"]
    inputnode = Node(IdentityInterface(fields=given), name="inputnode")
    outputnode = Node(IdentityInterface(fields=["folder"]), name="outputnode")
    options = step_options(settings, methods, seed=seed)
    build_cohort = _build_cohort(settings, left_out or {}, allow_mixed_engines=allow_mixed_engines, mem_gb=mem_gb)
    harmonize = _harmonize(settings, methods, seed=seed, nprocs=nprocs, mem_gb=mem_gb)
    tract_profiles = Node(GroupProfiles(), name="tract_profiles", mem_gb=mem_gb)
    steps = [Node(GroupStep(step=step, options=options), name=step, mem_gb=mem_gb) for step in STEPS]
    summaries = Node(
        GroupSummaries(
            options=options,
            published=settings.study.published,
            settings=as_dict(settings),
            columns=dict(settings.columns),
            left_out=dict(left_out or {}),
        ),
        name="summaries",
        mem_gb=mem_gb,
    )
    report = Node(
        GroupReport(settings=as_dict(settings), versions=versions(), title=title, command=command),
        name="report",
        mem_gb=mem_gb,
    )
    merge_files = _merge(workflow, "files", [*steps, harmonize, tract_profiles])
    merge_notes = _merge(workflow, "notes", [build_cohort, harmonize, *steps, summaries, tract_profiles], list(notes))
    tables = ["regions", "participants", "alternatives"]
    workflow.connect([
        (inputnode, build_cohort, [("regions", "regions"), ("participants", "participants")]),
        (build_cohort, harmonize, [("cohort", "cohort"), (("cohort", values_file), "cohort_values")]),
        (inputnode, tract_profiles, [("profiles", "profiles"), ("profiles_of", "profiles_of")]),
        (build_cohort, tract_profiles, [("cohort", "cohort"), (("cohort", values_file), "cohort_values")]),
        *((harmonize, step, [("cohort", "cohort")]) for step in steps),
        (inputnode, summaries, [(table, table) for table in tables]),
        (harmonize, summaries, [("cohort", "cohort")]),
        (merge_files, summaries, [("out", "files")]),
        (harmonize, report, [("cohort", "cohort"), ("models", "models")]),
        (merge_files, report, [("out", "files")]),
        (summaries, report, [("folder", "summaries")]),
        (merge_notes, report, [("out", "notes")]),
        (report, outputnode, [("folder", "folder")]),
    ])  # fmt: skip
    return workflow


def _build_cohort(settings: Settings, left_out: Mapping[str, str], *, allow_mixed_engines: bool, mem_gb: float) -> Node:
    """Make the node that joins the regional tables and the participants."""
    return Node(
        BuildCohort(
            columns=dict(settings.columns),
            control_group=settings.study.control_group,
            covariates=[name for name in settings.harmonization.protect if name not in PARTICIPANT_COLUMNS],
            allow_mixed_engines=allow_mixed_engines,
            left_out=sorted(left_out),
        ),
        name="build_cohort",
        mem_gb=mem_gb,
    )


def _harmonize(settings: Settings, methods: Sequence[str], *, seed: int, nprocs: int, mem_gb: float) -> Node:
    """Make the node that runs all methods; hierarchical Bayesian regression alone takes several processors."""
    threads = nprocs if "hbr" in methods else 1
    return Node(
        Harmonize(
            methods=list(methods),
            reference_site=settings.study.reference_site,
            engine=settings.statistics.combat_engine,
            hbr_engine=settings.statistics.hbr_engine,
            hbr_fit=settings.statistics.hbr_fit,
            zscore_sites=list(settings.statistics.zscore_sites),
            threads=threads,
            seed=seed,
            choices=harmonization_choices(settings),
            patient_group=settings.study.patient_group,
        ),
        name="harmonize",
        mem_gb=mem_gb,
        n_procs=threads,
    )


def _merge(workflow: Workflow, field: str, sources: Sequence[Node], first: Sequence[str] | None = None) -> Node:
    """Join a field of several nodes in their order, after what is given."""
    given = int(first is not None)
    merge = Node(Merge(given + len(sources)), name=f"merge_{field}", run_without_submitting=True)
    if first is not None:
        merge.inputs.in1 = list(first)
    for place, source in enumerate(sources, start=1 + given):
        workflow.connect(source, field, merge, f"in{place}")
    return merge


def step_options(settings: Settings, methods: Sequence[str], *, seed: int) -> dict[str, object]:
    """Lay out what the steps of the statistics are told, each of which takes what it needs.

    Parameters
    ----------
    settings : Settings
        Of the study, with the flags over it.
    methods : sequence of str
        Harmonization methods that are run: where the one that the comparisons are to use is not, ComBat-GAM takes its
        place.
    seed : int
        Of all that is random.

    Returns
    -------
    dict of str to object
        By name.
    """
    statistics, harmonization = settings.statistics, settings.harmonization
    wanted = statistics.harmonized_method
    same = (
        "standardize_r2star", "overlap_only", "overlap_share", "stratify_bootstrap", "alpha", "peak_sign", "peak_error",
        "edss_family", "bootstrap",
    )  # fmt: skip
    return {
        **{name: getattr(statistics, name) for name in same},
        "reference_site": settings.study.reference_site,
        "patient_group": settings.study.patient_group,
        "harmonized_method": "gam" if wanted not in methods and "gam" in methods else wanted,
        "choices": harmonization_choices(settings),
        "held_out_methods": list(harmonization.held_out_methods),
        "folds": harmonization.folds,
        "simulations": harmonization.simulations,
        "seed": seed,
    }


def harmonization_choices(settings: Settings) -> dict[str, object]:
    """Lay out what a harmonization removes, keeps and is fitted on, as a node takes it.

    Parameters
    ----------
    settings : Settings
        For the table ``[harmonization]``.

    Returns
    -------
    dict of str to object
        Keyword arguments of `harmoniq.harmonization.batches.Choices`, tuples as lists.
    """
    chosen = as_dict(settings)["harmonization"]
    return {name: chosen[name] for name in CHOICES}


def values_file(cohort: str) -> str:
    """Return the file of a cohort's values, whose content decides whether a node is run again.

    Parameters
    ----------
    cohort : str
        Folder of `harmoniq.data.cohort_files.save_cohort`.

    Returns
    -------
    str
        Path of ``values.npz``.
    """
    from pathlib import Path

    return str(Path(cohort) / "values.npz")


def group_inputs(
    regions: Sequence[Path],
    participants: Path,
    alternatives: Sequence[Path] = (),
    profiles: Mapping[Path, str] = MappingProxyType({}),
) -> dict[str, object]:
    """Lay out the inputs of the workflow's ``inputnode``.

    Parameters
    ----------
    regions : sequence of Path
        Regional tables: one of many participants, or one per session.
    participants : Path
        ``participants.tsv``.
    alternatives : sequence of Path, optional
        Tables of what other readings at the participant level change.
    profiles : mapping of Path to str, optional
        Profiles along the bundles to their participant.

    Returns
    -------
    dict of str to object
        By name; lists without an entry are left out.
    """
    lists = {"regions": regions, "alternatives": alternatives, "profiles": profiles}
    given: dict[str, object] = {name: [str(path) for path in paths] for name, paths in lists.items() if paths}
    return given | {"participants": str(participants), "profiles_of": list(profiles.values())}
