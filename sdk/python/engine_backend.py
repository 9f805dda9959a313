"""Builds wheels of weir with its engine, the command, its helpers and its man pages.

The top of a source distribution has this as its backend (PEP 517): it runs configure and make, so
it needs what building weir needs, and the wheel uses this system's libraries. scripts/build-wheel
makes the wheel for other systems of it (release()).
"""

import glob
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Sequence
from typing import Any, Optional

import wheel_backend
from wheel_backend import HERE, STEM, project

TOP = os.path.dirname(os.path.dirname(HERE))
DATA = f"{STEM}.data"
ENGINE = "sdk/python/_native.la"
PROGRAMS = ("weir", "weir-probe", "weir-spawner")
# The system's static libraries; libpipeline has none in Debian and stays a shared one.
STATIC = {
    "LIBUV": "-l:libuv_a.a -lpthread -ldl -lrt",
    "JANSSON": "-l:libjansson.a",
    "NETTLE": "-l:libnettle.a",
    "PCRE2": "-l:libpcre2-8.a",
}
# Where the prefix has libweir, and the libraries that it uses: a directory of its own for these.
LIBRARY = "libweir.la"
LIBRARY_USES = ("libuv.so", "libjansson.so")
# What is linked into the programs or lies beside them, and where Debian has its licence.
LICENSED = ("libuv1", "libjansson4", "libpipeline1", "libnettle8", "libpcre2-8-0")
GPL = "/usr/share/common-licenses/GPL-3"


def build(folder: str, targets: "tuple[str, ...]", settings: "dict[str, str]") -> str:
    """Configures in a folder and makes targets there."""
    headers = sysconfig.get_path("include")
    if ENGINE in targets and not os.path.exists(os.path.join(headers, "Python.h")):
        raise SystemExit(
            f"there is no Python.h in {headers}: install Python's headers (python3-dev on Debian)"
        )
    os.makedirs(folder, exist_ok=True)
    environment = {**os.environ, "PYTHON3": sys.executable}
    if not os.path.exists(os.path.join(folder, "Makefile")):
        words = [f"{name}={value}" for name, value in settings.items()]
        configure = os.path.join(TOP, "configure")
        subprocess.run([configure, "-q", *words], cwd=folder, env=environment, check=True)
    jobs = f"-j{os.cpu_count() or 1}"
    subprocess.run(["make", "-s", jobs, *targets], cwd=folder, env=environment, check=True)
    return folder


def pages(folder: str) -> "list[str]":
    """The man pages of the command, made there or as the release has them."""
    subprocess.run(["make", "-s", "man"], cwd=folder, check=True)
    found = glob.glob(os.path.join(folder, "docs", "man", "*.1"))
    return sorted(found or glob.glob(os.path.join(TOP, "docs", "man", "*.1")))


def stripped(path: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        copy = os.path.join(folder, "stripped")
        subprocess.run(["strip", "-o", copy, path], check=True)
        with open(copy, "rb") as file:
            return file.read()


def development(folder: str, uses: "Sequence[str]") -> "dict[str, bytes]":
    """libweir for C, as an installation has it below its prefix; uses: libraries that it has along."""
    built = os.path.join(folder, ".libs", "libweir.so.1")
    with tempfile.TemporaryDirectory() as scratch:
        copy = os.path.join(scratch, "libweir.so.1")
        shutil.copy(built, copy)
        if uses:
            subprocess.run(["patchelf", "--set-rpath", "$ORIGIN/weir", copy], check=True)
        files = {"lib/libweir.so.1": stripped(copy)}
    # A wheel has no symbolic links; the linker reads this.
    files["lib/libweir.so"] = b"INPUT(libweir.so.1)\n"
    for path in uses:
        files[f"lib/weir/{os.path.basename(path)}"] = stripped(path)
    for header in sorted(glob.glob(os.path.join(TOP, "include", "weir", "*.h"))):
        with open(header, "rb") as file:
            files[f"include/weir/{os.path.basename(header)}"] = file.read()
    with open(os.path.join(folder, "weir.pc"), encoding="utf-8") as file:
        text = file.read()
    for name, place in (
        ("prefix", "${pcfiledir}/../.."),
        ("exec_prefix", "${prefix}"),
        ("libdir", "${prefix}/lib"),
        ("includedir", "${prefix}/include"),
        ("Libs:", "-L${libdir} -Wl,-rpath,${libdir} -lweir"),
    ):
        line = f"{name} {place}" if name.endswith(":") else f"{name}={place}"
        text = re.sub(f"(?m)^{name}[ =].*$", lambda _, line=line: line, text)
    text = "".join(line for line in text.splitlines(True) if ".private:" not in line)
    files["lib/pkgconfig/weir.pc"] = text.encode()
    return {f"{DATA}/data/{name}": data for name, data in files.items()}


def contents(
    engine: str, programs: str, beside: "Optional[str]" = None, uses: "Sequence[str]" = ()
) -> "dict[str, bytes]":
    """The files of a wheel, from where the engine and the programs were built.

    beside: a shared library that goes beside weir-spawner. uses: those that libweir needs.
    """
    files = {**wheel_backend.sources(), **development(engine, uses)}
    native = os.path.join(engine, "sdk", "python", ".libs", "_native.so")
    files["weir/_native.abi3.so"] = stripped(native)
    files[f"{DATA}/scripts/weir"] = stripped(os.path.join(programs, "weir"))
    probe = stripped(os.path.join(programs, "weir-probe"))
    files[f"{DATA}/data/libexec/weir/weir-probe"] = probe
    spawner = stripped(os.path.join(programs, "weir-spawner"))
    # One for the package, which may be anywhere, and one for the command.
    for place in ("weir/_bin", f"{DATA}/data/libexec/weir"):
        files[f"{place}/weir-spawner"] = spawner
        if beside is not None:
            files[f"{place}/{os.path.basename(beside)}"] = stripped(beside)
    for page in pages(programs):
        with open(page, "rb") as file:
            files[f"{DATA}/data/share/man/man1/{os.path.basename(page)}"] = file.read()
    return files


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: Any = None) -> str:
    """Without it pip builds everything twice."""
    name = f"{STEM}.dist-info"
    os.mkdir(os.path.join(metadata_directory, name))
    with open(os.path.join(metadata_directory, name, "METADATA"), "wb") as file:
        file.write(wheel_backend.metadata())
    return name


