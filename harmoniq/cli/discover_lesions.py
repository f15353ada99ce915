"""Which lesion mask a session has, and what is said or done where a patient has none."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from harmoniq.data.errors import InputError
from harmoniq.data.inputs import SessionInputs
from harmoniq.settings.schema import LesionSettings


@dataclasses.dataclass(frozen=True)
class LesionSearch:
    """Finds lesion masks for one run.

    Parameters
    ----------
    settings : LesionSettings
        The table ``[lesions]``.
    folders : sequence of path
        Derivatives, in the order in which they are searched.
    bids_dir : path
        The raw dataset.
    samseg : str
        Why SAMSEG cannot run; empty where it can.
    """

    settings: LesionSettings
    folders: Sequence[Path]
    bids_dir: Path
    samseg: str = "not looked for"

    def add_to(self, inputs: SessionInputs, *, patient: bool | None) -> SessionInputs:
        """Add what a session has of lesions.

        Parameters
        ----------
        inputs : SessionInputs
            With its images and surfaces.
        patient : bool or None
            Whether the participant is one; None where the table does not say.

        Returns
        -------
        SessionInputs
            With its lesion mask, or with SAMSEG planned, or with a note that there is neither; as it is for a control,
            and without an image of R1.

        Raises
        ------
        InputError
            For a mask that cannot be used, and where masks are required and a patient has none.
        """
        if inputs.r1_space is None:
            return inputs
        if self.settings.exclude == "off":
            return _noted(inputs, "lesions are not left out (lesions.exclude = off)")
        found = self._existing(inputs, patient)
        if found is not None:
            return found
        if patient is False:
            return inputs
        if self.samseg == "" and self.settings.engine != "existing" and len(inputs.flair) == 1 and patient:
            return dataclasses.replace(inputs, samseg_flair=inputs.flair[0])
        return self._without(inputs, patient)

    def _existing(self, inputs: SessionInputs, patient: bool | None) -> SessionInputs | None:
        from harmoniq.lesions.find import find_lesion_files
        from harmoniq.lesions.place import place_mask

        assert inputs.r1_space is not None
        if self.settings.engine == "samseg":
            return None
        for folder in self.folders:
            files = find_lesion_files(folder, inputs.participant, inputs.session)
            if not files:
                continue
            orig = inputs.freesurfer and inputs.freesurfer / "mri" / "orig.mgz"
            mask = place_mask(
                files,
                mp2rage=inputs.r1_space,
                megre=inputs.r2star_space,
                scanner=[orig] if orig and orig.is_file() else [],
                references=[*inputs.flair, *inputs.t1w],
                bids_dir=self.bids_dir,
                registration=self.settings.registration,
                allow_empty=patient is False,
            )
            return dataclasses.replace(inputs, lesions=mask)
        return None

    def _without(self, inputs: SessionInputs, patient: bool | None) -> SessionInputs:
        if patient is None:
            return inputs
        why = "no FLAIR" if self.samseg == "" and not inputs.flair else self.samseg
        if self.settings.missing == "refuse":
            raise InputError(
                f"the patient {inputs.label} has no lesion mask, and SAMSEG does not make one ({why})",
                key="lesions.missing", value="refuse",
                remedy='bring one with --derivatives, or set lesions.missing = "allow"',
            )  # fmt: skip
        return _noted(inputs, f"a patient without a lesion mask: lesions are not left out (SAMSEG: {why})")


def _noted(inputs: SessionInputs, note: str) -> SessionInputs:
    return dataclasses.replace(inputs, notes=(*inputs.notes, note))


def samseg_state(settings: LesionSettings, license_file: Path | None) -> str:
    """Find out whether SAMSEG can run.

    Parameters
    ----------
    settings : LesionSettings
        The table ``[lesions]``.
    license_file : Path or None
        FreeSurfer's license; None: where FreeSurfer looks.

    Returns
    -------
    str
        Why it cannot; empty where it can.

    Raises
    ------
    InputError
        When the engine is ``samseg`` and it cannot run.
    """
    from harmoniq.lesions.samseg import find_samseg

    if settings.engine == "existing" or settings.exclude == "off":
        return f"lesions.{'engine = existing' if settings.exclude == 'auto' else 'exclude = off'}"
    try:
        find_samseg(license_file)
    except InputError as error:
        if settings.engine == "samseg":
            raise
        return error.problem
    return ""
