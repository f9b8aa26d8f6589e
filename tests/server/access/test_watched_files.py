from __future__ import annotations

import logging
from pathlib import Path

import pytest

from server.access.tls_files import TlsPaths, read_tls
from server.access.watched_files import LOOK_INTERVAL_S, WatchedFiles
from server.errors import Refused
from tests.support.certificates import Authority


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def number(path: Path) -> WatchedFiles[int]:
    return WatchedFiles([path], lambda: int(path.read_text()), clock=CLOCK)


CLOCK = Clock()


def later() -> None:
    CLOCK.now_s += LOOK_INTERVAL_S


def test_a_changed_file_is_read_again_and_not_before_it_is_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "number"
    path.write_text("1")
    files = number(path)
    path.write_text("22")
    assert files.current() == 1
    later()
    assert files.current() == 22


def test_a_file_replaced_by_another_of_the_same_size_and_time_is_read_again(tmp_path: Path) -> None:
    path, other = tmp_path / "number", tmp_path / "other"
    path.write_text("1")
    files = number(path)
    other.write_text("2")
    other.rename(path)
    later()
    assert files.current() == 2


@pytest.mark.parametrize("broken", ["x", "", None], ids=["wrong", "empty", "missing"])
def test_a_broken_file_keeps_what_was_and_is_told_of_once(
    tmp_path: Path, broken: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "number"
    path.write_text("12")
    files = number(path)
    if broken is None:
        path.unlink()
    else:
        path.write_text(broken)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            later()
            assert files.current() == 12
    assert len(caplog.records) == 1
    path.write_text("345")
    later()
    assert files.current() == 345


@pytest.mark.parametrize("content", ["x", None])
def test_a_file_that_is_broken_from_the_start_is_refused(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "number"
    if content is not None:
        path.write_text(content)
    with pytest.raises(Refused):
        number(path)


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    first, second = authority.issue(), authority.issue()
    assert read_tls(TlsPaths(first.certificate, first.key)).key == first.key.read_bytes()
    with pytest.raises(Refused, match="KEY_VALUES_MISMATCH"):
        read_tls(TlsPaths(first.certificate, second.key))


def test_an_authority_that_is_no_certificate_is_refused(tmp_path: Path) -> None:
    pair = Authority(tmp_path).issue()
    with pytest.raises(Refused):
        read_tls(TlsPaths(pair.certificate, pair.key, pair.key))
