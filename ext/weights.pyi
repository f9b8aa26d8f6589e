import numpy as np
from numpy.typing import NDArray

def weigh_items(
    rows: NDArray[np.int32],
    times_s: NDArray[np.int64],
    types: NDArray[np.uint8],
    event_weights: NDArray[np.float32],
    half_life_days: float,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]: ...
