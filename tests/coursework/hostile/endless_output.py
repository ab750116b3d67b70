import os


def attack():
    block, written = b"x" * 2**20, 0
    try:
        while written < 10 * 2**30:
            written += os.write(1, block)
    except OSError:
        pass
    return {"MiB": written >> 20}


def later():
    """As a file."""
    written = 0
    try:
        with open("large", "wb", buffering=0) as file:
            while written < 2**30:
                written += file.write(b"x" * 2**20)
    except OSError:
        pass
    return {"MiB": written >> 20}