def build_wheel(
    wheel_directory: str, config_settings: Any = None, metadata_directory: Any = None
) -> str:
    with tempfile.TemporaryDirectory(prefix="weir-wheel.") as folder:
        build(folder, (ENGINE, LIBRARY, *PROGRAMS), {})
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        return wheel_backend.write_wheel(
            wheel_directory, contents(folder, folder), f"cp39-abi3-{platform}"
        )


def build_sdist(sdist_directory: str, config_settings: Any = None) -> str:
    """The release of weir (make dist), and at its top what makes it a source distribution."""
    with tempfile.TemporaryDirectory(prefix="weir-sdist.") as folder:
        build(folder, ("dist",), {})
        with tarfile.open(os.path.join(folder, f"weir-{project('version')}.tar.xz")) as release:
            release.extractall(folder)
        tree = os.path.join(folder, f"weir-{project('version')}")
        with open(os.path.join(HERE, "pyproject.toml"), encoding="utf-8") as file:
            text = file.read().partition("\n[tool.")[0]
        text = text.replace('"wheel_backend"', '"engine_backend"')
        text = text.replace('backend-path = ["."]', 'backend-path = ["sdk/python"]')
        text = text.replace('readme = "', 'readme = "sdk/python/')
        with open(os.path.join(tree, "pyproject.toml"), "w", encoding="utf-8") as file:
            file.write(text + "\n")
        with open(os.path.join(tree, "PKG-INFO"), "wb") as info:
            info.write(wheel_backend.metadata())
        name = f"{STEM}.tar.gz"
        with tarfile.open(
            os.path.join(sdist_directory, name), "w:gz", format=tarfile.PAX_FORMAT
        ) as archive:
            archive.add(tree, STEM)
        return name


# --- The wheel for other systems: scripts/build-wheel ----------------------------------------------


def release(work: str, output: str) -> None:
    """Builds in work, with auditwheel and patchelf on the PATH, and writes to output."""
    settings = {"CFLAGS": "-O2 -g"}
    engine = build(os.path.join(work, "engine"), (ENGINE, LIBRARY), settings)
    static = {f"{name}_LIBS": libs for name, libs in STATIC.items()}
    static.update({f"{name}_CFLAGS": " " for name in STATIC})
    programs = build(os.path.join(work, "programs"), PROGRAMS, {**settings, **static})
    spawner = os.path.join(programs, "weir-spawner")
    pipeline = library_of(spawner, "libpipeline.so")
    built = os.path.join(engine, ".libs", "libweir.so.1")
    uses = [library_of(built, name) for name in LIBRARY_USES]
    subprocess.run(["patchelf", "--set-rpath", "$ORIGIN", spawner], check=True)
    made = os.path.join(work, "made")
    shutil.rmtree(made, ignore_errors=True)
    os.makedirs(made)
    machine = os.uname().machine
    name = wheel_backend.write_wheel(
        made,
        {**contents(engine, programs, pipeline, uses), **notices()},
        f"cp39-abi3-linux_{machine}",
        "MIT AND GPL-3.0-or-later AND LGPL-3.0-or-later AND BSD-3-Clause",
    )
    os.makedirs(output, exist_ok=True)
    subprocess.run(["auditwheel", "repair", "-w", output, os.path.join(made, name)], check=True)


def library_of(program: str, name: str) -> str:
    """The shared library that a program uses."""
    lines = subprocess.run(
        ["ldd", program], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.splitlines()
    found = [line.split()[2] for line in lines if line.strip().startswith(name)]
    if not found:
        raise SystemExit(f"{program} does not use {name}")
    return found[0]


def notices() -> "dict[str, bytes]":
    """The licences of what the wheel has in it besides weir."""
    files = {}
    for package in LICENSED:
        path = f"/usr/share/doc/{package}/copyright"
        with open(path, "rb") as file:
            files[f"{STEM}.dist-info/licenses/{package}.copyright"] = file.read()
    with open(GPL, "rb") as file:
        files[f"{STEM}.dist-info/licenses/GPL-3"] = file.read()
    files[f"{STEM}.dist-info/licenses/SOURCES"] = sources_of(LICENSED).encode()
    return files


def sources_of(packages: "Sequence[str]") -> str:
    """Where the sources of what is built in are: versions of Debian's source packages."""
    form = "${source:Package} ${source:Version}\\n"
    found = subprocess.run(
        ["dpkg-query", "-W", "-f", form, *packages], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    return (
        f"The source of weir is {STEM}.tar.gz, which is published beside this wheel. The libraries "
        "in it\nwere built from these source packages of Debian, as https://snapshot.debian.org has "
        f"them:\n\n{found}"
    )


if __name__ == "__main__":
    release(sys.argv[1], sys.argv[2])
