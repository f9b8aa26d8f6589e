import numpy as np
from numpy.typing import NDArray

def blend_candidates(
    rows: NDArray[np.int32],
    scores: NDArray[np.float32],
    offsets: NDArray[np.int32],
    weights: NDArray[np.float32],
    quotas: NDArray[np.int32],
    limit: int,
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.uint32], NDArray[np.float32]]: ...
