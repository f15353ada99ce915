"""Where a session's bundles come from: existing ones, or diffusion images in which they are to be found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harmoniq.data.acquisitions import DWI
from harmoniq.data.errors import InputError
from harmoniq.data.inputs import SessionInputs

if TYPE_CHECKING:
    from harmoniq.workflows.bundle_engines import BundleEngine


@dataclass(frozen=True)
class BundleSearch:
    """Looks for bundles in derivatives, and else for diffusion images.

    Parameters
    ----------
    derivatives : sequence of path
        In the order in which they are looked through.
    engine : BundleEngine, optional
        What can find bundles; None: existing ones only.
    wanted : bool
        Whether bundles were asked for by name: then their absence is an error.
    skipped : bool
        Whether the stage is left out: then nothing is said of it.
    """

    derivatives: Sequence[Path]
    engine: "BundleEngine | None" = None
    wanted: bool = False
    skipped: bool = False

    def add_to(self, inputs: SessionInputs) -> SessionInputs:
        """Add what a session has of bundles.

        Parameters
        ----------
        inputs : SessionInputs
            With its images.

        Returns
        -------
        SessionInputs
            With existing bundles, or with the diffusion image that they will be found in, or with a note that there is
            neither.

        Raises
        ------
        InputError
            When bundles, or an engine, were asked for and are not to be had.
        """
        from harmoniq.qsiprep.space import find_space

        if self.skipped or inputs.r1_space is None:
            return replace(inputs, bundles=self._existing(inputs), dwi=())
        if self.engine is not None and self.engine.error is not None:
            raise self.engine.error
        bundles: Mapping[str, Path] = {}
        if self.engine is None or not self.engine.asked_for:
            bundles = self._existing(inputs)
        if bundles:
            space = find_space(bundles, self.derivatives, inputs.participant, inputs.session)
            return replace(inputs, bundles=bundles, bundle_space=space, dwi=())
        dwi, why = self._diffusion(inputs)
        if dwi is not None:
            by_qsiprep = self.engine is not None and self.engine.qsiprep is not None
            notes = () if dwi.preprocessed or by_qsiprep else (_QUICK_LOOK,)
            return replace(inputs, bundles={}, dwi=(dwi,), notes=(*inputs.notes, *notes))
        sentence = f"no tractograms in the derivatives, and none can be made ({why}): no bundles"
        insisted = self.engine.name if self.engine is not None and self.engine.asked_for else None
        if self.wanted or insisted:
            key, value = ("--stages", "bundles") if self.wanted else ("--bundle-engine", insisted)
            raise InputError(
                f"no tractograms of {inputs.label} ({why})", key=key, value=value, remedy="give --derivatives"
            )
        return replace(inputs, bundles={}, dwi=(), notes=(*inputs.notes, sentence))

    def _existing(self, inputs: SessionInputs) -> Mapping[str, Path]:
        from harmoniq.tract.find import find_bundles

        for folder in self.derivatives:
            bundles = find_bundles(folder, inputs.participant, inputs.session)
            if bundles:
                return bundles
        return {}

    def _diffusion(self, inputs: SessionInputs) -> tuple[DWI | None, str]:
        """Return the diffusion images to track in, or why there are none."""
        from harmoniq.diffusion.find import find_preprocessed

        if self.engine is not None and self.engine.qsiprep is not None:
            return (inputs.dwi[0], "") if inputs.dwi else (None, "no diffusion images with bval and bvec")
        if self.engine is None or not self.engine.tracks:
            return None, self.engine.reason if self.engine is not None else "no engine"
        for folder in self.derivatives:
            found = find_preprocessed(folder, inputs.participant, inputs.session)
            if found is not None:
                return found, ""
        if len(inputs.dwi) > 1:
            names = ", ".join(dwi.image.name for dwi in inputs.dwi)
            return None, f"several diffusion images: {names}; choose one with --bids-filter-file"
        return (inputs.dwi[0], "") if inputs.dwi else (None, "no diffusion images with bval and bvec")


_QUICK_LOOK = (
    "bundles from raw diffusion images, preprocessed here: a quick look, without correction of distortion by "
    "susceptibility and eddy currents; bring QSIPrep's images with --derivatives"
)
