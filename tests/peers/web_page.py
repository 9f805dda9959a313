#!/usr/bin/env python3
"""The page of weir serve --http, and those of weir report, in Chromium, as web_page.mjs says.
Prints TAP.
web_page.py WEIR SRCDIR DIRECTORY

Installs playwright-core and axe-core from npm in DIRECTORY, once, and leaves screenshots there.
Skips without Chromium, Node.js, or npm's registry.
"""

import fcntl
import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "cli"))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import report_pages
from serve_http_door import door

PACKAGES = ["playwright-core@1.65.1", "axe-core@4.14.1"]
INSTALL_S = 300
RUN_S = 500


def find_browser() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path:
            return path
    return ""


def install(directory: str) -> str:
    """Returns why it cannot be had; "": it is there."""
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two tests use it
        return install_once(directory)


def install_once(directory: str) -> str:
    made = os.path.join(directory, "made")
    if os.path.exists(made):
        return ""
    with open(os.path.join(directory, "package.json"), "w", encoding="utf-8") as file:
        file.write('{"private": true}\n')
    words = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *PACKAGES]
    try:
        done = subprocess.run(words, cwd=directory, capture_output=True, timeout=INSTALL_S)
    except subprocess.TimeoutExpired:
        return "npm takes too long"
    if done.returncode != 0:
        return "npm cannot install playwright-core"
    with open(made, "w", encoding="utf-8"):
        pass
    return ""


def prepare(directory: str) -> tuple[str, str]:
    """Returns the browser, and why it cannot be driven; "": it can."""
    browser = find_browser()
    why = "Chromium is not installed" if not browser else ""
    for program in ("node", "npm"):
        if not why and not shutil.which(program):
            why = f"{program} is not installed"
    return browser, why or install(directory)


def main(directory: str) -> int:
    browser, why = prepare(directory)
    if why:
        print(f"1..0 # SKIP {why}")
        return 0
    report_pages.make(os.path.abspath(sys.argv[1]), os.path.join(directory, "reports"))
    worker = f"{sys.executable} {HERE}/web_page_worker.py"
    with door("-j2", worker=worker) as weir:
        words = ["node", os.path.join(HERE, "web_page.mjs"), str(weir.place[1]), browser]
        with subprocess.Popen([*words, os.path.abspath(directory)]) as node:
            try:
                return node.wait(timeout=RUN_S)
            finally:
                node.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[3]))
