"""What a person sees of a batch beside its answers: why it waits, and how a vendor's own batches are."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from llm_manager.cli.progress import Progress
from llm_manager.cli.show import seconds
from llm_manager.domain.descriptions import describe
from llm_manager.domain.events import ConcurrencyLimited, Event, FeedPaused, VendorBatchSeen
from llm_manager.domain.vendor_batch import VendorBatch
from llm_manager.ports import Observer


@final
class BatchWatch:
    """An observer that draws *progress* whenever a vendor was asked, writes a line when the batch has to wait, and
    passes everything on to *after*.

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
        elif isinstance(event, FeedPaused):
            self._progress.note(f"paused for {seconds(event.wait_s)}: {describe(event.error)}")
        elif isinstance(event, ConcurrencyLimited):
            self._progress.note(
                f"{event.limit} of {event.concurrency} at once: the keys for {event.model} allow no more"
                " (keys.max_connections_per_key, http.max_connections)"
            )
        self._after.notify(event)

    def words(self) -> str:
        """How the batches are: each of the vendor's words with how many are there."""
        counts: dict[str, int] = {}
        for batch in self._batches.values():
            counts[batch.status] = counts.get(batch.status, 0) + 1
        return "at the vendor: " + ", ".join(f"{count:,} {status}" for status, count in counts.items())

    def _sum(self, count: Callable[[VendorBatch], int | None]) -> int:
        return sum(count(batch) or 0 for batch in self._batches.values())
