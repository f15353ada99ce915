"""The error that a user can mend: it names the file, the key, the value and the remedy."""

from pathlib import Path


class InputError(Exception):
    """A wrong argument, configuration or input file, said in one sentence.

    Parameters
    ----------
    problem : str
        What is wrong, without a full stop.
    file, key, value
        Where it was found; each is named in the message when it is given.
    remedy : str, optional
        What the user can do about it.

    Examples
    --------
    >>> print(InputError("must be in seconds", file="a.json", key="EchoTime", value=6.1, remedy="divide by 1000"))
    a.json: EchoTime = 6.1: must be in seconds; divide by 1000
    """

    def __init__(
        self,
        problem: str,
        *,
        file: str | Path | None = None,
        key: str | None = None,
        value: object = None,
        remedy: str | None = None,
    ) -> None:
        self.problem, self.file, self.key, self.value, self.remedy = problem, file, key, value, remedy
        super().__init__(problem)

    def __str__(self) -> str:
        """Return the sentence on one line."""
        where = [str(self.file)] if self.file is not None else []
        if self.key is not None:
            where.append(self.key if self.value is None else f"{self.key} = {self.value}")
        sentence = ": ".join([*where, self.problem])
        text = sentence if self.remedy is None else f"{sentence}; {self.remedy}"
        return " ".join(text.split())

    def __reduce__(self) -> tuple:
        """Survive the way back from a worker process, keyword arguments included."""
        return _rebuild, (self.problem, self.file, self.key, self.value, self.remedy)


def _rebuild(problem: str, file: object, key: str | None, value: object, remedy: str | None) -> InputError:
    return InputError(problem, file=None if file is None else str(file), key=key, value=value, remedy=remedy)
