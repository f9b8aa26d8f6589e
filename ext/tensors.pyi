import numpy as np
from numpy.typing import NDArray

User = tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float32], NDArray[np.float32], int]

def encode_candidates(header: bytes, users: list[User], candidates: int) -> bytes: ...
def take_scores(
    scored: NDArray[np.float32], rows: NDArray[np.int32], salt: int
) -> tuple[NDArray[np.float32], bool, bool]: ...
