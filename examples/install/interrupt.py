"""Kills an installation at a random moment, and looks at what is there:
interrupt.py ROUNDS SECONDS PREFIX INSTALL.SH SET...

An installation takes about these SECONDS. Each round installs the next of the sets. What is there afterwards must be complete, and what was
there before or what the round was about to install.
"""

import os
import random
import signal
import subprocess
import sys
from pathlib import Path


def main(rounds: int, takes_s: int, prefix: str, install: str, sets: list[str]) -> None:
    seed = int.from_bytes(os.urandom(4), "big")
    moments = random.Random(seed)
    outcomes = {"old": 0, "new": 0}

    for number in range(1, rounds + 1):
        before = os.readlink(prefix)
        with subprocess.Popen(
            ["sh", install, prefix, sets[number % len(sets)]],
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as running:
            try:
                running.wait(timeout=moments.uniform(0, takes_s))
                assert running.returncode == 0, "it fails by itself"
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, signal.SIGKILL)
        is_old = os.readlink(prefix) == before
        outcomes["old" if is_old else "new"] += 1
        told = f"round {number} of seed {seed}"
        subprocess.run(["sh", install, "--check", prefix], check=True, timeout=60)
        go = subprocess.check_output([f"{prefix}/bin/hello"], text=True).split()[1]
        python = subprocess.check_output(
            [sys.executable, "-m", "greet"],
            env=dict(os.environ, PYTHONPATH=f"{prefix}/python", PYTHONDONTWRITEBYTECODE="1"),
            text=True,
        ).split()[1]
        assert go == python, f"{told}: a mixture of {go} and {python}"
        if not is_old:  # it is what this round installs
            wanted = Path(sets[number % len(sets)], "tools.txt").read_text().split()[2]
            assert wanted == f"v{go}", f"{told}: {go} and not {wanted}"
    print(f"interrupt.py: {outcomes['old']} old, {outcomes['new']} new", file=sys.stderr)


main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5:])
