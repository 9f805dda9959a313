"""Crashes, as a broken C extension does."""

import os
import signal

from weir_worker import function


@function
def check() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)
