# A bounded heap of (score, position) that keeps the k best: score descending, then position ascending.
# The root is the worst entry kept. Bodies stand here so that the compiler can inline them across modules.

from ext._types cimport row_t


cdef inline bint is_worse(float a_score, row_t a, float b_score, row_t b) noexcept nogil:
    return a_score < b_score or (a_score == b_score and a > b)


cdef inline void sift_down(float* scores, row_t* keys, Py_ssize_t start, Py_ssize_t size) noexcept nogil:
    cdef Py_ssize_t root = start, child
    cdef float score = scores[start]
    cdef row_t key = keys[start]
    while True:
        child = 2 * root + 1
        if child >= size:
            break
        if child + 1 < size and is_worse(scores[child + 1], keys[child + 1], scores[child], keys[child]):
            child += 1
        if not is_worse(scores[child], keys[child], score, key):
            break
        scores[root] = scores[child]
        keys[root] = keys[child]
        root = child
    scores[root] = score
    keys[root] = key


cdef inline void sift_up(float* scores, row_t* keys, Py_ssize_t at) noexcept nogil:
    cdef Py_ssize_t parent
    cdef float score = scores[at]
    cdef row_t key = keys[at]
    while at > 0:
        parent = (at - 1) // 2
        if not is_worse(score, key, scores[parent], keys[parent]):
            break
        scores[at] = scores[parent]
        keys[at] = keys[parent]
        at = parent
    scores[at] = score
    keys[at] = key


cdef inline Py_ssize_t offer(
    float* scores, row_t* keys, Py_ssize_t size, Py_ssize_t k, float score, row_t key
) noexcept nogil:
    """Takes an entry in if it is among the k best so far; returns the new size. NaN is refused."""
    if score != score or k == 0:
        return size
    if size < k:
        scores[size] = score
        keys[size] = key
        sift_up(scores, keys, size)
        return size + 1
    if is_worse(scores[0], keys[0], score, key):
        scores[0] = score
        keys[0] = key
        sift_down(scores, keys, 0, size)
    return size


cdef inline void sort_best_first(float* scores, row_t* keys, Py_ssize_t size) noexcept nogil:
    """Sorts a heap in place: taking the worst to the end, again and again, leaves the best in front."""
    cdef Py_ssize_t last = size - 1
    cdef float score
    cdef row_t key
    while last > 0:
        score = scores[0]
        key = keys[0]
        scores[0] = scores[last]
        keys[0] = keys[last]
        scores[last] = score
        keys[last] = key
        sift_down(scores, keys, 0, last)
        last -= 1
