import numpy as np
from numpy.typing import NDArray

def decode_ids(rows: NDArray[np.int32], text: NDArray[np.uint8], offsets: NDArray[np.int64]) -> list[str]: ...
def find_reasons(
    rows: NDArray[np.int32],
    nominated: NDArray[np.uint32],
    sources_of: NDArray[np.uint32],
    reason_of: NDArray[np.uint8],
    first: tuple[int, NDArray[np.int32], NDArray[np.int32]],
    second: tuple[int, NDArray[np.int32], NDArray[np.int32]],
    category_kind: int,
    category: NDArray[np.int32],
) -> tuple[NDArray[np.uint32], NDArray[np.uint8], NDArray[np.int32], NDArray[np.int32]]: ...
def encode_items(
    item_ids: list[str],
    scores: NDArray[np.float32],
    sources: NDArray[np.uint32],
    reason_kinds: NDArray[np.uint8],
    related_item_ids: list[str],
    category_ids: list[str],
) -> bytes: ...
