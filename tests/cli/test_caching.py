"""What is computed again: nothing for the same input, only what depends on a changed file, all for another version."""

import re

RUN = ("participant", "--stages", "maps", "--nprocs", "1", "--skip-bids-validation")


def counts(harmoniq, tiny, *words, **options):
    done = harmoniq("run", tiny.root, "out", *RUN, *words, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    computed, reused = re.search(r"(\d+) nodes computed, (\d+) reused", done.stdout).groups()
    return int(computed), int(reused)


def test_reuse(harmoniq, tiny, tmp_path):
    tiny.add("01")
    tiny.add("02")
    first, _ = counts(harmoniq, tiny)
    # R1, suppressed background, mask, R2*, registration and two figures of each.
    assert first == 14
    out = tmp_path / "out"
    before = {
        path: path.stat().st_mtime_ns
        for path in out.rglob("*")
        if path.is_file() and "work" not in path.parts and "logs" not in path.parts
    }
    assert counts(harmoniq, tiny)[0] == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before

    # A touched file is the same file: content decides.
    next(tiny.root.rglob("sub-01_UNIT1.nii.gz")).touch()
    assert counts(harmoniq, tiny)[0] == 0

    # Another echo time of one participant: the R2* fit and its figure.
    tiny.edit("sub-02_echo-4*.json", EchoTime=0.019)
    assert counts(harmoniq, tiny)[0] == 2

    # A derivative that was deleted is put back without computing.
    lost = out / "sub-01/anat/sub-01_R1map.nii.gz"
    lost.unlink()
    assert counts(harmoniq, tiny)[0] == 0
    assert lost.exists()


def test_another_version_reuses_nothing(harmoniq, tiny, tmp_path):
    """The version is changed for real: another package of the same sources, first in the path."""
    import shutil
    from importlib.resources import files

    tiny.add("01")
    first, _ = counts(harmoniq, tiny)
    copy = tmp_path / "newer" / "harmoniq"
    shutil.copytree(str(files("harmoniq")), copy)
    for name in ("configs", "interfaces", "workflows"):
        folder = next(iter(files(f"harmoniq.{name}").iterdir())).parent
        shutil.copytree(folder, copy / name, dirs_exist_ok=True)
    init = copy / "__init__.py"
    init.write_text(re.sub(r'__version__ = "[^"]+"', '__version__ = "99.0"', init.read_text()))
    env = {"PYTHONPATH": str(copy.parent)}
    assert harmoniq("--version", env=env).stdout.strip() == "harmoniq 99.0"
    again, reused = counts(harmoniq, tiny, env=env)
    assert again == first
    assert reused == 0


def test_edited_code_reuses_nothing(monkeypatch):
    """The digest of the sources is an input of every node."""
    from harmoniq.data import provenance
    from harmoniq.interfaces.maps import FitR1

    node = FitR1()
    assert node.inputs.code_version == provenance.code_version()
    assert re.fullmatch(r"\d+\.\d+\.\d+\+[0-9a-f]{12}", provenance.code_version())


def test_run_from_a_folder_that_holds_a_package_of_the_same_name(tiny, tmp_path):
    """As in a clone of the repository: the workers must take the installed package, not the folder's."""
    import subprocess
    import sys
    from pathlib import Path

    tiny.add("01")
    (tmp_path / "harmoniq").mkdir()
    (tmp_path / "harmoniq" / "__init__.py").write_text("raise ImportError('the wrong package')\n")
    script = Path(sys.executable).with_name("harmoniq")
    words = ["run", tiny.root, "out", *RUN]
    done = subprocess.run([script, *words], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert "wrong package" not in done.stderr
