#!/usr/bin/env python3
"""Lists files and their expected MD5 sums, one JSON object a line.

    {"path":"/usr/bin/env","md5":"d41d...","package":"coreutils"}

The sums come from dpkg's database, read as dpkg itself reads it: diverted files
are looked for where they were put, a file that another package took over is
left to that package.  Two optional members tell the reader more:

    "path_base64"   the exact bytes of a name that is not UTF-8 ("path" is then
                    only fit for reading, with U+FFFD for each bad byte)
    "note"          "conffile": the administrator may change this file
                    "excluded by dpkg.cfg": dpkg was configured not to unpack it

On a machine without dpkg, or with --tree DIR, the files of a tree are hashed
here and listed in the same form.
"""

import argparse
import base64
import fnmatch
import hashlib
import json
import os
import re
import signal
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
MD5_LINE = re.compile(rb"([0-9a-f]{32}) [ *](.+)")


class Diversions:
    """Where dpkg really puts a file: three lines an entry, from, to, package."""

    def __init__(self, admindir):
        lines = read_lines(os.path.join(admindir, "diversions"))
        self.moved = {}
        for start in range(0, len(lines) - 2, 3):
            original, aside, owner = lines[start : start + 3]
            self.moved[original] = (aside, owner)

    def place(self, path, package):
        aside, owner = self.moved.get(path, (path, package))
        return path if owner == package else aside


class Exclusions:
    """The path-exclude and path-include rules of dpkg.cfg; the last match decides."""

    OPTION = re.compile(r"(?:--)?path-(exclude|include)(?:\s*=\s*|\s+)(.*)")

    def __init__(self, confdir):
        self.rules = []
        fragments = os.path.join(confdir, "dpkg.cfg.d")
        names = [name for name in list_dir(fragments) if re.fullmatch(r"[\w-]+", name, re.ASCII)]
        files = [os.path.join(fragments, name) for name in names]
        for file in files + [os.path.join(confdir, "dpkg.cfg")]:
            for line in read_lines(file):
                option = self.OPTION.fullmatch(os.fsdecode(line).strip())
                if option:
                    kind, pattern = option.groups()
                    if len(pattern) > 1 and pattern[0] == pattern[-1] and pattern[0] in "\"'":
                        pattern = pattern[1:-1]
                    matches = re.compile(fnmatch.translate(pattern)).match
                    self.rules.append((kind == "exclude", matches))

    def __contains__(self, path):
        path = os.fsdecode(path)
        for excludes, matches in reversed(self.rules):
            if matches(path):
                return excludes
        return False


def read_lines(path):
    """The lines of a file as bytes, without LF; none when there is no such file."""
    try:
        with open(path, "rb") as file:
            lines = file.read().split(b"\n")
    except FileNotFoundError:
        return []
    return lines if lines[-1] else lines[:-1]


def list_dir(path):
    try:
        return sorted(os.listdir(path))
    except FileNotFoundError:
        return []


def conffiles(admindir):
    """The configuration files that dpkg's status file names."""
    found, inside = set(), False
    for line in read_lines(os.path.join(admindir, "status")):
        if inside and line.startswith(b" "):
            found.add(line[1:].split(b" ")[0])
        else:
            inside = line == b"Conffiles:"
    return found


def packages(admindir):
    """The sum lists of dpkg's database: (package, path of the list)."""
    info = os.path.join(admindir, "info")
    for name in list_dir(info):
        if name.endswith(".md5sums"):
            yield name[: -len(".md5sums")], os.path.join(info, name)


def package_records(admindir, confdir):
    diversions = Diversions(admindir)
    exclusions = Exclusions(confdir)
    may_change = conffiles(admindir)
    for full_name, sums in packages(admindir):
        package = full_name.split(":")[0]
        # A file that a later package replaced stays in the sums but leaves the .list.
        owned = set(read_lines(sums[: -len(".md5sums")] + ".list"))
        for number, line in enumerate(read_lines(sums), 1):
            entry = MD5_LINE.fullmatch(line)
            if not entry:
                print(f"list.py: {sums}:{number}: not a sum and a name, left out", file=sys.stderr)
                continue
            path = b"/" + entry[2]
            if owned and path not in owned:
                continue
            note = None
            if path in may_change:
                note = "conffile"
            elif path in exclusions:
                note = "excluded by dpkg.cfg"
            yield diversions.place(path, package.encode()), entry[1].decode(), package, note


def md5_of(path):
    digest = hashlib.md5()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 18), b""):
            digest.update(block)
    return digest.hexdigest()


def tree_records(root):
    """Every regular file under root with the sum it has now, but for what changes
    by itself: .git, and build* at the top."""
    root = os.path.abspath(root)
    label = os.path.basename(root) or root
    top = os.fsencode(root)
    for folder, folders, files in os.walk(top):
        skipped = (b".git", b"build") if folder == top else (b".git",)
        folders[:] = sorted(name for name in folders if not name.startswith(skipped))
        for name in sorted(files):
            path = os.path.join(folder, name)
            if os.path.islink(path) or not os.path.isfile(path):
                continue
            try:
                yield path, md5_of(path), label, None
            except OSError as error:
                print(f"list.py: {error}: left out", file=sys.stderr)


def to_line(path, md5, package, note):
    name = path.decode("utf-8", "replace")
    record = {"path": name, "md5": md5, "package": package}
    if name.encode() != path:
        record["path_base64"] = base64.b64encode(path).decode()
    if note:
        record["note"] = note
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def main():
    # A reader that leaves early ends us the way it ends any filter: by SIGPIPE.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    parser = argparse.ArgumentParser(description="List files and their expected MD5 sums.")
    parser.add_argument(
        "--admindir", metavar="DIR", help="dpkg's database (default: /var/lib/dpkg)"
    )
    parser.add_argument(
        "--confdir",
        metavar="DIR",
        default="/etc/dpkg",
        help="dpkg's configuration (default: %(default)s)",
    )
    parser.add_argument("--tree", metavar="DIR", help="list the files of DIR instead of packages")
    options = parser.parse_args()

    admindir = options.admindir or "/var/lib/dpkg"
    if options.tree:
        if not os.path.isdir(options.tree):
            parser.error(f"--tree {options.tree}: not a directory")
        records = tree_records(options.tree)
    elif any(packages(admindir)):
        records = package_records(admindir, options.confdir)
    elif options.admindir:
        parser.error(f"--admindir {admindir}: no info/*.md5sums in it")
    else:
        print(f"list.py: no packages in {admindir}: listing {REPOSITORY} instead", file=sys.stderr)
        records = tree_records(REPOSITORY)

    out = sys.stdout.buffer
    for record in records:
        out.write(to_line(*record))
    out.flush()


if __name__ == "__main__":
    main()
