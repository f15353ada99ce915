"""Ratings at the group level: who failed is left out and named; a page of quality control is always written."""

from harmoniq.data.tables import read_tsv


def test_analyze_leaves_out_what_failed(harmoniq, tmp_path):
    from harmoniq.simulation.tables import write_cohort_tables

    tables = tmp_path / "tables"
    write_cohort_tables(tables, sites=2, subjects_per_site=12, patients=8, seed=3)
    some = read_tsv(tables / "regions.tsv").query("metric == 'R1' and region in ('BA4', 'BA17', 'CST_L')")
    some.to_csv(tables / "regions.tsv", sep="\t", index=False, na_rep="n/a")
    people = read_tsv(tables / "participants.tsv")["participant_id"].tolist()
    words = (
        "analyze",
        tables / "regions.tsv",
        tables / "participants.tsv",
        "out",
        "--methods",
        "raw",
        "--bootstrap",
        "50",
    )
    refused = harmoniq(*words, "--exclude-qc", "fail")
    assert refused.returncode == 2
    assert "participants_qc.tsv: --exclude-qc = fail: file not found" in refused.stderr

    (tmp_path / "mine.tsv").write_text(
        f"participant_id\trating\tcomment\n{people[0]}\tfail\tmoved a lot\n{people[1]}\twarn\tn/a\n"
    )
    done = harmoniq(*words, "--exclude-qc", "fail", "--qc-file", "mine.tsv")
    assert done.returncode == 0, done.stderr
    assert "1 left out for their rating" in done.stdout
    excluded = read_tsv(tmp_path / "out" / "excluded.tsv")
    assert excluded.to_numpy().tolist() == [[people[0], "rated fail in quality control: moved a lot"]]
    values = read_tsv(tmp_path / "out" / "regions_harmonized.tsv")
    assert people[0] not in set(values["participant_id"]) and people[1] in set(values["participant_id"])
    assert "moved a lot" in (tmp_path / "out" / "report.html").read_text()
    assert "--exclude-qc fail --qc-file mine.tsv" in (tmp_path / "out" / "report.html").read_text()
    # The page has everybody, those who are left out too.
    metrics = read_tsv(tmp_path / "out" / "qc_metrics.tsv").set_index("participant_id")
    assert len(metrics) == len(people) and metrics.loc[people[0], "rating"] == "fail"
    assert metrics["R1_cGM"].notna().all() and metrics["snr_megre"].isna().all()
    assert (tmp_path / "out" / "qc.html").is_file()
