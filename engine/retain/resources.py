"""The only place that knows where shipped data lives: inside a wheel, or beside `engine/` in a checkout."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def resource(folder: str) -> Path:
    """The shipped folder `rules` or `schemas`.

    Raises:
        FileNotFoundError: the installation is incomplete.
    """
    checkout = Path(__file__).parents[2] / folder
    if checkout.is_dir() and (checkout.parent / "pyproject.toml").is_file():
        return checkout
    packaged = Path(str(files("retain").joinpath(folder)))
    if packaged.is_dir():
        return packaged
    raise FileNotFoundError(f"{folder}/ is missing from this installation of retain")
