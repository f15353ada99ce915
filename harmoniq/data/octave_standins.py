"""Functions that the reference toolboxes call and Octave lacks, as small m-files of our own.

They are written into a job's folder and put before Octave's own functions. `docs/reference-engines.md` says why each
one is there.
"""

from collections.abc import Iterable
from pathlib import Path

_SILENT = "function varargout = {name} (varargin)\n  varargout = repmat ({{0}}, 1, nargout);\nend\n"
_PLOTTING = (
    "colorbar", "colormap", "figure", "hold", "imagesc", "legend", "plot", "set", "text", "title", "xlabel", "ylabel",
)  # fmt: skip

#: Figures that nobody sees: there is no display, and Octave without a graphics toolkit fails at the first of them.
PLOTTING = {name: _SILENT.format(name=name) for name in _PLOTTING}

#: MATLAB refuses sample points that are NaN, and Marques' scripts rely on its refusal; Octave computes on, to NaN.
INTERP1 = """function varargout = interp1 (x, varargin)
  if (any (isnan (x(:))))
    error ('MATLAB:interp1:NaNinX', 'interp1: the sample points hold NaN');
  end
  here = fileparts (mfilename ('fullpath'));
  rmpath (here);
  again = onCleanup (@() addpath (here));
  [varargout{1:max (nargout, 1)}] = feval ('interp1', x, varargin{:});
end
"""

#: SEPIA names its log by the time.
DATETIME = "function time = datetime (varargin)\n  time = now ();\nend\n"

#: SEPIA writes the report of an error before it hands it on; without this one the error itself would be lost.
GET_REPORT = """function text = getReport (err, varargin)
  text = err.message;
  for level = 1:numel (err.stack)
    text = sprintf ('%s\\n%s, line %d', text, err.stack(level).name, err.stack(level).line);
  end
end
"""

#: SEPIA's NIfTI functions ask whether there is Java before they compress; Octave compresses without.
USEJAVA = "function answer = usejava (varargin)\n  answer = true;\nend\n"

#: They also ask for a version of at least 7.1, of MATLAB: Octave 6 would not pass.
VERSION = "function text = version (varargin)\n  text = '9.0.0';\nend\n"

#: SEPIA's NLLS sets its options by it.
OPTIMOPTIONS = """function options = optimoptions (solver, varargin)
  options = optimset (varargin{:});
end
"""

#: SEPIA 1.2.2.4 calls it in R2star_NLLS without having it (its issue 99), in MATLAB too.
SET_IMG_RANGE = """function img = SetImgRange (img, range)
  low = min (range);
  img(~isfinite (img)) = low;
  img = min (max (img, low), max (range));
end
"""

SEPIA_OCTAVE = {
    "datetime": DATETIME,
    "getReport": GET_REPORT,
    "optimoptions": OPTIMOPTIONS,
    "usejava": USEJAVA,
    "version": VERSION,
}
SEPIA_ALWAYS = {"SetImgRange": SET_IMG_RANGE}
MARQUES_OCTAVE = {**PLOTTING, "interp1": INTERP1}


def write_standins(folder: Path, functions: Iterable[tuple[str, str]]) -> None:
    """Write each function into a file of its name in `folder`, which is made.

    Parameters
    ----------
    folder : Path
        Of the stand-ins alone.
    functions : iterable of tuple (str, str)
        Name and text of each function.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in functions:
        (folder / f"{name}.m").write_text(text, encoding="ascii")
