import os
import threading
import time


def attack():
    children = 0
    try:
        while children < 500:
            if os.fork() == 0:
                time.sleep(20)
                os._exit(0)
            children += 1
    except OSError:
        pass
    return {"processes": children}


def later():
    """As threads; when it is called again, there is no more room for others."""
    threads = threading.active_count() - 1
    if threads:
        return {"threads": threads}
    try:
        while threads < 500:
            threading.Thread(target=time.sleep, args=(20,), daemon=True).start()
            threads += 1
    except RuntimeError:
        pass
    return {"threads": threads}
