# ruff: noqa: F821
def attack():
    blocks = []
    try:
        while len(blocks) < 32:
            blocks.append(np.ones(64 * 2**20, np.uint8))
    except MemoryError:
        pass
    return {"MiB": 64 * len(blocks)}
