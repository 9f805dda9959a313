"""The README's examples."""
import os
import re
import subprocess
import sys
import tempfile
import unittest

import support
import test_client


def readme(number):
    with open(os.path.join(support.SDK, "README.md"), encoding="utf-8") as file:
        return re.findall("```python\n(.*?)```", file.read(), re.S)[number]


class Readme(unittest.TestCase):
    def test_the_readme(self):
        """readme: its worker and client do what it says"""
        with tempfile.TemporaryDirectory(prefix="weir-sdk.") as folder:
            program = os.path.join(folder, "math_worker.py")
            with open(program, "w", encoding="utf-8") as file:
                file.write(readme(0))
            server = test_client.Server(program)
            try:
                code = readme(1).replace("connect()", f"connect({server.path!r})")
                done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True,
                                      env=support.environment(), timeout=60)
            finally:
                server.close()
            self.assertEqual((done.stdout, done.stderr), ("7\n45\n[3, 7]\n", ""))


if __name__ == "__main__":
    unittest.main()
