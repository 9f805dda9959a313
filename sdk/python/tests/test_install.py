"""Installed by pip into an environment of its own."""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from importlib.metadata import PackageNotFoundError, version

import support

def can_build():
    try:
        version("pip")
        major = [int(part) for part in version("setuptools").split(".")[:2]]
        return major >= [70, 1] or (major >= [61] and bool(version("wheel")))
    except PackageNotFoundError:
        return False


READY = '{"jsonrpc":"2.0","id":1,"method":"add","params":[3,4]}\n'


def readmes_worker():
    with open(os.path.join(support.SDK, "README.md"), encoding="utf-8") as file:
        return re.search("```python\n(.*?)```", file.read(), re.S)[1]


class Install(unittest.TestCase):
    def pip(self, *arguments):
        done = subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=200)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_pip_installs_it(self):
        """install: pip, without a network, into a fresh environment; else PYTHONPATH serves"""
        if not can_build():
            self.skipTest("needs pip, and setuptools 61 with wheel, or setuptools 70.1")
        with tempfile.TemporaryDirectory(prefix="weir-sdk.") as folder:
            # The build writes into its source: so it gets a copy.
            copy = os.path.join(folder, "python")
            shutil.copytree(support.SDK, copy, ignore=shutil.ignore_patterns("__pycache__", "tests"))
            subprocess.run(["chmod", "-R", "u+w", copy], check=True)
            self.pip("wheel", "--no-build-isolation", "--no-index", "--no-deps", "-w", folder, copy)
            place = os.path.join(folder, "venv")
            made = subprocess.run([sys.executable, "-m", "venv", "--without-pip", place])
            if made.returncode != 0:
                self.skipTest("no venv")
            python = os.path.join(place, "bin/python")
            packages = subprocess.run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
                                      text=True, check=True, stdout=subprocess.PIPE).stdout.strip()
            self.pip("install", "--no-index", "--no-deps", "--target", packages, *glob.glob(folder + "/*.whl"))
            program = os.path.join(folder, "math_worker.py")
            with open(program, "w", encoding="utf-8") as file:
                file.write(readmes_worker())
            environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
            done = subprocess.run([python, program], input=READY, text=True, capture_output=True,
                                  env=environment, cwd=folder, timeout=30)
            self.assertEqual(done.stdout, '{"jsonrpc":"2.0","id":1,"result":7}\n', done.stderr)
            typed = os.path.join(os.path.dirname(subprocess.run(
                [python, "-c", "import weir_worker; print(weir_worker.__file__)"], text=True, check=True,
                stdout=subprocess.PIPE, env=environment, cwd=folder).stdout.strip()), "py.typed")
            self.assertTrue(typed.startswith(place) and os.path.exists(typed), typed)


if __name__ == "__main__":
    unittest.main()
