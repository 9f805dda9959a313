"""Builds the wheel of weir_worker: what PEP 517 and PEP 660 ask of a build backend, for this one package.

It is pure Python without dependencies, so its wheel is a zip of its sources and four small files.
"""
import base64
import hashlib
import io
import os
import re
import tarfile
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = "weir_worker"


def read(name):
    with open(os.path.join(HERE, name), "rb") as file:
        return file.read()


def project(key):
    """A string of pyproject.toml (tomllib came with Python 3.11): each is on a line of its own."""
    return re.search(f'^{key} = "(.*)"$', read("pyproject.toml").decode(), re.M).group(1)


STEM = f"{PACKAGE}-{project('version')}"


def metadata():
    return (f"Metadata-Version: 2.1\nName: {project('name')}\nVersion: {project('version')}\n"
            f"Summary: {project('description')}\nLicense: MIT\nRequires-Python: {project('requires-python')}\n"
            "Description-Content-Type: text/markdown\n\n").encode() + read("README.md")


def sources():
    names = sorted(os.listdir(os.path.join(HERE, PACKAGE)))
    return {f"{PACKAGE}/{name}": read(f"{PACKAGE}/{name}") for name in names if name.endswith((".py", ".typed"))}


def write_wheel(directory, files):
    info = f"{STEM}.dist-info"
    files = {**files, f"{info}/METADATA": metadata(),
             f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: weir\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    record = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip('=')},{len(data)}\n"
        for name, data in files.items())
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    wheel = f"{STEM}-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, wheel), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name)  # of 1980: equal sources make equal wheels
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return wheel


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    return write_wheel(wheel_directory, sources())


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    return write_wheel(wheel_directory, {f"{PACKAGE}.pth": f"{HERE}\n".encode()})


def build_sdist(sdist_directory, config_settings=None):
    files = {name: read(name) for name in ("README.md", "pyproject.toml", "wheel_backend.py")}
    sdist = f"{STEM}.tar.gz"
    with tarfile.open(os.path.join(sdist_directory, sdist), "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for name, data in {"PKG-INFO": metadata(), **files, **sources()}.items():
            entry = tarfile.TarInfo(f"{STEM}/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return sdist
