"""What a pool and a connection have in common."""

from collections.abc import Iterable, Iterator
from typing import Any, Callable, Optional, Protocol


class PendingCall(Protocol):
    """A call that has started."""

    def done(self) -> bool: ...

    def result(self, timeout: Optional[float] = None) -> Any: ...

    def exception(self, timeout: Optional[float] = None) -> Optional[BaseException]: ...

    def cancel(self) -> None: ...

    def add_done_callback(self, callback: Callable[[Any], object]) -> None: ...


class ValueStream(Protocol):
    """The values of a call, as they arrive; result is the closing value after the last one."""

    result: Any

    def __iter__(self) -> Iterator[Any]: ...

    def __next__(self) -> Any: ...

    def close(self) -> None: ...


class Caller(Protocol):
    """Functions in workers: a Pool, or a Client of `weir serve`."""

    @property
    def methods(self) -> "dict[str, Any]": ...

    def call(
        self,
        method: str,
        /,
        *args: Any,
        timeout: Optional[float] = None,
        input: Optional[Iterable[Any]] = None,
        traceparent: Optional[str] = None,
        **kwargs: Any,
    ) -> Any: ...

    def submit(
        self,
        method: str,
        /,
        *args: Any,
        timeout: Optional[float] = None,
        input: Optional[Iterable[Any]] = None,
        traceparent: Optional[str] = None,
        **kwargs: Any,
    ) -> PendingCall: ...

    def stream(
        self,
        method: str,
        /,
        *args: Any,
        timeout: Optional[float] = None,
        input: Optional[Iterable[Any]] = None,
        traceparent: Optional[str] = None,
        **kwargs: Any,
    ) -> ValueStream: ...

    def map(
        self, method: str, items: Iterable[Any], timeout: Optional[float] = None
    ) -> "list[Any]": ...

    def stats(self) -> Any: ...

    def close(self) -> None: ...
