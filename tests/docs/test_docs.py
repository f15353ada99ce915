"""The documentation against the code: commands, settings, columns, examples and links."""

import argparse
import dataclasses
import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest

from harmoniq.cli.parser import build_parser
from harmoniq.data.bids import QUERIES, read_filters
from harmoniq.data.cohort import PARTICIPANT_COLUMNS
from harmoniq.data.names import REGION_COLUMNS
from harmoniq.settings.load import SITE_KEYS, load_settings
from harmoniq.settings.schema import Settings

ROOT = Path(__file__).resolve().parents[2]
BUILT = {"api", "_build"}
DOCS = sorted(path for path in (ROOT / "docs").rglob("*.md") if path.relative_to(ROOT / "docs").parts[0] not in BUILT)
PAGES = [*DOCS, *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGES.md"))]
TABLES = [
    field.name for field in dataclasses.fields(Settings) if dataclasses.is_dataclass(getattr(Settings(), field.name))
]


def names(paths):
    return [path.name for path in paths]


def section(page: Path, heading: str) -> str:
    """Return the text below a heading, up to the next one of its level or above."""
    level = len(heading) - len(heading.lstrip("#"))
    text = page.read_text(encoding="utf-8")
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{level}}} |\Z)", text, re.DOTALL | re.MULTILINE)
    assert found, f"{page.name} has no heading {heading!r}"
    return found[1]


def fenced(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def rows(text: str) -> dict[str, list[str]]:
    """Return the cells of a Markdown table's rows by the first code in their first cell."""
    out = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        if line.startswith("| `"):
            out[re.search(r"`([^`]+)`", cells[0])[1]] = cells
    return out


def commands() -> dict[str, argparse.ArgumentParser]:
    (action,) = [a for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction)]
    return dict(action.choices)


# The command line


@pytest.mark.parametrize("command", commands())
def test_every_option_is_described(command):
    text = section(ROOT / "docs" / "command-line.md", f"## harmoniq {command}")
    if "[those of `run`]" in text:
        text += section(ROOT / "docs" / "command-line.md", "## harmoniq run")
    for action in commands()[command]._actions:
        if isinstance(action, argparse._HelpAction | argparse._VersionAction):
            continue
        for option in action.option_strings or [str(action.metavar or action.dest)]:
            word = rf"(?<![\w-]){re.escape(option)}(?![\w-])"
            assert re.search(word, text) or option == "level", f"harmoniq {command}: {option} is not described"
        described = next(
            (line for line in text.splitlines() if any(f"`{o}" in line for o in action.option_strings)), ""
        )
        for choice in action.choices or () if action.option_strings else ():
            assert choice in described, f"harmoniq {command} {action.option_strings[0]}: {choice} is not described"


@pytest.mark.parametrize("command", commands())
def test_no_described_option_is_gone(command):
    text = section(ROOT / "docs" / "command-line.md", f"## harmoniq {command}")
    known = {option for action in commands()[command]._actions for option in action.option_strings}
    for line in text.splitlines():
        if line.startswith("| `-"):
            first = line.split(" | ")[0]
            assert set(re.findall(r"(?<![\w-])--?[a-z][a-z0-9-]*", first)) <= known, line


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_examples_parse(page):
    for block in fenced(page, "bash"):
        for line in filter(None, block.splitlines()):
            words = shlex.split(line)
            assert words[0] == "harmoniq", line
            build_parser().parse_args(words[1:])


def test_epilogs_parse():
    for parser in commands().values():
        for line in (parser.epilog or "").splitlines()[1:]:
            build_parser().parse_args(shlex.split(line)[1:])


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        assert set(re.findall(r"(?:^    |`)make ([a-z-]+)", page.read_text(), re.MULTILINE)) <= targets, page.name


# The configuration


@pytest.mark.parametrize("table", TABLES)
def test_every_setting_is_described_with_its_default(table):
    described = rows(section(ROOT / "docs" / "configuration.md", f"## [{table}]"))
    values = getattr(load_settings(), table)
    fields = dataclasses.fields(values)
    assert set(described) == {field.name for field in fields}
    for field in fields:
        _, default, meaning = described[field.name]
        value = getattr(values, field.name)
        shown = tomllib.loads(f"value = {default.strip('`')}")["value"]
        assert (tuple(shown) if isinstance(shown, list) else shown) == value, field.name
        for choice in field.metadata["choices"]:
            assert f"`{choice}`" in meaning, f"{table}.{field.name}: {choice} is not described"
        if field.metadata["bounds"]:
            low, high = (f"{bound:g}" if bound < 1e5 else str(bound) for bound in field.metadata["bounds"])
            assert f"{low} to {high}" in meaning, f"{table}.{field.name}: {low} to {high} is not described"


def test_every_table_is_described():
    for field in dataclasses.fields(Settings):
        if field.name != "source":
            section(ROOT / "docs" / "configuration.md", f"## [{field.name}]")


def test_columns_and_site_keys_are_described():
    page = ROOT / "docs" / "configuration.md"
    assert set(rows(section(page, "## [columns]"))) == set(PARTICIPANT_COLUMNS)
    described = set(rows(section(page, "## [sites]")))
    assert described == {key for keys in SITE_KEYS.values() for key in keys}
    for suffix in SITE_KEYS:
        assert f"`[sites.<site>.{suffix}]`" in section(page, "## [sites]")


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_toml_examples_load(page, tmp_path):
    for block in fenced(page, "toml"):
        file = tmp_path / "study.toml"
        file.write_text(block)
        load_settings(file)


