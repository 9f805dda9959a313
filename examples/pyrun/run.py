"""Runs programs that succeed, fail, hang and leave something behind, with sh.py."""

import weir
from sh import sh

if __name__ == "__main__":
    print("output:", sh("echo", "as text, in UTF-8"))
    for words, timeout in (
        (["python3", "-c", "import sys; sys.exit('no such table: users')"], 60),
        (["sh", "-c", "trap '' TERM; while :; do sleep 1; done"], 1),
        (["no-such-program"], 60),
        (["sh", "-c", "sleep 600 & echo the daemon runs"], 60),
    ):
        try:
            print("output:", sh(*words, timeout=timeout))
        except (weir.Failed, weir.NotStarted) as error:
            print(f"{type(error).__name__}:", error)
    left = weir.run(["pgrep", "-f", "^sleep 600$"], stdout=weir.DEVNULL)
    print("left behind:", "nothing" if left.status == 1 else "something")
