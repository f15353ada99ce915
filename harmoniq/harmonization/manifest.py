"""What a folder of saved models is: batches, metrics, engines and units, beside the models themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import harmoniq
from harmoniq.data.cohort import Cohort
from harmoniq.data.errors import InputError
from harmoniq.data.files import read_json, write_json
from harmoniq.harmonization.base import feature_names
from harmoniq.harmonization.batches import Choices, fitted_part

MANIFEST_FILE = "harmonization.json"
FORMAT = 1
UNIT = "1/s"


@dataclass(frozen=True)
class Manifest:
    """Content of ``harmonization.json``.

    Parameters
    ----------
    reference_site, reference : str
        Label of the reference site, and of its batch.
    control_group : str
        Label of the controls.
    choices : Choices
        What was removed, kept and fitted.
    methods : tuple of str
        Those that were saved; raw is not among them.
    metrics : mapping of str to mapping
        Per metric the ``engines`` of its tissues, ``features`` and their ``means`` over the fitted, in 1/s.
    version : str
        Of harmoniq.
    """

    reference_site: str
    reference: str
    control_group: str
    choices: Choices
    methods: tuple[str, ...]
    metrics: Mapping[str, Mapping[str, Any]]
    version: str

    def write(self, folder: str | Path) -> Path:
        """Write ``harmonization.json``.

        Parameters
        ----------
        folder : str or Path
            Folder of saved models.

        Returns
        -------
        Path
            The file.
        """
        content = asdict(self) | {"format": FORMAT, "unit": UNIT}
        write_json(Path(folder) / MANIFEST_FILE, content)
        return Path(folder) / MANIFEST_FILE

    @classmethod
    def read(cls, folder: str | Path) -> "Manifest":
        """Read ``harmonization.json``.

        Parameters
        ----------
        folder : str or Path
            Folder of saved models.

        Returns
        -------
        Manifest
            What `write` wrote.

        Raises
        ------
        InputError
            When it is absent, damaged, of another format or of another unit.
        """
        file = Path(folder) / MANIFEST_FILE
        content = read_json(file)
        if not isinstance(content, dict) or content.get("format") != FORMAT:
            raise InputError(f"is not a description of saved models of format {FORMAT}", file=file,
                             remedy="run the group level again")  # fmt: skip
        if content.get("unit") != UNIT:
            raise InputError(f"the models are not in {UNIT}", file=file, key="unit", value=content.get("unit"))
        try:
            choices: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in content["choices"].items()}
            names = ("reference_site", "reference", "control_group", "metrics", "version")
            own = {name: content[name] for name in names}
            return cls(choices=Choices(**choices), methods=tuple(content["methods"]), **own)
        except (KeyError, TypeError) as error:
            raise InputError(f"is damaged ({error})", file=file, remedy="run the group level again") from error


def write_manifest(
    folder: str | Path,
    parts: Mapping[str, Cohort],
    methods: Sequence[str],
    *,
    reference_site: str,
    reference: str,
    choices: Choices,
) -> Path:
    """Describe the models of a harmonization; means over all fitted stand for the values, no participant's do.

    Parameters
    ----------
    folder : str or Path
        Folder of saved models.
    parts : mapping of str to Cohort
        By metric, those that were harmonized.
    methods : sequence of str
        Those that were saved.
    reference_site : str
        Reference site.
    reference : str
        Label of its batch.
    choices : Choices
        What was removed, kept and fitted.

    Returns
    -------
    Path
        The file.
    """
    metrics = {}
    for metric, part in parts.items():
        fitted = fitted_part(part, choices.fit_groups)
        values = np.where(np.isfinite(fitted.values), fitted.values, np.nan)[fitted.is_control]
        count = np.isfinite(values).sum(axis=0)
        means = np.where(count > 1, np.nansum(values, axis=0) / np.maximum(count, 1), np.nan)
        tissues = {name: engine for name, engine in part.engines.items() if name.split()[0] == metric}
        metrics[metric] = {
            "engines": tissues,
            "features": feature_names(part.features),
            "means": [None if np.isnan(mean) else float(mean) for mean in means],
        }
    control_group = next(iter(parts.values())).control_group if parts else "HC"
    manifest = Manifest(reference_site, reference, control_group, choices, tuple(methods), metrics,
                        harmoniq.__version__)  # fmt: skip
    return manifest.write(folder)
