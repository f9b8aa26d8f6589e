import numpy as np
from numpy.typing import NDArray

def exact_search(
    user_vector: NDArray[np.float32], vectors: NDArray[np.float32], rows: NDArray[np.int32]
) -> NDArray[np.float32]: ...
def score_candidates(
    rows: NDArray[np.int32],
    user_vector: NDArray[np.float32],
    item_vectors: NDArray[np.float32],
    cross: NDArray[np.float32],
    head_w1: NDArray[np.float32],
    head_b1: NDArray[np.float32],
    head_w2: NDArray[np.float32],
    head_b2: NDArray[np.float32],
    dot_scale: float,
    score_bias: float,
) -> NDArray[np.float32]: ...
