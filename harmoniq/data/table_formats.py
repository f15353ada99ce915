"""Tables for manuscripts: Markdown and LaTeX beside the TSV."""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pandas as pd

from harmoniq.data.files import write_text

_LATEX: Final = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "×": r"$\times$", "±": r"$\pm$", "²": r"\textsuperscript{2}", "³": r"\textsuperscript{3}", "°": r"$^\circ$",
    "Δ": r"$\Delta$", "η": r"$\eta$", "β": r"$\beta$", "ρ": r"$\rho$", "χ": r"$\chi$", "−": r"$-$",
    "↓": r"$\downarrow$", "↑": r"$\uparrow$",
}  # fmt: skip


def write_formats(frame: pd.DataFrame, path: str | Path, *, caption: str, digits: int = 3) -> list[Path]:
    """Write a table as Markdown and as LaTeX.

    Parameters
    ----------
    frame : pandas.DataFrame
        Its column names are the heads.
    path : path
        Without a suffix; ``.md`` and ``.tex`` are added.
    caption : str
        One sentence.
    digits : int
        Significant digits of numbers that are not whole.

    Returns
    -------
    list of path
        The files that were written.
    """
    heads = [str(name) for name in frame.columns]
    numeric = [pd.api.types.is_numeric_dtype(frame[name]) for name in frame.columns]
    cells = [[cell_text(value, digits) for value in row] for row in frame.itertuples(index=False, name=None)]
    target = Path(path)
    return [
        write_text(target.with_name(target.name + ".md"), markdown(heads, cells, numeric, caption)),
        write_text(target.with_name(target.name + ".tex"), latex(heads, cells, numeric, caption)),
    ]


def markdown(heads: list[str], cells: list[list[str]], numeric: list[bool], caption: str) -> str:
    """Return a Markdown table with its caption above.

    Parameters
    ----------
    heads : list of str
        Heads of the columns.
    cells : list of list of str
        Text of each cell, row by row.
    numeric : list of bool
        By column: numbers are set to the right.
    caption : str
        One line above the table.

    Returns
    -------
    str
        Vertical bars in cells are escaped.
    """
    lines = [caption, "", _row(heads), _row(["---:" if flag else "---" for flag in numeric])]
    return "\n".join([*lines, *(_row([cell.replace("|", "\\|") for cell in row]) for row in cells)]) + "\n"


def latex(heads: list[str], cells: list[list[str]], numeric: list[bool], caption: str) -> str:
    """Return a LaTeX ``longtable`` with rules of ``booktabs``; needs both packages, and a LaTeX that reads UTF-8.

    Parameters
    ----------
    heads : list of str
        Heads of the columns.
    cells : list of list of str
        Text of each cell, row by row.
    numeric : list of bool
        By column: numbers are set to the right.
    caption : str
        One line above the table; escaped as the cells are.

    Returns
    -------
    str
        With a line break at its end.
    """
    columns = "".join("r" if flag else "l" for flag in numeric)
    head = " & ".join(map(latex_text, heads)) + r" \\"
    body = [" & ".join(map(latex_text, row)) + r" \\" for row in cells]
    lines = [
        r"% needs \usepackage{booktabs,longtable}",
        rf"\begin{{longtable}}{{{columns}}}",
        rf"\caption{{{latex_text(caption)}}} \\",
        r"\toprule", head, r"\midrule", r"\endfirsthead",
        r"\toprule", head, r"\midrule", r"\endhead",
        *body,
        r"\bottomrule",
        r"\end{longtable}",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def latex_text(text: str) -> str:
    r"""Return text with everything that means something to LaTeX escaped.

    Parameters
    ----------
    text : str
        Plain text.

    Returns
    -------
    str
        To stand in LaTeX; signs such as ± and Δ become commands.

    Examples
    --------
    >>> latex_text("R2* of 5 % & d_MS < 0")
    'R2* of 5 \\% \\& d\\_MS \\textless{} 0'
    """
    return "".join(_LATEX.get(sign, sign) for sign in text)


def cell_text(value: object, digits: int = 3) -> str:
    """Return a cell as text: whole numbers in full, others with `digits` significant digits, n/a where missing.

    Parameters
    ----------
    value : object
        Number, flag, text, or what is missing.
    digits : int, optional
        Significant digits of numbers that are not whole.

    Returns
    -------
    str
        ``yes`` or ``no`` for a flag.
    """
    if isinstance(value, bool) or type(value).__name__ == "bool_":
        return "yes" if value else "no"
    if value is None or value is pd.NA:
        return "n/a"
    if isinstance(value, (int, float)) or hasattr(value, "dtype"):
        number = float(value)  # type: ignore[arg-type]
        if math.isnan(number):
            return "n/a"
        if number == int(number) and abs(number) < 1e7:
            return str(int(number))
        text = f"{number:#.{digits}g}"
        return re.sub(r"\.$", "", text)
    return str(value)


def rename(frame: pd.DataFrame, titles: Mapping[str, str]) -> pd.DataFrame:
    """Return the columns that have a title, in the titles' order and under them.

    Parameters
    ----------
    frame : DataFrame
        Any table.
    titles : mapping of str to str
        Head by the name of the column.

    Returns
    -------
    DataFrame
        A new table; columns without a title are left out.
    """
    return frame[[name for name in titles if name in frame]].rename(columns=dict(titles))


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
