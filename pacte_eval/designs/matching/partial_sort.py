"""Which of several equal values the C++ standard library's partial sort keeps.

MatchIt 4.7 takes the k nearest controls with ``std::partial_sort``, whose choice among equal
distances at the k-th place follows from the heap it keeps, not from any stated rule. Reproducing
MatchIt with several neighbours needs the same heap: the k first values, largest on top; each later
value that is strictly smaller replaces the top.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def partial_sort(values: np.ndarray, count: int) -> np.ndarray:
    """Positions of the `count` smallest of `values`, as GNU libstdc++ chooses among equals."""
    heap = np.arange(count)
    for root in range(count // 2 - 1, -1, -1):
        _sift(heap, root, heap[root], values)
    for position in range(count, len(values)):
        if values[position] < values[heap[0]]:
            _sift(heap, 0, position, values)
    return heap


@njit(cache=True, nogil=True)
def _sift(heap: np.ndarray, root: int, entry: int, values: np.ndarray) -> None:
    """Put `entry` at `root`: the hole sinks along the larger child, then `entry` rises to place."""
    hole = root
    while 2 * hole + 1 < len(heap):
        child = 2 * hole + 2
        if child == len(heap) or values[heap[child]] < values[heap[child - 1]]:
            child -= 1
        heap[hole] = heap[child]
        hole = child
    parent = (hole - 1) // 2
    while hole > root and values[heap[parent]] < values[entry]:
        heap[hole] = heap[parent]
        hole, parent = parent, (parent - 1) // 2
    heap[hole] = entry
