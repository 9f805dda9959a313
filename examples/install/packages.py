"""Makes packages and sets of them for test.sh: packages.py DIRECTORY

goproxy/ is a module proxy of files, wheels/ has wheels; set1 and set2 are sets for install.sh, each
with one version of both. In hash one hash is wrong; contract asks for a version that is not there.
"""

import base64
import hashlib
import json
import sys
import zipfile
from pathlib import Path

MODULE = "example.org/hello"
GO = """package main

import "fmt"

func main() { fmt.Println("hello %s") }
"""


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def add_module(proxy: Path, version: str) -> str:
    """Returns its hash, the h1 of go.sum: of the list of the hashes of its files."""
    at = proxy / MODULE / "@v"
    at.mkdir(parents=True, exist_ok=True)
    files = {
        "go.mod": f"module {MODULE}\n\ngo 1.19\n".encode(),
        "main.go": (GO % version).encode(),
    }
    with zipfile.ZipFile(at / f"v{version}.zip", "w") as archive:
        for name, data in files.items():
            archive.writestr(f"{MODULE}@v{version}/{name}", data)
    (at / f"v{version}.mod").write_bytes(files["go.mod"])
    (at / f"v{version}.info").write_text(json.dumps({"Version": f"v{version}"}))
    with open(at / "list", "a") as versions:
        versions.write(f"v{version}\n")
    lines = (f"{sha256(data).hex()}  {MODULE}@v{version}/{name}\n" for name, data in files.items())
    return "h1:" + base64.b64encode(sha256("".join(lines).encode())).decode()


def add_wheel(wheels: Path, version: str) -> str:
    """Returns its hash. It depends on a package that is nowhere."""
    wheels.mkdir(exist_ok=True)
    info = f"greet-{version}.dist-info"
    files = {
        "greet/__init__.py": "",
        "greet/__main__.py": f'print("greet {version}")\n',
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: greet\n"
        f"Version: {version}\nRequires-Dist: there-is-no-such-package\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    path = wheels / f"greet-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
        record = "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"])
        archive.writestr(f"{info}/RECORD", record)
    return sha256(path.read_bytes()).hex()


def add_set(at: Path, version: str, hashes: tuple[str, str], wanted: str) -> None:
    at.mkdir()
    (at / "tools.txt").write_text(
        f"go {MODULE} v{version} {hashes[0]}\nwheel greet {version} {hashes[1]}\n"
    )
    names = {"hello": ["hello"], "greet": ["python3", "-m", "greet"]}
    for name, argv in names.items():
        tool = {"name": name, "argv": argv, "timeout_s": 60}
        (at / f"{name}.tool.json").write_text(json.dumps(tool))
    tool = {"required": ["version"], "properties": {"version": {"const": wanted}}}
    tools = {"required": list(names), "properties": dict.fromkeys(names, tool)}
    (at / "contract.json").write_text(json.dumps({"properties": {"tools": tools}}))


def main(work: Path) -> None:
    hashes = {}
    for version in "1.0.0", "1.1.0":
        hashes[version] = (
            add_module(work / "goproxy", version),
            add_wheel(work / "wheels", version),
        )
    add_set(work / "set1", "1.0.0", hashes["1.0.0"], "1.0.0")
    add_set(work / "set2", "1.1.0", hashes["1.1.0"], "1.1.0")
    wrong = (hashes["1.1.0"][0], hashes["1.0.0"][1])
    add_set(work / "hash", "1.1.0", wrong, "1.1.0")
    add_set(work / "contract", "1.1.0", hashes["1.1.0"], "1.2.0")


main(Path(sys.argv[1]))
