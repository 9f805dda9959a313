import weir


def sh(*words, timeout=60):
    """Run a program; return its output, or raise an error that says what went wrong."""
    return weir.run(words, timeout=timeout, check=True).stdout.rstrip("\n")
