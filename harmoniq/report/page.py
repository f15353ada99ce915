"""A page: sections through the one template of all reports, into one file that needs nothing else."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from harmoniq.data.files import write_text
from harmoniq.report.blocks import Section


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("harmoniq.report", "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def replace_section(path: str | Path, section: Section) -> bool:
    """Put a section in the place of the one of the same id on a page that is there already.

    Parameters
    ----------
    path : path
        Of a page that `write_page` made.
    section : Section
        The new one; its id says which is replaced.

    Returns
    -------
    bool
        Whether the page has such a section; another page is left alone.
    """
    text = Path(path).read_text(encoding="utf-8")
    begin, end = f"<!-- {section.id} begins -->", f"<!-- {section.id} ends -->"
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        return False
    made = _environment().get_template("section.html").render(section=section)
    new = f"{before}{begin}\n{made}\n{end}{after}"
    if new != text:
        write_text(path, new)
    return True


def write_page(
    path: str | Path,
    *,
    title: str,
    subtitle: str,
    sections: Sequence[Section],
    version: str = "",
    status: str = "",
    template: str = "report.html",
    **further: object,
) -> Path:
    """Write a self-contained HTML page.

    Parameters
    ----------
    path : path
        Written whole or not at all.
    title, subtitle : str
        The heading, and the line under it.
    sections : sequence of Section
        In the order of the navigation; those without blocks are left out.
    version : str
        Of the program, for the foot of the page.
    status : str
        ``done``, ``failed``, ``partial`` or nothing: a badge beside the heading.
    template : str
        Of the project's templates.
    **further : object
        What else that template needs.

    Returns
    -------
    path
        The file that was written.
    """
    text = (
        _environment()
        .get_template(template)
        .render(
            title=title,
            subtitle=subtitle,
            sections=[section for section in sections if section.blocks],
            version=version,
            status=status,
            **further,
        )
    )
    return write_text(path, text)
