"""How fast runs go, from the steps that were seen."""

from __future__ import annotations

from collections import deque

WINDOW_SECONDS = 60.0


class Rates:
    """Remembers the steps of each run over the last minute and estimates when it ends."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[float, int]]] = {}

    def eta(self, run_id: str, now: float, step: int, total_steps: int, speed: float | None = None) -> float | None:
        """Seconds until a running run ends.

        Args:
            run_id: whose step this is.
            now: monotonic time in seconds.
            step: iterations done.
            total_steps: iterations planned.
            speed: iterations a second as the run says itself, which count until its step has been seen to grow.

        Returns:
            None if neither is known.
        """
        seen = self._seen.setdefault(run_id, deque())
        if seen and step < seen[-1][1]:
            seen.clear()
        if not seen or step > seen[-1][1]:
            seen.append((now, step))
        while len(seen) > 2 and now - seen[1][0] > WINDOW_SECONDS:
            seen.popleft()
        (first_time, first_step), (last_time, last_step) = seen[0], seen[-1]
        if last_step == first_step or last_time <= first_time:
            return max((total_steps - step) / speed - (now - last_time), 0.0) if speed else None
        rate = (last_step - first_step) / (last_time - first_time)
        return max((total_steps - step) / rate - (now - last_time), 0.0)

    def forget(self, run_id: str) -> None:
        """Drop what was seen of a run that no longer runs."""
        self._seen.pop(run_id, None)
