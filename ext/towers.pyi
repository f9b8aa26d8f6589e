import numpy as np
from numpy.typing import NDArray

def tower_forward(
    x: NDArray[np.float32],
    w1: NDArray[np.float32],
    b1: NDArray[np.float32],
    w2: NDArray[np.float32],
    b2: NDArray[np.float32],
    w3: NDArray[np.float32],
    b3: NDArray[np.float32],
) -> NDArray[np.float32]: ...
