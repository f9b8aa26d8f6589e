import numpy as np
from numpy.typing import NDArray

def accumulate_neighbours(
    history_rows: NDArray[np.int32],
    history_weights: NDArray[np.float32],
    offsets: NDArray[np.int64],
    rows: NDArray[np.int32],
    codes: NDArray[np.uint8],
    scales: NDArray[np.float32],
    k: int,
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int32]]: ...
