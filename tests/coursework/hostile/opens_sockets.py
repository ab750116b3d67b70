# ruff: noqa: F821
import socket


def attack():
    def connect(family, address):
        with socket.socket(family) as one:
            one.settimeout(1)
            one.connect(address)

    return {
        "loopback": tried(connect, socket.AF_INET, ("127.0.0.1", PORT)),
        "abstract": tried(connect, socket.AF_UNIX, ABSTRACT),
        "path": tried(connect, socket.AF_UNIX, f"{FOLDER}/socket"),
    }
