"""Builds the pure wheel of weir: the hooks of PEP 517 and PEP 660, for this one distribution.

Without the engine it is Python without dependencies: a zip of its sources and a few small files.
"""

import base64
import hashlib
import io
import os
import re
import tarfile
import zipfile
from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDERS = ("weir", "weir/_worker", "weir_worker")


def read(name: str) -> bytes:
    with open(os.path.join(HERE, name), "rb") as file:
        return file.read()


def project(key: str) -> str:
    """A string of pyproject.toml (tomllib came with Python 3.11): each is on a line of its own."""
    found = re.search(f'^{key} = "(.*)"$', read("pyproject.toml").decode(), re.MULTILINE)
    assert found is not None, key
    return found.group(1)


STEM = f"{project('name')}-{project('version')}"


def metadata(license: str = project("license")) -> bytes:
    text = read("pyproject.toml").decode()
    urls = text.partition("\n[project.urls]\n")[2].partition("\n[")[0]
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {project('name')}",
        f"Version: {project('version')}",
        f"Summary: {project('description')}",
        f"License-Expression: {license}",
        "License-File: LICENSE",
        *(f"Classifier: {name}" for name in re.findall('^    "(.* :: .*)",$', text, re.MULTILINE)),
        *(
            f"Project-URL: {name}, {url}"
            for name, url in re.findall('^(.*) = "(.*)"$', urls, re.MULTILINE)
        ),
        f"Requires-Python: {project('requires-python')}",
        "Description-Content-Type: text/markdown",
    ]
    return "\n".join(lines).encode() + b"\n\n" + read("README.md")


def sources() -> dict[str, bytes]:
    return {
        f"{folder}/{name}": read(f"{folder}/{name}")
        for folder in FOLDERS
        for name in sorted(os.listdir(os.path.join(HERE, folder)))
        if name.endswith((".py", ".pyi", ".typed"))
    }


def write_wheel(
    directory: str,
    files: dict[str, bytes],
    tag: str = "py3-none-any",
    license: str = project("license"),
) -> str:
    info = f"{STEM}.dist-info"
    is_pure = "true" if tag.endswith("-any") else "false"
    files = {
        **files,
        f"{info}/METADATA": metadata(license),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: weir\nRoot-Is-Purelib: {is_pure}\n"
        f"Tag: {tag}\n".encode(),
        f"{info}/licenses/LICENSE": read("LICENSE"),
    }
    record = "".join(f"{name},sha256={hash_of(data)},{len(data)}\n" for name, data in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    wheel = f"{STEM}-{tag}.whl"
    with zipfile.ZipFile(os.path.join(directory, wheel), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name)  # of 1980: equal sources make equal wheels
            mode = 0o755 if data.startswith(b"\x7fELF") else 0o644
            entry.external_attr = (0o100000 | mode) << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return wheel


def hash_of(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


def build_wheel(
    wheel_directory: str, config_settings: Any = None, metadata_directory: Any = None
) -> str:
    return write_wheel(wheel_directory, sources())


def build_editable(
    wheel_directory: str, config_settings: Any = None, metadata_directory: Any = None
) -> str:
    return write_wheel(wheel_directory, {"weir.pth": f"{HERE}\n".encode()})


def build_sdist(sdist_directory: str, config_settings: Any = None) -> str:
    names = ("LICENSE", "README.md", "pyproject.toml", "wheel_backend.py")
    files = {"PKG-INFO": metadata(), **{name: read(name) for name in names}, **sources()}
    sdist = f"{STEM}.tar.gz"
    with tarfile.open(
        os.path.join(sdist_directory, sdist), "w:gz", format=tarfile.PAX_FORMAT
    ) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(f"{STEM}/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return sdist
