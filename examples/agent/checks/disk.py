"""How full the disk is."""

import os

from weir_worker import function


@function
def check() -> dict[str, float]:
    disk = os.statvfs("/")
    return {"free_percent": round(100 * disk.f_bavail / max(disk.f_blocks, 1), 1)}
