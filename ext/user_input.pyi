import numpy as np
from numpy.typing import NDArray

def encode_user_input(
    starts: NDArray[np.int32],
    age: int,
    gender: int,
    cluster: int,
    counters: NDArray[np.float32],
    categories: NDArray[np.int32],
    category_buckets: NDArray[np.int32],
    brands: NDArray[np.int32],
    brand_buckets: NDArray[np.int32],
    preference_values: NDArray[np.float32],
    price_range: NDArray[np.float32],
    is_weekend: float,
    hour_sine: float,
    hour_cosine: float,
    on_mobile: float,
    page: int,
    user_embedding: NDArray[np.float32],
    history_vector: NDArray[np.float32],
) -> NDArray[np.float32]: ...
