"""The works that the methods texts cite."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Citation:
    """A reference.

    Parameters
    ----------
    short : str
        How the text names it, e.g. ``Marques et al., 2010``.
    entry : str
        How the list names it, without the DOI.
    doi : str
        Without ``https://doi.org/``.
    """

    short: str
    entry: str
    doi: str


CITATIONS: Final = {
    "chen2026": Citation(
        "Chen et al., 2026",
        "Chen X, Ocampo-Pineda M, Lu P-J, et al. (2026). Cross-site quantitative MRI harmonization: The "
        "impact on age modeling in health and disease. Imaging Neuroscience 4, IMAG.a.1140.",
        "10.1162/IMAG.a.1140",
    ),
    "bids2016": Citation(
        "Gorgolewski et al., 2016",
        "Gorgolewski KJ, Auer T, Calhoun VD, et al. (2016). The brain imaging data structure, a format for "
        "organizing and describing outputs of neuroimaging experiments. Scientific Data 3, 160044.",
        "10.1038/sdata.2016.44",
    ),
    "nipype2011": Citation(
        "Gorgolewski et al., 2011",
        "Gorgolewski K, Burns CD, Madison C, et al. (2011). Nipype: a flexible, lightweight and extensible "
        "neuroimaging data processing framework in Python. Frontiers in Neuroinformatics 5, 13.",
        "10.3389/fninf.2011.00013",
    ),
    "marques2010": Citation(
        "Marques et al., 2010",
        "Marques JP, Kober T, Krueger G, et al. (2010). MP2RAGE, a self bias-field corrected sequence for "
        "improved segmentation and T1-mapping at high field. NeuroImage 49, 1271–1281.",
        "10.1016/j.neuroimage.2009.10.002",
    ),
    "marques2013": Citation(
        "Marques and Gruetter, 2013",
        "Marques JP, Gruetter R (2013). New developments and applications of the MP2RAGE sequence – focusing "
        "the contrast and high spatial resolution R1 mapping. PLoS ONE 8, e69294.",
        "10.1371/journal.pone.0069294",
    ),
    "chan2021": Citation(
        "Chan and Marques, 2021",
        "Chan K-S, Marques JP (2021). SEPIA – Susceptibility mapping pipeline tool for phase images. "
        "NeuroImage 227, 117611.",
        "10.1016/j.neuroimage.2020.117611",
    ),
    "pei2015": Citation(
        "Pei et al., 2015",
        "Pei M, Nguyen TD, Thimmappa ND, et al. (2015). Algorithm for fast monoexponential fitting based on "
        "Auto-Regression on Linear Operations (ARLO) of data. Magnetic Resonance in Medicine 73, 843–850.",
        "10.1002/mrm.25137",
    ),
    "fischl2012": Citation(
        "Fischl, 2012",
        "Fischl B (2012). FreeSurfer. NeuroImage 62, 774–781.",
        "10.1016/j.neuroimage.2012.01.021",
    ),
    "vanessen2005": Citation(
        "Van Essen, 2005",
        "Van Essen DC (2005). A Population-Average, Landmark- and Surface-based (PALS) atlas of human "
        "cerebral cortex. NeuroImage 28, 635–662.",
        "10.1016/j.neuroimage.2005.06.058",
    ),
    "cieslak2021": Citation(
        "Cieslak et al., 2021",
        "Cieslak M, Cook PA, He X, et al. (2021). QSIPrep: an integrative platform for preprocessing and "
        "reconstructing diffusion MRI data. Nature Methods 18, 775–778.",
        "10.1038/s41592-021-01185-5",
    ),
    "yeatman2012": Citation(
        "Yeatman et al., 2012",
        "Yeatman JD, Dougherty RF, Myall NJ, Wandell BA, Feldman HM (2012). Tract profiles of white matter "
        "properties: automating fiber-tract quantification. PLoS ONE 7, e49790.",
        "10.1371/journal.pone.0049790",
    ),
    "kruper2021": Citation(
        "Kruper et al., 2021",
        "Kruper J, Yeatman JD, Richie-Halford A, et al. (2021). Evaluating the reliability of human brain "
        "white matter tractometry. Aperture Neuro 2021(1), 25.",
        "10.52294/e6198273-b8e3-4b63-babb-6e6b0da10669",
    ),
    "renauld2026": Citation(
        "Renauld et al., 2026",
        "Renauld E, Boré A, Poirier C, et al. (2026). Tractography analysis with the scilpy toolbox. Aperture Neuro 6.",
        "10.52294/001c.154022",
    ),
    "johnson2007": Citation(
        "Johnson et al., 2007",
        "Johnson WE, Li C, Rabinovic A (2007). Adjusting batch effects in microarray expression data using "
        "empirical Bayes methods. Biostatistics 8, 118–127.",
        "10.1093/biostatistics/kxj037",
    ),
    "fortin2018": Citation(
        "Fortin et al., 2018",
        "Fortin J-P, Cullen N, Sheline YI, et al. (2018). Harmonization of cortical thickness measurements "
        "across scanners and sites. NeuroImage 167, 104–120.",
        "10.1016/j.neuroimage.2017.11.024",
    ),
    "pomponio2020": Citation(
        "Pomponio et al., 2020",
        "Pomponio R, Erus G, Habes M, et al. (2020). Harmonization of large MRI datasets for the analysis of "
        "brain imaging patterns throughout the lifespan. NeuroImage 208, 116450.",
        "10.1016/j.neuroimage.2019.116450",
    ),
    "kia2020": Citation(
        "Kia et al., 2020",
        "Kia SM, Huijsdens H, Dinga R, et al. (2020). Hierarchical Bayesian regression for multi-site "
        "normative modeling of neuroimaging data. MICCAI 2020, LNCS 12267, 699–709.",
        "10.1007/978-3-030-59728-3_68",
    ),
    "deboer2024": Citation(
        "de Boer et al., 2024",
        "de Boer AA, Bayer JMM, Kia SM, et al. (2024). Non-Gaussian normative modelling with hierarchical "
        "Bayesian regression. Imaging Neuroscience 2, 1–36.",
        "10.1162/imag_a_00132",
    ),
    "benjamini1995": Citation(
        "Benjamini and Hochberg, 1995",
        "Benjamini Y, Hochberg Y (1995). Controlling the false discovery rate: a practical and powerful "
        "approach to multiple testing. Journal of the Royal Statistical Society B 57, 289–300.",
        "10.1111/j.2517-6161.1995.tb02031.x",
    ),
}


def cite(*keys: str) -> str:
    """Return the names of works in brackets, each a link to its DOI, as HTML.

    Parameters
    ----------
    *keys : str
        Of `CITATIONS`.

    Returns
    -------
    str
        ``(Name 2010; Name 2012)`` with links.
    """
    linked = "; ".join(f'<a href="https://doi.org/{CITATIONS[k].doi}">{CITATIONS[k].short}</a>' for k in keys)
    return f"({linked})"


def reference_list(texts: Iterable[str]) -> str:
    """Return the list of the works that `texts` cite, in the order of their names, as HTML.

    Parameters
    ----------
    texts : iterable of str
        Paragraphs of HTML, with links by `cite`.

    Returns
    -------
    str
        A list; empty where nothing is cited.
    """
    whole = " ".join(texts)
    used = sorted((c for c in CITATIONS.values() if f"https://doi.org/{c.doi}" in whole), key=lambda c: c.entry)
    items = "".join(f'<li>{c.entry} <a href="https://doi.org/{c.doi}">doi:{c.doi}</a></li>' for c in used)
    return f'<ul class="references">{items}</ul>' if items else ""


def bibtex(texts: Iterable[str]) -> str:
    """Return the works that `texts` cite as BibTeX, in the order of their keys.

    Parameters
    ----------
    texts : iterable of str
        Paragraphs of HTML, with links by `cite`.

    Returns
    -------
    str
        Entries, one below the other; empty where nothing is cited.
    """
    whole = " ".join(texts)
    used = {key: work for key, work in sorted(CITATIONS.items()) if f"https://doi.org/{work.doi}" in whole}
    return "\n".join(_bibtex_entry(key, work) for key, work in used.items())


def _bibtex_entry(key: str, work: Citation) -> str:
    """Return a work as BibTeX: the entries all read ``Authors (year). Title. Journal volume, pages``."""
    found = re.fullmatch(r"(?P<authors>.+?) \((?P<year>\d{4})\)\. (?P<title>.+?)\. (?P<place>[^.].*?)\.?", work.entry)
    assert found is not None, key
    names = [name.strip() for name in found["authors"].split(",")]
    people = " and ".join("others" if name.startswith("et al") else ", ".join(name.rsplit(" ", 1)) for name in names)
    journal = re.fullmatch(r"(?P<name>.+?),? (?P<volume>\d[\w()]*)(?:, (?P<pages>[\w.–-]+))?", found["place"])
    fields = {"author": people, "year": found["year"], "title": f"{{{found['title']}}}"}
    if journal is not None:
        fields |= {"journal": journal["name"].strip(" ,"), "volume": journal["volume"], "pages": journal["pages"]}
    else:
        fields["journal"] = found["place"]
    fields["doi"] = work.doi
    lines = [f"  {name} = {{{str(value).replace('–', '--')}}}," for name, value in fields.items() if value]
    return "\n".join([f"@article{{{key},", *lines, "}"])
