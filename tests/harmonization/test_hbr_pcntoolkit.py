"""PCNtoolkit itself: as the engine, and as the reader of an exported model. It imports and compiles for minutes."""

import numpy as np
import pandas as pd
import pytest

from harmoniq.data.errors import InputError
from harmoniq.harmonization.hbr.export import export_pcntoolkit
from harmoniq.harmonization.hbr.harmonizer import Hbr
from harmoniq.harmonization.hbr.sampler import SamplerOptions
from harmoniq.harmonization.registry import load_harmonizer

SHORT = SamplerOptions(chains=2, tune=300, draws=300, retry=False)


def norm_data(cohort, names):
    from pcntoolkit.dataio.norm_data import NormData

    people = cohort.participants
    frame = pd.DataFrame({"sub": people["participant_id"], "age": people["age"], "site": people["site"],
                          "sex": people["sex"]})  # fmt: skip
    frame[names] = cohort.values
    return NormData.from_dataframe(
        "test", frame, covariates=["age"], batch_effects=["site", "sex"], response_vars=names, subject_ids="sub"
    )


@pytest.fixture
def pcntoolkit():
    return pytest.importorskip("pcntoolkit")


@pytest.mark.nightly
def test_engine_samples_the_same_posterior(make_cohort, pcntoolkit, tmp_path):
    # A label longer than the 21 characters that PCNtoolkit can hold.
    cohort = make_cohort(n=60, p=1)
    people = cohort.participants.assign(site=cohort.participants["site"] + " of the university hospital")
    cohort = type(cohort)(people, cohort.features, cohort.values)
    reference = "site1 of the university hospital"
    native, theirs = (
        Hbr(reference_site=reference, fit="all", engine=engine, options=SHORT).fit(cohort)
        for engine in ("native", "pcntoolkit")
    )
    ours, other = native.zscores(cohort), theirs.zscores(cohort)
    # 600 draws of a posterior SD of 0.2 for 180 controls: an error of 0.01 from either, and so r above 1 - 0.02² / 2.
    assert np.corrcoef(ours[:, 0], other[:, 0])[0, 1] > 0.9995
    assert np.sqrt(np.mean((ours - other) ** 2)) < 0.03
    out = theirs.transform(cohort)
    here = (people["site"] == reference).to_numpy()
    assert (out[here] == cohort.values[here]).all()
    assert np.abs(out - native.transform(cohort)).max() < 0.1 * cohort.values.std()
    theirs.save(tmp_path)
    loaded = load_harmonizer(tmp_path)
    assert loaded.engine == "pcntoolkit" and (loaded.transform(cohort) == out).all()
    with pytest.raises(InputError, match="21 characters"):
        export_pcntoolkit(native.model, tmp_path / "export")


@pytest.mark.nightly
def test_exported_model_is_loaded_predicts_and_is_saved_again(make_cohort, pcntoolkit, tmp_path):
    from pcntoolkit.normative_model import NormativeModel

    cohort = make_cohort(n=40, p=2)
    model = Hbr(reference_site="site1", fit="best-fold", options=SHORT).fit(cohort)
    names = export_pcntoolkit(model.model, tmp_path / "one")
    assert names == ["R1_cGM_BA1", "R1_cGM_BA2"]
    ours = model.zscores(cohort)
    # The knots of a fold end with its own ages; PCNtoolkit continues the curve beyond them.
    bases = [posterior.basis for posterior in model.model.posteriors]
    age = cohort.participants["age"]
    inside = np.all([(age >= basis.low) & (age <= basis.high) for basis in bases], axis=0)

    def scores(loaded):
        data = norm_data(cohort, names)
        loaded.compute_zscores(data)
        return data["Z"].sel(response_vars=names).to_numpy()

    loaded = NormativeModel.load(str(tmp_path / "one"))
    theirs = scores(loaded)
    np.testing.assert_allclose(theirs[inside], ours[inside], atol=1e-6)
    loaded.save(str(tmp_path / "two"))
    np.testing.assert_allclose(scores(NormativeModel.load(str(tmp_path / "two"))), theirs, atol=1e-9)
    # Its own harmonization, one sex at a time, is ours.
    out = model.transform(cohort)
    for sex in ("F", "M"):
        rows = ((cohort.participants["sex"] == sex) & inside).to_numpy()
        data = norm_data(cohort.select(rows=rows), names)
        loaded.harmonize(data, {"site": "site1", "sex": sex})
        other = (cohort.participants["site"] != "site1").to_numpy()[rows]
        theirs = data["Y_harmonized"].sel(response_vars=names).to_numpy()
        np.testing.assert_allclose(theirs[other], out[rows][other], atol=1e-7)
