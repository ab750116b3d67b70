import os
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