def test_json_examples_are_filters(tmp_path):
    blocks = fenced(ROOT / "docs" / "own-data.md", "json")
    assert blocks
    for block in blocks:
        file = tmp_path / "filter.json"
        file.write_text(json.dumps(json.loads(block)))
        assert set(read_filters(file)) <= set(QUERIES)
    for query in QUERIES:
        assert f"`{query}`" in (ROOT / "docs" / "own-data.md").read_text()


def test_timing_examples_are_feasible():
    """The MP2RAGE values of the example sites must not be refused by the checks that users meet."""
    from harmoniq.data.metadata import mp2rage_timing

    found = 0
    for page in PAGES:
        for block in fenced(page, "toml"):
            for site in tomllib.loads(block).get("sites", {}).values():
                sidecar = {"RepetitionTimePreparation": 5.0, "InversionTime": [0.7, 2.5], "FlipAngle": [4, 5]}
                missing = {key: value for key, value in sidecar.items() if key not in site["MP2RAGE"]}
                mp2rage_timing([{}, {}, missing], site["MP2RAGE"], 0.96, file="example", notes=[])
                found += 1
    assert found


# The outputs


def test_columns_of_tables_are_described():
    from harmoniq.harmonization.adapt import ADAPTATION_COLUMNS
    from harmoniq.regions.bundles import PROFILE_COLUMNS
    from harmoniq.statistics import (
        age_models,
        age_summaries,
        alternatives,
        edss,
        group_differences,
        pca,
        scorecard,
        site_effects,
        zscores,
    )
    from harmoniq.statistics.applied import ZSCORES_COLUMNS
    from harmoniq.statistics.harmonization_diagnostics import DIAGNOSTICS_COLUMNS
    from harmoniq.statistics.held_out import HELD_OUT_COLUMNS

    page = ROOT / "docs" / "outputs.md"
    tables = {
        "### `*_profiles.tsv`": PROFILE_COLUMNS,
        "### `*_regions.tsv`": REGION_COLUMNS,
        "### `site_effects.tsv`": site_effects.SITE_EFFECTS_COLUMNS,
        "### `pca.tsv`": pca.PCA_COLUMNS,
        "### `pca_summary.tsv`": pca.PCA_SUMMARY_COLUMNS,
        "### `age_models.tsv`": age_models.AGE_MODELS_COLUMNS,
        "### `peak_age_summary.tsv`": age_summaries.PEAK_AGE_SUMMARY_COLUMNS,
        "### `peak_age_correlation.tsv`": age_summaries.PEAK_AGE_CORRELATION_COLUMNS,
        "### `rmse_change.tsv`": age_summaries.RMSE_CHANGE_COLUMNS,
        "### `group_differences.tsv`": group_differences.GROUP_DIFFERENCES_COLUMNS,
        "### `held_out_bias.tsv`": HELD_OUT_COLUMNS,
        "### `harmonization_diagnostics.tsv`": (*DIAGNOSTICS_COLUMNS, *DIAGNOSTICS_COLUMNS["check"]["Levels"]),
        "### Saved models applied": (*ADAPTATION_COLUMNS, *ZSCORES_COLUMNS),
        "### `table3_group_differences.tsv`": group_differences.TABLE3_COLUMNS,
        "### `zscores.tsv`": zscores.ZSCORES_COLUMNS,
        "### `zscore_summary.tsv`": zscores.ZSCORE_SUMMARY_COLUMNS,
        "### `edss.tsv`": edss.EDSS_COLUMNS,
        "### `edss_partial.tsv`": edss.EDSS_PARTIAL_COLUMNS,
        "### `scorecard.tsv`": scorecard.SCORECARD_COLUMNS,
        "### `alternatives.tsv`": alternatives.ALTERNATIVES_COLUMNS,
    }
    for heading, columns in tables.items():
        text = section(page, heading)
        for column in columns:
            assert f"`{column}`" in text, f"{heading}: {column}"


# All pages


def anchor(heading: str) -> str:
    """Return the anchor that GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.replace("\\", "").lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_links_resolve(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, part = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name}: {target}"
        if part:
            headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert part in map(anchor, headings), f"{page.name}: {target}"


def test_contents_name_every_page():
    """By a toctree, on whatever page: what none names cannot be reached in the site."""
    named = set()
    for page in DOCS:
        for tree in re.findall(r"^```{toctree}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
            for entry in tree.splitlines():
                if entry and not entry.startswith(":"):
                    named.add((page.parent / f"{entry}.md").resolve())
    assert named - set(DOCS) == {ROOT / "docs" / "api" / "index.md"}
    assert set(DOCS) - named == {ROOT / "docs" / "index.md"}


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_nothing_is_left_to_do(page):
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"\b(?:TODO|FIXME|XXX|TBD)\b", text)
    assert not re.search(r"(?:^|[\s`'\"(])/(?:work|root|tmp|home)/", text), "a path of some machine"


def test_citation_and_changes_have_the_version():
    import harmoniq

    assert f"version: {harmoniq.__version__}" in (ROOT / "CITATION.cff").read_text()
    assert f"## {harmoniq.__version__}" in (ROOT / "CHANGES.md").read_text()


def test_citation_is_yaml_with_what_the_format_requires():
    yaml = pytest.importorskip("yaml")
    content = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(content)
    assert content["references"][0]["doi"] == "10.1162/IMAG.a.1140"


def test_hooks_need_no_remote_host():
    yaml = pytest.importorskip("yaml")
    content = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    assert [repo["repo"] for repo in content["repos"]] == ["local"]
    assert all(hook["language"] == "system" for hook in content["repos"][0]["hooks"])
