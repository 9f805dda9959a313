"""Programs of others, from npm and PyPI: installed once in a place that stays.  What cannot be
installed is a reason to skip."""

import os
import shutil
import subprocess
import venv
from typing import Optional

from tap_cases import Skip

INSTALL_S = 300


def run(words: list[str], where: Optional[str] = None) -> None:
    try:
        done = subprocess.run(words, capture_output=True, timeout=INSTALL_S, check=False, cwd=where)
    except subprocess.TimeoutExpired:
        raise Skip(f"{words[0]} has not ended in {INSTALL_S} s") from None
    if done.returncode != 0:
        raise Skip(f"{os.path.basename(words[0])}: {done.stderr.decode()[-200:].strip()!r}")


def begin(where: str) -> bool:
    """Whether something is to be made at this place; what was left there by halves is removed."""
    if os.path.exists(f"{where}/whole"):
        return False
    shutil.rmtree(where, ignore_errors=True)
    os.makedirs(where)
    return True


def finish(where: str) -> None:
    with open(f"{where}/whole", "w", encoding="utf-8"):
        pass


def install_npm(where: str, *packages: str) -> str:
    """The directory of the programs."""
    if begin(where):
        if shutil.which("npm") is None:
            raise Skip("npm is not installed")
        run(["npm", "install", "--no-audit", "--no-fund", "--prefix", where, *packages])
        finish(where)
    return f"{where}/node_modules/.bin"


def install_pypi(place: str, *requirements: str) -> str:
    """The Python that has them."""
    where = f"{place}/{requirements[0]}"
    if begin(where):
        venv.create(where, with_pip=True)
        run([f"{where}/bin/python", "-m", "pip", "install", "-q", *requirements])
        finish(where)
    return f"{where}/bin/python"
