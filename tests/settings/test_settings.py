"""Settings: layers, and errors that name the nearest known key."""

import dataclasses

import pytest

from harmoniq.data.errors import InputError
from harmoniq.settings.load import as_dict, load_settings
from harmoniq.settings.schema import Settings


def write(tmp_path, text):
    path = tmp_path / "study.toml"
    path.write_text(text)
    return path


def test_builtin_study_follows_the_paper():
    settings = load_settings()
    assert settings.study.reference_site == "site1"
    assert settings.surfaces.cgm_fraction == 0.5
    assert settings.surfaces.swm_distance == -0.5
    assert settings.bundles.central == 0.70
    assert settings.sites == {}, "assumed protocols must never stand in for the metadata of real data"


def test_file_over_builtin_and_flags_over_file(tmp_path):
    path = write(tmp_path, '[study]\nreference_site = "A"\n[r2star]\nmethod = "arlo"\n')
    settings = load_settings(path, {"r2star": {"method": "iwls"}, "r1": {"engine": None}})
    assert settings.study.reference_site == "A"
    assert settings.r2star.method == "iwls"
    assert settings.r1.engine == "auto"


def test_settings_are_frozen_and_dumped():
    settings = load_settings()
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.study = None
    assert set(as_dict(settings)) == {field.name for field in dataclasses.fields(Settings)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[r1]\nengin = "native"', "engin: unknown key of [r1]; did you mean engine?"),
        ("[statistic]\nalpha = 0.05", "did you mean statistics?"),
        ('[r2star]\nmethod = "nls"', "did you mean nlls?"),
        ("[r1]\nefficiency = 2", "must be between 0.1 and 1"),
        ('[r1]\nefficiency = "high"', "must be a number"),
        ("[r1]\nplausible = [2, 1]", "must be two rising numbers"),
        ("[bundles]\nnodes = 10.5", "must be a whole number"),
        ("[study]\nmethods = []", "at least one entry"),
        ("[statistics]\noverlap_only = 1", "must be true or false"),
        ("[columns]\ngrup = 'x'", "did you mean group?"),
        ("[sites.A.MP2RAGE]\nNumberShot = 3", "did you mean NumberShots?"),
        ("[study\n", "is not valid TOML"),
    ],
)
def test_bad_config_names_file_key_and_remedy(tmp_path, text, said):
    path = write(tmp_path, text)
    with pytest.raises(InputError) as raised:
        load_settings(path)
    assert said in str(raised.value)
    assert str(raised.value).startswith(str(path))


def test_missing_config(tmp_path):
    with pytest.raises(InputError, match="file not found"):
        load_settings(tmp_path / "absent.toml")
