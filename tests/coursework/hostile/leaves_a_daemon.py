# ruff: noqa: F821
"""A process of its own session tries to be there in the next exercise: to write, to listen, to signal."""

import os
import socket
import time


def attack():
    tell, told_back = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            server = socket.socket()
            server.bind(("127.0.0.1", 0))
            server.listen()
            os.write(told_back, b"!")
            end = time.monotonic() + 10
            while time.monotonic() < end:
                for descriptor in (0, 1, 2, 4, 5):  # 3 is its own exercise's result
                    tried(os.write, descriptor, b'{"results": []}\n')
                tried(lambda: open("left", "w").close())
                time.sleep(0.01)
        os._exit(0)
    os.read(tell, 1)
    return {"started": True}


def later():
    alive = [pid for pid in range(2, 200) if pid != os.getpid() and tried(os.kill, pid, 0)]
    return {"alive": alive, "files": os.listdir()}
