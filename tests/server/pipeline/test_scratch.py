from __future__ import annotations

import threading

from server.pipeline.scratch import Scratch, discard_thread_scratch, thread_scratch


def test_thread_keeps_its_arrays_while_the_row_space_stays() -> None:
    assert thread_scratch(7) is thread_scratch(7)
    assert len(thread_scratch(9).scores) == 9


def test_arrays_begin_as_the_kernels_want_them() -> None:
    scratch = Scratch(4)
    assert scratch.scores.tolist() == [0, 0, 0, 0]
    assert scratch.positions.tolist() == [-1, -1, -1, -1]


def test_threads_do_not_share() -> None:
    seen: list[Scratch] = []
    thread = threading.Thread(target=lambda: seen.append(thread_scratch(7)))
    thread.start()
    thread.join()
    assert seen[0] is not thread_scratch(7)


def test_discarded_arrays_are_made_anew() -> None:
    before = thread_scratch(7)
    discard_thread_scratch()
    assert thread_scratch(7) is not before
