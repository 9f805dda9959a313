#!/bin/sh
# The wrapper around subprocess that every project writes.
set -eu
cd "$(dirname "$0")"
exec python3 run.py
