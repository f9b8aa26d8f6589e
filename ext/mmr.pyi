import numpy as np
from numpy.typing import NDArray

def mmr_select(
    scores: NDArray[np.float32],
    category: NDArray[np.int32],
    brand: NDArray[np.int32],
    count: int,
    mmr_weight: float,
    category_cap: int,
) -> NDArray[np.int32]: ...
