import sys


def attack():
    return attack()


def later():
    sys.setrecursionlimit(10**9)
    return [attack()]
