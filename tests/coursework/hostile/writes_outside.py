# ruff: noqa: F821
import os
import sys


def attack():
    places = ["/", "/etc", "/lib", "/usr/lib", "/dev", "/tmp", "/var/tmp", "/dev/shm", HOME, REPO, sys.prefix]
    places += [os.path.dirname(np.__file__), os.path.dirname(os.__file__)]
    return {
        "written": tried(open, f"{FOLDER}/new", "w"),
        "appended": tried(open, f"{FOLDER}/marks.csv", "a"),
        "climbed": tried(open, f"..{FOLDER}/new", "w"),
        "writable": [place for place in places if os.access(place, os.W_OK)],
        "scratch": tried(open, "own", "w"),
    }
