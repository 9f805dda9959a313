"""Hangs, and does not let itself be cancelled."""

import time

from weir_worker import function


@function
def check() -> None:
    while True:
        try:
            time.sleep(3600)
        except BaseException:
            pass
