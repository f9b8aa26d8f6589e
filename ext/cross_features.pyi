import numpy as np
from numpy.typing import NDArray

def assemble_cross_features(
    rows: NDArray[np.int32],
    source_scores: NDArray[np.float32],
    source_count: NDArray[np.float32],
    viewed_categories: NDArray[np.int32],
    bought_brands: NDArray[np.int32],
    price_low: float,
    price_high: float,
    user_embedding: NDArray[np.float32],
    category: NDArray[np.int32],
    brand: NDArray[np.int32],
    price: NDArray[np.float32],
    title_embeddings: NDArray[np.uint16],
    view_count_7d: NDArray[np.float32],
    purchase_count_7d: NDArray[np.float32],
) -> NDArray[np.float32]: ...
