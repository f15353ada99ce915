"""The cohort out of the files of the participant level, or of another pipeline."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from harmoniq.data.cohort import Cohort, build_cohort, read_participants
from harmoniq.data.errors import InputError
from harmoniq.data.tables import read_tsv
from harmoniq.regions.engines import check_engines, engines_of
from harmoniq.regions.left_out import without
from harmoniq.regions.table import read_regions_tables


def cohort_from_files(
    regions: Sequence[str | Path],
    participants: str | Path,
    *,
    columns: Mapping[str, str],
    control_group: str,
    covariates: Sequence[str] = (),
    allow_mixed: bool = False,
    left_out: Collection[str] = (),
) -> tuple[Cohort, list[str]]:
    """Read, join and check regional tables and participants.

    Parameters
    ----------
    regions : sequence of path
        One table of many participants, or one per session.
    participants : path
        ``participants.tsv``.
    columns : mapping of str to str
        Our names of its columns to the file's.
    control_group : str
        Label of the controls.
    covariates : sequence of str
        Further columns of the participants that are kept, of numbers.
    allow_mixed : bool
        Pool values of different engines.
    left_out : collection of str
        Participants (``sub-X``) and sessions (``sub-X_ses-Y``) that are not analyzed, for their rating.

    Returns
    -------
    Cohort
        Participants with values, site, group, age and sex.
    list of str
        What has to be said about it.

    Raises
    ------
    InputError
        For files that cannot be used (see `harmoniq.data.cohort.build_cohort`), values of different engines, and when
        no session is left.
    """
    table = read_tsv(regions[0]) if len(regions) == 1 else read_regions_tables(regions)
    people = read_participants(read_tsv(participants), file=participants, rename=columns, covariates=covariates)
    if left_out:
        table = without(table, left_out)
        if table.empty:
            raise InputError("no session is left", key="--exclude-qc", remedy="look at the ratings")
        people = without(people, left_out)
    cohort, notes = build_cohort(
        table, people,
        regions_file=regions[0] if len(regions) == 1 else Path(regions[0]).parent,
        participants_file=participants, control_group=control_group,
    )  # fmt: skip
    return replace(cohort, engines=engines_of(table)), [*notes, *check_engines(table, allow_mixed)]
