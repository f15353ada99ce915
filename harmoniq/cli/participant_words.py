"""What the participant level says on the terminal, before and after the work, and the exit code."""

import sys
from collections.abc import Container
from pathlib import Path
from typing import TYPE_CHECKING

from harmoniq.cli.discover import Discovery, describe, print_notes
from harmoniq.data.inputs import SessionInputs

if TYPE_CHECKING:
    from harmoniq.workflows.study import RunSummary


def print_refused(found: Discovery, known: Container[str] = ()) -> None:
    """Say on stderr which sessions were refused, and why.

    Parameters
    ----------
    found : Discovery
        Sessions that can be processed, and those that cannot.
    known : container of str, optional
        Labels of which it has been said already.
    """
    for label, error in found.refused.items():
        if label not in known:
            print(f"error: {label}: {error}", file=sys.stderr)


def print_plan(sessions: tuple[SessionInputs, ...]) -> None:
    """Say what would be done with each session, for ``--dry-run``.

    Parameters
    ----------
    sessions : tuple of SessionInputs
        Sessions that can be processed.
    """
    for inputs in sessions:
        print(inputs.label + ": " + "; ".join(f"{name} {value}" for name, value in describe(inputs).items()))
        for note in inputs.notes:
            print(f"  note: {note}")


def exit_code(found: Discovery, summary: "RunSummary") -> int:
    """Return the exit code of a run that came to its end.

    Parameters
    ----------
    found : Discovery
        What the run began with.
    summary : RunSummary
        What failed.

    Returns
    -------
    int
        0 all done, 1 some failed, 2 all failed and each for its input.
    """
    failed = len(found.refused) + len(summary.failures)
    if failed == 0:
        return 0
    total = len(found.sessions) + len(found.refused)
    return 2 if failed == total and all(failure.bad_input for failure in summary.failures.values()) else 1


def print_summary(found: Discovery, summary: "RunSummary", out_dir: Path, seconds: float) -> None:
    """Say what was done, what failed and why, where the results lie and what to do next.

    Parameters
    ----------
    found : Discovery
        What the run began with.
    summary : RunSummary
        What failed, and how many nodes were computed and reused.
    out_dir : Path
        Root of the derivatives.
    seconds : float
        What the run took.
    """
    total = len(found.sessions) + len(found.refused)
    failed = len(found.refused) + len(summary.failures)
    for label, failure in sorted(summary.failures.items()):
        crash = f" (crash file: {failure.crash_file})" if failure.crash_file else ""
        print(f"error: {label}: {failure.sentence}{crash}", file=sys.stderr)
    nodes = f"{summary.computed} nodes computed, {summary.reused} reused"
    print(f"{total - failed} of {total} sessions done in {seconds:.0f} s; {nodes}.")
    print_notes([inputs for inputs in found.sessions if inputs.label not in summary.failures])
    made = {
        "R1": "anat/*_R1map.nii.gz", "R2*": "anat/*_R2starmap.nii.gz", "cortex": "anat/*_hemi-L_desc-cGM_R*.gii",
        "bundles": "dwi/*_profiles.tsv", "regional tables": "*_regions.tsv",
    }  # fmt: skip
    folders = [out_dir.joinpath(*inputs.label.split("_")) for inputs in found.sessions]
    counts = {name: sum(any(folder.glob(pattern)) for folder in folders) for name, pattern in made.items()}
    print("  " + ", ".join(f"{name}: {count}" for name, count in counts.items() if count))
    print(f"Results: {out_dir}\nReports: {out_dir}/sub-*.html")
    if failed:
        labels = sorted([*found.refused, *summary.failures])
        print(
            f"Failed: {', '.join(labels[:10])}{', ...' if failed > 10 else ''}; why stands above and in their reports."
        )
        print("Mend what the errors name and run the same command again: what is done is not done twice.")
    else:
        print(f"Next: harmoniq run BIDS_DIR {out_dir} group")
