"""What a report says of a step that failed: where, why, what to do."""

import pytest

from harmoniq.report.failures import Failure, failure_section, remedy_of
from harmoniq.report.stages import STAGES, stage_table, stage_words


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("BrokenProcessPool: (a worker was killed, perhaps for want of memory)", "more memory"),
        ("OSError: [Errno 28] No space left on device", "room on the disk"),
        ("PermissionError: [Errno 13] Permission denied: 'x'", "the right to read"),
        ("ModuleNotFoundError: No module named 'AFQ'", "harmoniq doctor"),
        ("ValueError: shapes do not match", "please report it"),
    ],
)
def test_remedies(words, said):
    assert said in remedy_of(Failure("sub-1", "x failed", traceback=words))


def test_section_escapes_and_names_the_step():
    failure = Failure("sub-1", "a.nii: <bad>", "r1", "fit_r1", "crash.pklz", "Trace <x>", bad_input=True)
    text = "".join(getattr(block, "markup", "") for block in failure_section([failure]).blocks)
    assert "<em>R1</em>" in text and "crash.pklz" in text and "Mend what the sentence names" in text
    assert "<bad>" not in text
    assert failure_section([]).blocks == []


def test_stages_sum_and_take_the_largest():
    table = stage_table([("r1", "fit", 2.0, 1.0), ("session", "figure_r1", 1.0, 0.2), ("r1", "mask", 3.0, 0.5)])
    assert table.to_dict("records") == [
        {"stage": "R1", "nodes": 2, "seconds": 5.0, "memory_gb": 1.0},
        {"stage": "the figures", "nodes": 1, "seconds": 1.0, "memory_gb": 0.2},
    ]
    assert stage_words("something_new") == "something new" and STAGES["coregistration"].startswith("registration")
