"""Nodes of the transmit field: computed from SA2RAGE, and brought into the space of MP2RAGE."""

from pathlib import Path
from typing import Any

from nipype.interfaces.base import File, TraitedSpec, isdefined, traits

from harmoniq.data.acquisitions import SA2RAGE, MP2RAGETiming
from harmoniq.interfaces.base import VersionedInputSpec, VersionedInterface, given
from harmoniq.interfaces.maps import TimingInputSpec, timing_of


class FitB1InputSpec(TimingInputSpec):
    """Images and timing of one SA2RAGE acquisition (`harmoniq.data.acquisitions.SA2RAGE`)."""

    inv1 = File(exists=True, mandatory=True, desc="magnitude of the first image")
    inv2 = File(exists=True, mandatory=True, desc="magnitude of the second image")
    inv1_phase = File(exists=True, mandatory=True)
    inv2_phase = File(exists=True, mandatory=True)
    r1_map = File(exists=True, desc="R1 not corrected for B1+, 1/s; a T1 of 1.5 s is taken where there is none")
    mp2rage = traits.Dict(desc="timing of the R1 map")
    transform = File(desc="ITK text, from points of the R1 map's space to the images'")


class FitB1OutputSpec(TraitedSpec):
    """The map."""

    b1_map = File(exists=True, desc="relative to nominal; 0 where nothing was measured")


class FitB1(VersionedInterface):
    """Compute the transmit field from SA2RAGE (Eggenschwiler et al. 2012)."""

    input_spec, output_spec = FitB1InputSpec, FitB1OutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.mp2rage.sa2rage_volumes import fit_b1_files

        inputs, out = self.inputs, self.output_path(runtime, "b1.nii.gz")
        images = (Path(file) for file in (inputs.inv1, inputs.inv2, inputs.inv1_phase, inputs.inv2_phase))
        fit_b1_files(
            out, SA2RAGE(timing_of(inputs, inputs.inv1), *images),
            r1_map=given(inputs.r1_map), transform=_matrix(inputs.transform),
            mp2rage=MP2RAGETiming(**inputs.mp2rage) if isdefined(inputs.mp2rage) else None,
        )  # fmt: skip
        self._results["b1_map"] = str(out)
        return runtime


class PlaceB1InputSpec(VersionedInputSpec):
    """A B1+ map and where it belongs."""

    b1_map = File(exists=True, mandatory=True)
    b1_scale = traits.Float(desc="what nominal reads as; recognized when not set")
    transform = File(desc="ITK text, from points of MP2RAGE's space to the map's; the header holds when not set")
    registered = traits.Bool(False, usedefault=True, desc="whether a registration was tried")


class PlaceB1OutputSpec(TraitedSpec):
    """The map in the space of MP2RAGE, and what was found out about it."""

    b1_map = File(exists=True, desc="relative to nominal; 0 where nothing was measured")
    facts = traits.Dict(desc="for the sidecar: unit, median, and how it was placed")


class PlaceB1(VersionedInterface):
    """Recognize a B1+ map's unit and bring it into the space of MP2RAGE."""

    input_spec, output_spec = PlaceB1InputSpec, PlaceB1OutputSpec

    def _run_interface(self, runtime: Any) -> Any:
        from harmoniq.mp2rage.b1 import place_b1_files

        inputs, out = self.inputs, self.output_path(runtime, "b1.nii.gz")
        scale = inputs.b1_scale if isdefined(inputs.b1_scale) else None
        matrix = _matrix(inputs.transform)
        facts = place_b1_files(inputs.b1_map, out, scale=scale, transform=matrix)
        if inputs.registered and matrix is None:
            facts["B1Placement"] = "by the header: the image that was acquired with it could not be registered"
        self._results.update(b1_map=str(out), facts=facts)
        return runtime


def _matrix(path: Any) -> Any:
    from harmoniq.registration.itk import read_itk

    file = given(path)
    return None if file is None else read_itk(file)
