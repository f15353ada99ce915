"""Saved models applied to new participants: ``--apply-models`` of ``analyze`` and ``run ... group``."""

import argparse
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from harmoniq.cli.folders import prepare_folder
from harmoniq.data.cohort import PARTICIPANT_COLUMNS
from harmoniq.data.errors import InputError
from harmoniq.data.files import copy_whole, write_json
from harmoniq.harmonization.apply import AppliedCohort, apply_models, find_models
from harmoniq.harmonization.manifest import MANIFEST_FILE, Manifest
from harmoniq.settings.schema import Settings


def apply_tables(
    args: argparse.Namespace, settings: Settings, regions: Sequence[Path], participants: Path, out_dir: Path,
    left_out: Collection[str] = (),
) -> int:  # fmt: skip
    """Harmonize and score the participants of tables with saved models.

    Parameters
    ----------
    args : Namespace
        Of ``harmoniq analyze`` or ``harmoniq run ... group``, with ``--apply-models``.
    settings : Settings
        Of the study, with the flags over it.
    regions : sequence of Path
        Regional tables.
    participants : Path
        ``participants.tsv``.
    out_dir : Path
        Gets tables, extended models and the report.
    left_out : Collection[str], optional
        Participants (``sub-X``) and sessions (``sub-X_ses-Y``) that are not analyzed, for their rating.

    Returns
    -------
    int
        Exit code 0.

    Raises
    ------
    InputError
        For input that the models do not fit, and folders that would overwrite one another.
    """
    from harmoniq.regions.cohort import cohort_from_files

    source = find_models(args.apply_models.absolute())
    if args.adapt and (out_dir.absolute() / "models").resolve() == source.resolve():
        raise InputError("would overwrite the models that are applied", file=out_dir, key="OUT_DIR",
                         remedy="choose another folder")  # fmt: skip
    manifest = Manifest.read(source)
    further = [name for name in manifest.choices.protect if name not in PARTICIPANT_COLUMNS]
    cohort, notes = cohort_from_files(
        regions, participants, columns=settings.columns, control_group=manifest.control_group, covariates=further,
        allow_mixed=args.allow_mixed_engines, left_out=left_out,
    )  # fmt: skip
    chosen = settings.harmonization
    applied = apply_models(
        source, cohort, methods=args.methods, adapt=args.adapt, adapt_controls=chosen.adapt_controls,
        outside_ages=chosen.outside_ages, allow_mixed=args.allow_mixed_engines,
    )  # fmt: skip
    out_dir = prepare_folder(out_dir, "OUT_DIR")
    with tempfile.TemporaryDirectory(prefix="harmoniq-") as temporary:
        folder = Path(temporary)
        _write(folder, applied, [*notes, *applied.notes], source, manifest, settings)
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            copy_whole(file, out_dir / file.relative_to(folder))
    methods = [name for name in applied.values if name != "raw"]
    print(f"Applied {', '.join(methods)} to {len(cohort.participants)} participants of {len(cohort.sites)} sites.")
    for note in (*notes, *applied.notes):
        print(f"  note: {note}")
    print(f"Results: {out_dir}\nNext: open {out_dir / 'report.html'}")
    return 0


def _write(
    folder: Path, applied: AppliedCohort, notes: Sequence[str], source: Path, manifest: Manifest, settings: Settings
) -> None:
    """Write tables, extended models and the report."""
    from harmoniq.data.provenance import versions
    from harmoniq.data.tables import write_tsv
    from harmoniq.harmonization.adapt import ADAPTATION_COLUMNS
    from harmoniq.report.applied import write_applied_report
    from harmoniq.settings.load import as_dict
    from harmoniq.statistics.applied import ZSCORES_COLUMNS, harmonized_table, zscore_table

    harmonized, columns = harmonized_table(applied.cohort, applied.values)
    write_tsv(harmonized, folder / "regions_harmonized.tsv", columns=columns, digits=None)
    zscores = zscore_table(applied.cohort, applied.scores)
    write_tsv(zscores, folder / "zscores.tsv", columns=ZSCORES_COLUMNS)
    if applied.adaptation is not None:
        table = applied.adaptation[list(ADAPTATION_COLUMNS)]
        write_tsv(table, folder / "adaptation.tsv", columns=ADAPTATION_COLUMNS)
        for place in _saved(source):
            if place not in applied.adapted:
                for file in (source / place).iterdir():
                    copy_whole(file, folder / "models" / place / file.name)
        for place, harmonizer in applied.adapted.items():
            harmonizer.save(folder / "models" / place)
        replace(manifest).write(folder / "models")
    methods = [name for name in applied.values if name != "raw"]
    write_json(folder / "applied.json", {
        "models": str(source), "fitted_by": manifest.version, "methods": methods, "notes": list(notes),
        "new_sites": [] if applied.adaptation is None else sorted(set(applied.adaptation["site"])),
        "versions": versions(),
    })  # fmt: skip
    write_applied_report(
        folder / "report.html", participants=applied.cohort.participants, methods=methods, zscores=zscores,
        adaptation=None if applied.adaptation is None else applied.adaptation[list(ADAPTATION_COLUMNS)],
        notes=notes, source=str(source), settings=as_dict(settings), versions=versions(),
    )  # fmt: skip


def _saved(source: Path) -> list[Path]:
    """Return the folders of single models, below that of all."""
    return sorted({file.parent.relative_to(source) for file in source.rglob("*") if file.is_file()
                   and file.name != MANIFEST_FILE})  # fmt: skip
