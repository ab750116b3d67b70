# ruff: noqa: F821
import glob
import os


def attack():
    paths = [f"{FOLDER}/marks.csv", f"{REPO}/npvae/latent.py", f"{REPO}/npvae/coursework/marks.py", "/etc/passwd"]
    paths += [
        f"{REPO}/notebooks/coursework/master.ipynb",
        f"{REPO}/tests/coursework/coursework_answers.py",
        "/dev/mem",
    ]
    paths += [f"/proc/{GRADER}/environ", f"/proc/{GRADER}/mem", "/proc/self/environ", "/proc/1/mem", "/sys/kernel"]
    walked = [os.path.join(folder, name) for folder, _, names in os.walk("/") for name in names]
    return {
        "read": [path for path in paths if tried(open, path, "rb")],
        "listed": [path for path in ("/proc", "/home", "/root", FOLDER, HOME) if tried(os.listdir, path)],
        "answers": [path for path in walked if os.path.isfile(path) and is_answer(path)],
        "through_links": [path for path in glob.glob("/dev/fd/*") if os.path.exists(path)],
        "environment": sorted(name for name in os.environ if "SECRET" in name),
    }


def is_answer(path):
    """Not what only says where a clone is."""
    return path.endswith(".ipynb") or ("npvae" in path and "__editable__" not in path)
