"""How busy the machine is."""

from weir_worker import function


@function
def check() -> dict[str, list[float]]:
    with open("/proc/loadavg", encoding="ascii") as file:
        return {"load": [float(word) for word in file.read().split()[:3]]}
