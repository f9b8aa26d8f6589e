import numpy as np
from numpy.typing import NDArray

def find_rows(
    sorted_keys: NDArray[np.uint64], rows: NDArray[np.int32], wanted: NDArray[np.uint64]
) -> NDArray[np.int32]: ...
