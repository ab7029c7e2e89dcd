"""What the loop tells its observer, and when."""

from collections.abc import Mapping
from typing import Any

import pytest
import torch

from engine.data.datasets.minisprites import MiniSprites
from engine.errors import InputError, WorkError
from engine.methods.base import Method
from engine.models.codes import Codes
from engine.training.batches import Batches
from engine.training.loop import train
from engine.training.settings import TrainingSettings


class Counting(Method):
    """A method whose loss is the iteration number."""

    def __init__(self, poison: int = -1) -> None:
        self.poison = poison
        self.seen: list[int] = []

    def prepare(self, iteration: int) -> dict[str, float]:
        self.seen.append(iteration)
        return {"lambda_cr": float(iteration >= 4)}

    def compute(self, images: torch.Tensor) -> dict[str, torch.Tensor | float]:
        iteration = self.seen[-1]
        return {"loss": torch.tensor(float("nan") if iteration == self.poison else float(iteration))}

    def turning_points(self) -> tuple[int, ...]:
        return (4,)

    def notes_at(self, iteration: int) -> list[str]:
        return ["changes"] if iteration == 4 else []

    def trainer_state(self) -> dict[str, Any]:
        raise NotImplementedError

    def load_trainer_state(self, state: Mapping[str, Any]) -> None:
        raise NotImplementedError

    def latent_networks(self) -> tuple[torch.nn.Module, torch.nn.Module]:
        raise NotImplementedError

    @staticmethod
    def codes_of(settings: Any) -> Codes:
        raise NotImplementedError


class Diary:
    """An observer that writes everything down and asks to stop after a given step."""

    def __init__(self, stop_after: int = -1) -> None:
        self.entries: list[tuple[Any, ...]] = []
        self.rows: dict[int, dict[str, float]] = {}
        self.estimates: list[tuple[int, float]] = []
        self._stop_after = stop_after
        self._updates = 0

    def record(self, step: int, scalars: dict[str, float]) -> None:
        self.rows[step] = scalars

    def note(self, step: int, text: str) -> None:
        self.entries.append(("note", step, text))

    def estimate(self, step: int, per_second: float) -> None:
        self.estimates.append((step, per_second))

    def save(self, step: int, milestone: bool) -> None:
        self.entries.append(("save", step, milestone))

    def evaluate(self, step: int) -> None:
        self.entries.append(("evaluate", step))

    def stop_requested(self) -> bool:
        self._updates += 1
        return self._updates == self._stop_after


def run(method: Counting, diary: Diary, start: int = 0, **settings: int) -> int:
    defaults = {"steps": 10, "log_every": 4, "checkpoint_every": 5, "score_every": 0, "batch_size": 4}
    batches = Batches(MiniSprites(), 4, seed=0, device=torch.device("cpu"))
    return train(method, batches, TrainingSettings(**(defaults | settings)), start, diary)


def test_checkpoints_are_periodic_before_each_change_and_at_the_end() -> None:
    diary = Diary()
    assert run(Counting(), diary) == 10
    assert diary.entries == [("save", 4, True), ("note", 4, "changes"), ("save", 5, False), ("save", 10, True)]


def test_rows_hold_means_of_losses_and_present_values_of_schedules() -> None:
    diary = Diary()
    run(Counting(), diary)
    assert list(diary.rows) == [4, 8, 10]
    assert [row["loss"] for row in diary.rows.values()] == [1.5, 5.5, 8.5]
    assert [row["lambda_cr"] for row in diary.rows.values()] == [0.0, 1.0, 1.0]
    assert all(row["iterations_per_second"] > 0 for row in diary.rows.values())


def test_a_stop_is_obeyed_after_the_update_with_a_checkpoint_and_no_scores() -> None:
    diary = Diary(stop_after=3)
    method = Counting()
    assert run(method, diary, score_every=3) == 3
    assert method.seen == [0, 1, 2]
    assert diary.entries == [("save", 3, False)]


def test_scores_follow_the_checkpoint_of_the_same_step() -> None:
    diary = Diary()
    run(Counting(), diary, score_every=5)
    assert diary.entries[-4:] == [("save", 5, False), ("evaluate", 5), ("save", 10, True), ("evaluate", 10)]


def test_continuing_goes_on_where_it_was_and_a_complete_run_is_only_scored() -> None:
    method = Counting()
    run(method, Diary(), start=7)
    assert method.seen == [7, 8, 9]
    diary = Diary()
    assert run(Counting(), diary, start=10, score_every=5) == 10
    assert diary.entries == [("evaluate", 10)]


def test_a_loss_that_is_not_finite_ends_training_after_its_row() -> None:
    diary = Diary()
    with pytest.raises(WorkError, match="loss is not finite at step 8"):
        run(Counting(poison=6), diary)
    assert list(diary.rows) == [4, 8]
    assert diary.entries[-1] == ("save", 5, False)


def test_batches_cover_an_epoch_once_in_an_order_of_their_own() -> None:
    dataset = MiniSprites()
    batches = Batches(dataset, 4096, seed=1, device=torch.device("cpu"))
    assert batches.per_epoch == 4
    first = torch.cat([batches.at(i) for i in range(4)])
    second = torch.cat([batches.at(i) for i in range(4, 8)])
    everything = torch.from_numpy(dataset.images(range(len(dataset)))).float().div(255)
    assert first.sum() == pytest.approx(float(everything.sum()), rel=1e-5)
    assert not torch.equal(first, second)
    again = Batches(dataset, 4096, seed=1, device=torch.device("cpu"))
    assert torch.equal(again.at(5), second[4096:8192])


def test_a_dataset_smaller_than_a_batch_is_named() -> None:
    with pytest.raises(InputError, match="16384 images, fewer than one batch of 20000"):
        Batches(MiniSprites(), 20_000, seed=0, device=torch.device("cpu"))
