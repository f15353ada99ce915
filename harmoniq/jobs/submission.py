"""What was handed to the scheduler: which session is which task of which job."""

import dataclasses
import json
from functools import cached_property
from pathlib import Path

from harmoniq.data.files import write_json


@dataclasses.dataclass(frozen=True)
class Submission:
    """One array job and the group job that waits for it.

    Attributes
    ----------
    job, group_job : str
        The scheduler's numbers; empty before they are known.
    labels : tuple of str
        Of the sessions or participants, in the order of the array's tasks.
    folder : str
        Where scripts and logs of this submission lie.
    """

    job: str
    labels: tuple[str, ...]
    folder: str
    group_job: str = ""

    def holds(self, label: str) -> bool:
        """Return whether a session, or its participant, is among the tasks.

        Parameters
        ----------
        label : str
            ``sub-X`` or ``sub-X_ses-Y``.

        Returns
        -------
        bool
        """
        return label in self._indices or label.split("_ses-")[0] in self._indices

    def task_of(self, label: str) -> str:
        """Return the scheduler's name of a session's task.

        Parameters
        ----------
        label : str
            Of a session that `holds`.

        Returns
        -------
        str
            Such as ``12_3``; empty before the job's number is known.
        """
        return f"{self.job}_{self._index(label)}" if self.job else ""

    def log_of(self, label: str) -> Path:
        """Return the log of a session's task.

        Parameters
        ----------
        label : str
            Of a session that `holds`.

        Returns
        -------
        Path
            In the folder of the submission; it need not exist.
        """
        return Path(self.folder) / f"{self.job}_{self._index(label)}.log"

    def _index(self, label: str) -> int:
        return self._indices[label if label in self._indices else label.split("_ses-")[0]]

    @cached_property
    def _indices(self) -> dict[str, int]:
        return {label: index for index, label in enumerate(self.labels)}


def submissions_dir(out_dir: Path) -> Path:
    """Return the folder of all submissions below a folder of results.

    Parameters
    ----------
    out_dir : Path
        Folder of the results.

    Returns
    -------
    Path
        ``logs/slurm``; it need not exist.
    """
    return out_dir / "logs" / "slurm"


def write_submission(submission: Submission) -> None:
    """Write what was submitted into ``submission.json`` of its folder.

    Parameters
    ----------
    submission : Submission
        Replaces what was written before.
    """
    write_json(Path(submission.folder) / "submission.json", dataclasses.asdict(submission))


def read_submissions(out_dir: Path) -> list[Submission]:
    """Read all submissions below a folder of results.

    Parameters
    ----------
    out_dir : Path
        Folder of the results.

    Returns
    -------
    list of Submission
        The newest last; files that cannot be read are passed over.
    """
    found = []
    for path in sorted(submissions_dir(out_dir).glob("*/submission.json")):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            found.append(Submission(**{**content, "labels": tuple(content["labels"])}))
        except (OSError, ValueError, TypeError, KeyError):
            continue  # one that is being written, or was when its writer was killed
    return found


def owners(out_dir: Path) -> set[int]:
    """Return who has submitted jobs below a folder of results.

    A study's folder can be shared, and each user has jobs of their own.

    Parameters
    ----------
    out_dir : Path
        Folder of the results.

    Returns
    -------
    set of int
        Numbers of the users (uid).
    """
    return {path.stat().st_uid for path in submissions_dir(out_dir).glob("*/submission.json")}


def newest_with(submissions: list[Submission], label: str) -> Submission | None:
    """Find the submission that a session was handed in with last.

    Parameters
    ----------
    submissions : list of Submission
        What was submitted, the oldest first.
    label : str
        ``sub-X`` or ``sub-X_ses-Y``.

    Returns
    -------
    Submission or None
        None where it never was.
    """
    return next((submission for submission in reversed(submissions) if submission.holds(label)), None)
