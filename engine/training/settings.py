"""Settings of the training loop, whatever the method. No torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from engine.settings import Settings


class TrainingSettings(Settings):
    """Settings of the training loop. A *step* is one update of the method."""

    steps: int = Field(default=322_560, ge=1, description="updates to train for")
    batch_size: int = Field(default=64, ge=2, le=65_536, description="real images per update")
    log_every: int = Field(
        default=50, ge=1, description="updates between two rows of losses, each the mean since the row before"
    )
    checkpoint_every: int = Field(default=11_520, ge=1, description="updates between two checkpoints")
    keep_checkpoints: int = Field(
        default=3,
        ge=1,
        description="newest checkpoints kept; those before a schedule change and the final one are always kept",
    )
    keep_best: int = Field(
        default=1, ge=0, description="checkpoints of the best FactorVAE score kept beside the newest; 0 = none"
    )
    score_every: int = Field(
        default=11_520, ge=0, description="updates between two FactorVAE scores when the factors are known; 0 = never"
    )
    score_codes: Literal["own", "ica"] = Field(
        default="own",
        description="ica: when training is complete, the independent components of the codes are scored too",
    )
    precision: Literal["float32", "tf32", "bfloat16", "auto"] = Field(
        default="float32",
        description="number type of hidden layers in training; tf32: as CUDA GPUs round it; "
        "auto: bfloat16 where the processor or GPU has instructions for it. Weights and losses are float32 always",
    )
    cuda_graph: bool = Field(
        default=False,
        description="on a CUDA GPU, record an update once and replay it; the same operations, asked for all at once",
    )
