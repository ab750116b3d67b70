# ruff: noqa: F821
import os
import shutil


def attack():
    shutil.rmtree(FOLDER, ignore_errors=True)
    return {"seen": os.path.exists(FOLDER), "removed": tried(os.remove, f"{FOLDER}/marks.csv")}
