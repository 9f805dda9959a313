"""Programs of others, from npm and PyPI: installed once in a place that stays.  What cannot be
installed is a reason to skip."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import venv
from collections.abc import Iterator
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


@contextlib.contextmanager
def making(where: str) -> Iterator[bool]:
    """Whether something is to be made at this place, by nobody else meanwhile; what was left there
    by halves is removed."""
    with open(f"{where}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        is_made = os.path.exists(f"{where}/whole")
        if not is_made:
            shutil.rmtree(where, ignore_errors=True)
            os.makedirs(where)
        yield not is_made
        with open(f"{where}/whole", "w", encoding="utf-8"):
            pass


def install_npm(where: str, *packages: str) -> str:
    """The directory of the programs."""
    with making(where) as is_new:
        if is_new and shutil.which("npm") is None:
            raise Skip("npm is not installed")
        if is_new:
            run(["npm", "install", "--no-audit", "--no-fund", "--prefix", where, *packages])
    return f"{where}/node_modules/.bin"


def install_pypi(place: str, *requirements: str) -> str:
    """The Python that has them."""
    where = f"{place}/{requirements[0]}"
    with making(where) as is_new:
        if is_new:
            venv.create(where, with_pip=True)
            run([f"{where}/bin/python", "-m", "pip", "install", "-q", *requirements])
    return f"{where}/bin/python"
