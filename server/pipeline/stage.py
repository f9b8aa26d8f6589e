"""What all stages share: a name, a policy, and the wrapper that times, checks and contains an author's hook."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from server.errors import ContractBroken
from server.pipeline.degradation import ESSENTIAL, DegradedReason, FailurePolicy, StageFailed
from server.pipeline.query import Query, StageRecord

QueryT = TypeVar("QueryT", bound=Query, contravariant=True)
_ValueT = TypeVar("_ValueT")


class Stage(Generic[QueryT]):
    """One part of the pipeline. Stateless but for what its constructor was given, so that threads may share it.

    An author derives from one of the kinds in stages.py and writes its hook. `run()` is the framework's: it is
    final, and a class that replaces it does not come into being (TypeError).

    name: the class's name; logs, spans and reports use it. kind: the stage kind's name. costly: whether the
    stage is left out once its group's time is used up; others go on until the request's is, because leaving
    them out would save next to nothing.
    """

    kind: ClassVar[str] = ""
    name: ClassVar[str] = ""
    costly: ClassVar[bool] = False
    policy: FailurePolicy = ESSENTIAL

    def __init_subclass__(cls, *, kind: str | None = None) -> None:
        super().__init_subclass__()
        cls.name = cls.__name__
        if kind is not None:
            cls.kind = kind
        elif not cls.kind:
            raise TypeError(f"{cls.__name__}: derive from one of the stage kinds in server.pipeline.stages")
        if not getattr(getattr(cls, "run", None), "__final__", False):
            raise TypeError(f"{cls.__name__}: run() is final; write the hook of its kind ({cls.kind})")

    def enabled(self, query: QueryT) -> bool:
        """Returns whether the stage takes part in this request. Must be cheap and may not fail."""
        return True

    def _call(
        self,
        query: QueryT,
        candidates_in: int,
        hook: Callable[..., _ValueT],
        given: tuple[object, ...],
        check: Callable[..., int],
        *held_to: object,
    ) -> _ValueT | None:
        """Returns hook(query, *given), or None where the stage was late or failed open.

        check: called with the value and held_to; raises ContractBroken or UnusableValue for a value that may not be
        used; else returns how many candidates the value stands for. Raises StageFailed where the stage is essential.
        """
        budget = query.budget
        started_s = budget.clock()
        reason = self.policy.fail_open
        ends_s = budget.group_ends_s if self.costly else budget.work_ends_s
        if reason is not None and started_s >= ends_s:
            query.degrade(DegradedReason.DEADLINE)
            self._record(query, started_s, candidates_in, candidates_in, late=True)
            return None
        try:
            value = hook(query, *given)
            candidates_out = check(value, *held_to)
        except ContractBroken:
            raise
        except Exception as error:
            self._record(query, started_s, candidates_in, candidates_in, error)
            if reason is None:
                raise StageFailed(self.name, DegradedReason.INTERNAL) from error
            query.degrade(reason)
            return None
        query.records.append(
            StageRecord(self.name, self.kind, started_s, budget.clock(), candidates_in, candidates_out)
        )
        return value

    def _record(
        self,
        query: QueryT,
        started_s: float,
        candidates_in: int,
        candidates_out: int,
        error: Exception | None = None,
        late: bool = False,
    ) -> None:
        query.records.append(
            StageRecord(
                self.name,
                self.kind,
                started_s,
                query.budget.clock(),
                candidates_in,
                candidates_out,
                error,
                late,
            )
        )

    def _check_array(
        self, array: NDArray[np.generic], what: str, dtype: type[np.generic], shape: tuple[int, ...]
    ) -> None:
        """Raises ContractBroken unless the array has the dtype and the shape; -1 in the shape is any length."""
        if (
            type(array) is np.ndarray
            and array.dtype is np.dtype(dtype)
            and len(shape) == 1 == array.ndim
            and shape[0] in (-1, len(array))
        ):
            return
        fits = (
            isinstance(array, np.ndarray)
            and array.dtype == dtype
            and array.ndim == len(shape)
            and all(want in (-1, have) for want, have in zip(shape, array.shape, strict=True))
        )
        if not fits:
            have = (
                f"{array.dtype}{list(array.shape)}" if isinstance(array, np.ndarray) else type(array).__name__
            )
            raise ContractBroken(f"{self.name}: {what} must be {dtype.__name__}{list(shape)}, not {have}")
