import numpy as np
from numpy.typing import NDArray

from ext.history_summary import HistorySummary

def summarize_history(
    rows: NDArray[np.int32],
    times_s: NDArray[np.int64],
    types: NDArray[np.uint8],
    now_s: int,
    event_weights: NDArray[np.float32],
    category: NDArray[np.int32],
    brand: NDArray[np.int32],
    price: NDArray[np.float32],
    title_embeddings: NDArray[np.uint16],
    history_embeddings: NDArray[np.uint16],
) -> HistorySummary: ...
