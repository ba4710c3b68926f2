import os
from pathlib import Path
from uuid import uuid4

import pytest

from mail.domain import file_key
from mail.files import ABANDONED_SECONDS, CHUNK, Files

CONTENT = bytes(range(256)) * 2000
KEY = file_key(uuid4(), "ab" * 32)


@pytest.fixture
def calls(monkeypatch) -> list[tuple[str, str]]:
    """What the operating system is asked for, in order; it is also done."""
    seen: list[tuple[str, str]] = []
    fsync, rename = os.fsync, Path.rename

    def seen_fsync(descriptor: int) -> None:
        seen.append(("sync", str(Path(f"/proc/self/fd/{descriptor}").readlink())))
        fsync(descriptor)

    def seen_rename(path: Path, target: Path) -> Path:
        seen.append(("rename", str(target)))
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", seen_fsync)
    monkeypatch.setattr(Path, "rename", seen_rename)
    return seen


def test_content_is_on_disk_before_its_name_and_the_name_before_put_returns(files, calls):
    files.put(KEY, CONTENT)
    folder, target = files.folder, files.folder / KEY
    assert calls[:2] == [("sync", str(target.parent.parent)), ("sync", str(folder))]
    assert calls[2][1].startswith(f"{folder}/.new/")
    assert [*calls[3:]] == [("rename", str(target)), ("sync", str(target.parent))]


def test_the_same_content_is_written_once_and_its_name_made_sure_of_again(files, calls):
    files.put(KEY, CONTENT)
    calls.clear()
    files.put(KEY, CONTENT)
    assert calls == [("sync", str((files.folder / KEY).parent))]
    assert len([path for path in files.folder.rglob("*") if path.is_file()]) == 1


def test_content_comes_back_whole_and_in_pieces(files, tmp_path):
    (tmp_path / "source").write_bytes(CONTENT)
    files.put_file(KEY, tmp_path / "source")
    pieces = list(files.chunks(KEY))
    assert b"".join(pieces) == CONTENT
    assert all(len(piece) >= CHUNK for piece in pieces[:-1])
    with files.on_disk(KEY) as path:
        assert path.read_bytes() == CONTENT


def test_a_store_by_url_keeps_and_gives_the_same():
    store = Files("memory:///")
    store.put(KEY, CONTENT)
    assert b"".join(store.chunks(KEY)) == CONTENT
    with store.on_disk(KEY) as path:
        assert path.read_bytes() == CONTENT


def test_a_write_that_fails_leaves_neither_name_nor_remains(files):
    with pytest.raises(FileNotFoundError):
        files.put_file(KEY, Path("/nowhere"))
    assert [path for path in files.folder.rglob("*") if path.is_file()] == []


def test_what_a_crash_left_half_written_goes_with_a_later_start(files, tmp_path):
    old, young = files.folder / ".new" / "old", files.folder / ".new" / "young"
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (0, old.stat().st_mtime - 2 * ABANDONED_SECONDS))
    Files(files.folder.as_uri())
    assert (old.exists(), young.exists()) == (False, True)


def test_what_is_missing_is_told(files):
    with pytest.raises(FileNotFoundError):
        list(files.chunks(KEY))
