"""python3 -m weir_worker FILE.py|MODULE: the former name of python3 -m weir.worker."""

from weir._worker.__main__ import main

if __name__ == "__main__":
    main()
