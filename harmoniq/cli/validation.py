"""The BIDS validator, where it is installed (``bids-validator-deno``, offline)."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

_LIMIT = 5


def validate(bids_dir: Path) -> list[str]:
    """Run the BIDS validator.

    Parameters
    ----------
    bids_dir : Path
        Raw BIDS dataset.

    Returns
    -------
    list of str
        At most six lines that say what it finds wrong; none when all is well or it is not installed.
    """
    beside = Path(sys.executable).with_name("bids-validator-deno")
    command = str(beside) if beside.is_file() else shutil.which("bids-validator-deno")
    if command is None:
        return []
    options = ["--ignoreNiftiHeaders", "--ignoreWarnings", "--format", "json"]
    try:
        done = subprocess.run(
            [command, str(bids_dir), *options], capture_output=True, text=True, timeout=600, check=False
        )
        issues = json.loads(done.stdout)["issues"]["issues"]
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError):
        return ["the BIDS validator could not be run; --skip-bids-validation leaves it out"]
    errors = [issue for issue in issues if issue.get("severity") == "error"]
    lines = [f"BIDS validator: {issue.get('code')}: {issue.get('location', '')}" for issue in errors[:_LIMIT]]
    if len(errors) > _LIMIT:
        lines.append(f"BIDS validator: {len(errors) - _LIMIT} more errors")
    return lines
