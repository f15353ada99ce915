"""Simulate a cohort: participants in parallel processes, with the same bytes however many there are."""

import multiprocessing
import os
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from harmoniq.data.errors import InputError
from harmoniq.data.files import write_json
from harmoniq.jobs.signals import end_with_parent, workers_end_first
from harmoniq.simulation.bids import FREESURFER_DIR, LESIONS_DIR, TRACTOGRAMS_DIR, write_dataset_files
from harmoniq.simulation.cohort_participant import STAGING, ParticipantJob, simulate_participant
from harmoniq.simulation.demographics import PATIENT_GROUP, simulate_participants
from harmoniq.simulation.effects import planted_effects
from harmoniq.simulation.plan import PLAN_FILE, SimulationPlan, check_folder
from harmoniq.simulation.protocol import SiteProtocol, site_protocols
from harmoniq.simulation.tables import write_cohort_tables, write_effects
from harmoniq.simulation.truth import simulate_values, tissue_arrays

if TYPE_CHECKING:
    from harmoniq.surface.atlas import Atlas

#: Told (label, done, total) after each participant.
Progress = Callable[[str, int, int], None]


def simulate_cohort(plan: SimulationPlan, *, nprocs: int = 1, progress: Progress | None = None) -> dict[str, Any]:
    """Write a simulated dataset.

    Parameters
    ----------
    plan : SimulationPlan
        What to write, and where. A folder that holds an unfinished run of the same plan is completed.
    nprocs : int
        Participants simulated at a time; the files do not depend on it. Each takes up to 2 GB at 1 mm.
    progress : callable, optional
        Called with a participant's label, how many are done, and how many there are; first with an empty label.

    Returns
    -------
    dict
        ``out``, ``participants`` (labels), ``made`` (those written now), ``sites``, ``patients``, ``seconds``.

    Raises
    ------
    InputError
        When the folder holds something else, the atlas is missing, the disk is full, or a process was ended.
    """
    if nprocs < 1:
        raise InputError("must be 1 or more", key="--nprocs", value=nprocs)
    check_folder(plan)
    started = time.monotonic()
    if plan.tables_only:
        people = _write_tables(plan)
        made = list(people["participant_id"])
    else:
        people, made = _write_images(plan, nprocs, progress)
    return {
        "out": str(plan.out),
        "participants": list(people["participant_id"]),
        "made": made,
        "sites": sorted(people["site"].unique()),
        "patients": int((people["group"] == PATIENT_GROUP).sum()),
        "seconds": round(time.monotonic() - started, 1),
    }


def _write_tables(plan: SimulationPlan) -> pd.DataFrame:
    write_json(plan.out / PLAN_FILE, plan.record())
    tables = write_cohort_tables(
        plan.out, sites=plan.sites, subjects_per_site=plan.subjects_per_site, patients=plan.patients, seed=plan.seed
    )
    return tables.participants


def _write_images(plan: SimulationPlan, nprocs: int, progress: Progress | None) -> tuple[pd.DataFrame, list[str]]:
    from harmoniq.simulation.template import load_template
    from harmoniq.surface.atlas import find_atlas

    atlas = find_atlas(plan.atlas if plan.atlas is not None else "auto").on_fsaverage5()
    protocols = {protocol.site: protocol for protocol in site_protocols(plan.sites, plan.voxel_size)}
    people, truth = _plant(plan, protocols)
    write_json(plan.out / PLAN_FILE, plan.record())
    write_dataset_files(plan.out, people, truth, derivatives=_derivatives(plan), seed=plan.seed)
    write_effects(planted_effects(plan.seed, sites=plan.sites), plan.out / PLAN_FILE.with_name("effects.tsv"))
    todo = [label for label in people["participant_id"] if not (plan.out / label).is_dir()]
    if progress is not None:
        progress("", len(people) - len(todo), len(people))
    with _template_cache(plan.out) as cache_dir:
        # Made once here, so that the workers find it.
        load_template(atlas.labels, cache_dir)
        absolute = replace(plan, out=plan.out.absolute())
        jobs = _jobs(absolute, people[people["participant_id"].isin(todo)], truth, protocols, atlas, cache_dir)
        for done, label in enumerate(_run(jobs, nprocs), start=len(people) - len(todo) + 1):
            if progress is not None:
                progress(label, done, len(people))
    return people, todo


@contextmanager
def _template_cache(out: Path) -> Iterator[Path | None]:
    """Yield where the template is kept: None is the user's cache; a home that cannot be written has a stand-in."""
    home = Path.home() / ".cache" / "harmoniq"
    try:
        home.mkdir(parents=True, exist_ok=True)
        writable = os.access(home, os.W_OK)
    except OSError:
        writable = False
    if writable:
        yield None
        return
    folder = (out / f"{STAGING}template").absolute()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _jobs(
    plan: SimulationPlan,
    people: pd.DataFrame,
    truth: pd.DataFrame,
    protocols: dict[str, SiteProtocol],
    atlas: "Atlas",
    cache_dir: Path | None,
) -> list[ParticipantJob]:
    jobs = []
    for label, own in truth.groupby("participant_id", sort=False):
        row = people[people["participant_id"] == label]
        if row.empty:
            continue
        job = ParticipantJob(
            label=str(label),
            plan=plan,
            protocol=protocols[row["site"].iloc[0]],
            patient=bool((row["group"] == PATIENT_GROUP).iloc[0]),
            megre=bool(row["megre"].iloc[0]),
            values=tissue_arrays(own),
            atlas_labels=atlas.labels,
            atlas_folder=atlas.source,
            cache_dir=cache_dir,
        )
        jobs.append(job)
    return jobs


def _plant(plan: SimulationPlan, protocols: dict[str, SiteProtocol]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the participants, with who gets a multi-echo GRE, and their true values."""
    people = simulate_participants(
        sites=plan.sites, subjects_per_site=plan.controls, patients=plan.cases, seed=plan.seed
    )
    scanned = people["site"].map(lambda site: protocols[site].megre is not None) & ("megre" in plan.modalities)
    people["megre"] = people["megre"].astype(bool) & scanned.astype(bool)
    effects = planted_effects(plan.seed, sites=plan.sites)
    return people, simulate_values(people, effects, plan.seed, hemispheres=True)


def _derivatives(plan: SimulationPlan) -> list[Path]:
    wanted = (
        (LESIONS_DIR, plan.cases > 0 and plan.lesions != 0),
        (FREESURFER_DIR, plan.freesurfer),
        (TRACTOGRAMS_DIR, plan.tractograms),
    )
    return [folder for folder, is_wanted in wanted if is_wanted]


def _run(jobs: list[ParticipantJob], nprocs: int) -> Iterator[str]:
    """Yield labels as their participants are done."""
    if nprocs == 1 or len(jobs) < 2:
        yield from map(simulate_participant, jobs)
        return
    # Spawned, not forked: a fork of a process with threads can hang.
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(min(nprocs, len(jobs)), mp_context=context, initializer=end_with_parent) as pool,
        workers_end_first(),
    ):
        futures = [pool.submit(simulate_participant, job) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool as error:
            raise InputError(
                "a process that simulated a participant was ended, probably for want of memory",
                key="--nprocs", value=nprocs, remedy="use fewer; the same command goes on where it stopped",
            ) from error  # fmt: skip
        finally:
            for future in futures:
                future.cancel()
