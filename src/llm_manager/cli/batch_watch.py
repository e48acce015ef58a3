"""What a person sees of a vendor's batches while they wait for them: the vendor's own words and counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from llm_manager.cli.progress import Progress
from llm_manager.domain.events import Event, VendorBatchSeen
from llm_manager.domain.vendor_batch import VendorBatch
from llm_manager.ports import Observer


@final
class BatchWatch:
    """An observer that draws *progress* whenever a vendor was asked, and tells the *next* one everything.

    *kept* is how many answers an earlier run had.
    """

    def __init__(self, progress: Progress, kept: Callable[[], int], after: Observer) -> None:
        self._progress = progress
        self._kept = kept
        self._after = after
        self._batches: dict[str, VendorBatch] = {}

    def notify(self, event: Event, /) -> None:
        """Show it, if it is about a batch."""
        if isinstance(event, VendorBatchSeen):
            self._batches[event.batch.id] = event.batch
            kept, failed = self._kept(), self._sum(lambda batch: batch.failed)
            done = kept + failed + self._sum(lambda batch: batch.succeeded)
            self._progress.show(done, kept, failed, self.words)
        self._after.notify(event)

    def words(self) -> str:
        """How the batches are: each of the vendor's words with how many are there."""
        counts: dict[str, int] = {}
        for batch in self._batches.values():
            counts[batch.status] = counts.get(batch.status, 0) + 1
        return "at the vendor: " + ", ".join(f"{count:,} {status}" for status, count in counts.items())

    def _sum(self, count: Callable[[VendorBatch], int | None]) -> int:
        return sum(count(batch) or 0 for batch in self._batches.values())
