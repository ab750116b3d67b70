"""Files are written atomically, and what is left of a killed process is removed."""

import os

import numpy as np
import pytest

from npvae.internals import files


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "file"
    files.write_text(path, "before")

    def fail_half_way(file):
        file.write(b"half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        files.write_atomically(path, fail_half_way)
    assert path.read_text() == "before"
    assert os.listdir(tmp_path) == ["file"]


def test_text_is_written_as_utf_8_whatever_the_locale(tmp_path):
    files.write_text(tmp_path / "file", "σ²")
    assert (tmp_path / "file").read_bytes() == "σ²".encode()


def test_a_new_file_has_the_permissions_the_umask_leaves(tmp_path):
    (tmp_path / "usual").write_text("")
    files.write_text(tmp_path / "ours", "")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_windows_is_given_time_to_let_go_of_a_file(tmp_path, monkeypatch):
    replace, refusals = os.replace, iter([PermissionError, PermissionError, None])

    def busy(source, target):
        refusal = next(refusals)
        if refusal:
            raise refusal
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", busy)
    monkeypatch.setattr(files.os, "name", "nt")
    monkeypatch.setattr(files.time, "sleep", lambda seconds: None)
    (tmp_path / "a").write_text("x")
    files._replace(str(tmp_path / "a"), tmp_path / "b")
    assert (tmp_path / "b").read_text() == "x"


def test_a_folder_that_is_not_there_is_an_error_and_stays_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        files.write_text(tmp_path / "none" / "file", "text")
    assert os.listdir(tmp_path) == []


def test_arrays_are_read_back_and_objects_are_not_unpickled(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(3))
    np.testing.assert_array_equal(files.read_arrays(tmp_path / "a.npz")["x"], [0, 1, 2])
    np.savez(tmp_path / "b.npz", x=np.array([print], dtype=object))
    with pytest.raises(ValueError, match=r"b\.npz is not an \.npz file of plain arrays"):
        files.read_arrays(tmp_path / "b.npz")
