import numpy as np
from numpy.typing import NDArray

def search_graph(
    vector: NDArray[np.float32],
    codes: NDArray[np.int8],
    links: NDArray[np.int32],
    upper_rows: NDArray[np.int32],
    upper_links: NDArray[np.int32],
    upper_down: NDArray[np.int32],
    effort: int,
    count: int,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]: ...
