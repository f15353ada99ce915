"""Names of bundles, old and new."""

import ast
import importlib.util
from pathlib import Path

import pytest

from harmoniq.data.names import BUNDLES
from harmoniq.tract.bundles import canonical_bundle

#: Of AFQ's new names, without the side.
TITLES = {
    "FA": "Callosum Forceps Minor",
    "FP": "Callosum Forceps Major",
    "ARC": "Arcuate",
    "pARC": "Posterior Arcuate",
    "ATR": "Thalamic Radiation",
    "CGC": "Cingulum Cingulate",
    "CST": "Corticospinal",
    "IFO": "Inferior Fronto-Occipital",
    "ILF": "Inferior Longitudinal",
    "SLF": "Superior Longitudinal",
}


@pytest.mark.parametrize("bundle", BUNDLES)
def test_own_names_and_their_file_spelling(bundle):
    assert canonical_bundle(bundle) == bundle
    assert canonical_bundle(bundle.replace("_", "")) == bundle


@pytest.mark.parametrize("bundle", BUNDLES)
def test_titles_of_afq(bundle):
    base, _, side = bundle.partition("_")
    title = {"L": "Left ", "R": "Right ", "": ""}[side] + TITLES[base]
    assert canonical_bundle(title) == bundle
    assert canonical_bundle(title.replace(" ", "").replace("-", "")) == bundle


def _names_in_pyafq(*functions):
    """Read the names out of the source: the functions themselves would download the templates."""
    spec = importlib.util.find_spec("AFQ")
    if spec is None:
        pytest.skip("pyAFQ is not installed")
    tree = ast.parse((Path(spec.submodule_search_locations[0]) / "api" / "bundle_dict.py").read_text())
    bodies = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in functions]
    keys = [key for body in bodies for node in ast.walk(body) if isinstance(node, ast.Dict) for key in node.keys]
    return {key.value for key in keys if isinstance(key, ast.Constant)}


def test_names_of_the_installed_pyafq():
    new = _names_in_pyafq("default_bd", "forceps_bd")
    assert "Left Inferior Fronto-occipital" in new
    found = {canonical_bundle(name) for name in new} - {None}
    # The default of pyAFQ 3.4 has no SLF: it must be added by hand.
    assert found == set(BUNDLES) - {"SLF_L", "SLF_R"}
    described = {canonical_bundle(name.replace("-", "").replace("_", "").replace(" ", "")) for name in new} - {None}
    assert described == found
    assert canonical_bundle("Left Superior Longitudinal") == "SLF_L"
    # RecoBundles' bundles as pyAFQ 1.x named them
    assert {canonical_bundle(n) for n in ("AF_L", "IFOF_R", "CC_ForcepsMinor")} == {"ARC_L", "IFO_R", "FA"}


@pytest.mark.parametrize(
    ("name", "bundle"),
    [
        ("Left Superior Longitudinal", "SLF_L"), ("LeftCingulumCingulate", "CGC_L"), ("Right IFOF", "IFO_R"),
        ("LeftAnteriorThalamic", "ATR_L"), ("AF_left", "ARC_L"), ("CC_ForcepsMajor", "FP"), ("pARCR", "pARC_R"),
        ("UNC_L", None), ("VOF_R", None), ("Left Superior Longitudinal II", None), ("Left Cingulum Hippocampus", None),
        ("Callosum Orbital", None), ("Left Middle Longitudinal", None), ("Left Optic Radiation", None), ("", None),
    ],
)  # fmt: skip
def test_other_spellings_and_other_bundles(name, bundle):
    assert canonical_bundle(name) == bundle
