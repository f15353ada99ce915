"""participants_qc.tsv: what is read, what is refused, and who is left out."""

import pandas as pd
import pytest

from harmoniq.data.errors import InputError
from harmoniq.regions.excluded import excluded_participants
from harmoniq.regions.left_out import without
from harmoniq.report.qc.ratings import left_out, rated, read_ratings


def write(path, text):
    path.write_text(text.replace(" | ", "\t"))
    return path


def test_read_and_left_out(tmp_path):
    path = write(
        tmp_path / "participants_qc.tsv",
        "participant_id | session_id | rating | comment\n01 | n/a | FAIL | moved\nsub-02 | 1 | warn | n/a\n"
        "sub-02 | ses-2 | pass | n/a\nsub-03 | n/a | n/a | only a remark\n",
    )
    ratings = read_ratings(path)
    assert [f"{r.label} {r.rating}" for r in ratings] == ["sub-01 fail", "sub-02_ses-1 warn", "sub-02_ses-2 pass"]
    assert left_out(ratings, "fail") == {"sub-01": "rated fail in quality control: moved"}
    assert list(left_out(ratings, "warn")) == ["sub-01", "sub-02_ses-1"]
    by_label = {r.label: r for r in ratings}
    assert rated("sub-01_ses-9", by_label).rating == "fail"  # a participant's rating is that of all sessions
    assert rated("sub-02_ses-3", by_label) is None


def test_without_a_session_column(tmp_path):
    path = write(tmp_path / "q.tsv", "participant_id | rating\nsub-01 | fail\n")
    assert left_out(read_ratings(path), "fail") == {"sub-01": "rated fail in quality control"}


@pytest.mark.parametrize(
    ("rows", "words"),
    [("sub-01 | bad\n", "rating of sub-01 = bad"), ("sub-01 | fail\n01 | pass\n", "sub-01: stands in two rows")],
)
def test_what_is_refused(tmp_path, rows, words):
    with pytest.raises(InputError, match=words):
        read_ratings(write(tmp_path / "q.tsv", "participant_id | rating\n" + rows))
    with pytest.raises(InputError, match="rating"):
        read_ratings(write(tmp_path / "none.tsv", "participant_id | grade\nsub-01 | fail\n"))


def test_rows_and_reasons(tmp_path):
    people = ["sub-1", "sub-1", "sub-2", "3"]
    table = pd.DataFrame({"participant_id": people, "session_id": ["ses-a", "ses-b", None, None]})
    assert without(table, ["sub-1_ses-b", "sub-3"]).index.tolist() == [0, 2]
    assert without(table, ["sub-1"]).index.tolist() == [2, 3]
    path = write(
        tmp_path / "participants.tsv",
        "participant_id | site | group | age | sex\n" + "".join(f"sub-{k} | s | HC | 30 | F\n" for k in "123"),
    )
    reasons = {"sub-1_ses-a": "rated fail", "sub-1_ses-b": "rated warn", "sub-3": "rated fail: ghosts"}
    found = excluded_participants(path, {}, ["sub-2"], reasons)
    assert found.to_numpy().tolist() == [["sub-1", "rated fail; rated warn"], ["sub-3", "rated fail: ghosts"]]
