"""InfoGAN-CR: InfoGAN with a contrastive regulariser (Lin, Thekumparampil, Fanti, Oh: ICML 2020).

A second discriminator H looks at two generated images whose latent vectors share exactly one code and must say which.
G is rewarded when H succeeds, so the codes are pushed to have distinguishable effects. Settings and the order of an
iteration follow the authors' public code: method facts sections 1-5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from engine.lazy import torch
from engine.methods.base import Setup
from engine.methods.infogan import (
    CDSPRITES_METHOD,
    CDSPRITES_TRAINING,
    CELEBA_METHOD,
    CELEBA_TRAINING,
    QUICK_METHOD,
    TEAPOTS_METHOD,
    TEAPOTS_TRAINING,
    GANWidths,
    InfoGAN,
    InfoGANCommonSettings,
)
from engine.methods.settings import QUICK_TRAINING, Change, MethodSettings, Preset, Schedule, ScheduleField, constant


class ContrastiveWidths(GANWidths):
    """Hidden layers of H."""

    normalisation: Literal["spectral", "batch-after", "batch-before"] = Field(
        default="spectral",
        description="spectral normalisation of the weights; or batch normalisation, after or before the activation of "
        "every hidden layer but the first",
    )


class InfoGANCRSettings(InfoGANCommonSettings):
    """Settings of InfoGAN-CR; the defaults are the authors' for dSprites."""

    name: Literal["infogan-cr"] = "infogan-cr"
    lambda_cr: ScheduleField = Field(
        default=Schedule(changes=(Change(at=0, value=0.0), Change(at=288_000, value=2.0))),
        description="weight of the contrastive regulariser: a number or [[iteration, value], ...]",
    )
    gap: ScheduleField = Field(
        default=constant(0.0),
        description="least distance between codes that a pair does not share (below 2); a number or a schedule",
    )
    contrastive: ContrastiveWidths = ContrastiveWidths()
    contrastive_learning_rate: float = Field(default=2e-3, gt=0, description="Adam step size of H")
    contrastive_warm_up: bool = Field(
        default=True,
        description="train H while lambda_cr is 0, as the reference does although H is re-initialised afterwards",
    )
    contrastive_reset: Literal["weights", "none"] = Field(
        default="weights",
        description="what happens to H when lambda_cr or gap changes: weights and Adam state are drawn anew "
        "(its spectral vectors stay, as in the reference), or nothing",
    )

    @model_validator(mode="after")
    def _gap_inside_range(self) -> InfoGANCRSettings:
        if self.gap.highest >= 2:
            raise ValueError("gap must be below 2, the width of the codes' range [-1, 1]")
        return self

    @model_validator(mode="after")
    def _two_codes(self) -> InfoGANCRSettings:
        if self.codes + len(self.categorical_codes) < 2:
            raise ValueError("H tells apart which of several codes is shared: codes must be two or more")
        return self


class InfoGANCR(InfoGAN):
    """G against D with Q and H on G's side."""

    settings_type: ClassVar[type[MethodSettings]] = InfoGANCRSettings
    summary: ClassVar[str] = "InfoGAN with the contrastive regulariser"
    presets: ClassVar[Mapping[str, Preset]] = {
        "paper": Preset(
            "the authors' settings for dSprites: 28 epochs, the regulariser on for the last three", data="dsprites"
        ),
        "paper-3dteapots": Preset(
            "the authors' settings for 3DTeapots: 40 epochs, the regulariser on from 50,000 updates, gap 1.9 to 85,000",
            data="3dteapots",
            method={
                **TEAPOTS_METHOD,
                "lambda_cr": [[0, 0.0], [50_000, 3.0]],
                "gap": [[0, 1.9], [85_000, 0.0]],
                "contrastive": {"normalisation": "batch-after"},
            },
            training={**TEAPOTS_TRAINING, "steps": 125_000},
        ),
        "paper-celeba": Preset(
            "the authors' settings for CelebA: 57 epochs, the regulariser on from 80,000 updates",
            data="celeba",
            method={
                **CELEBA_METHOD,
                "lambda_cr": [[0, 0.0], [80_000, 1.0]],
                "contrastive": {
                    "dense": [],
                    "channels": [64, 128, 256, 512],
                    "kernel": 5,
                    "normalisation": "batch-before",
                },
                "contrastive_learning_rate": 2e-4,
            },
            training={**CELEBA_TRAINING, "steps": 90_174},
        ),
        "paper-cdsprites": Preset(
            "the authors' settings for CdSprites: 8,000 epochs, the regulariser on from 216,000 updates",
            data="cdsprites",
            method={**CDSPRITES_METHOD, "lambda_cr": [[0, 0.0], [216_000, 2.0]]},
            training={**CDSPRITES_TRAINING, "steps": 288_000},
        ),
        "quick": Preset(
            "minisprites on a CPU in minutes: small fully connected networks, the regulariser on from 1,500 updates",
            data="minisprites",
            method={
                **QUICK_METHOD,
                "lambda_cr": [[0, 0.0], [1_500, 0.1]],
                "contrastive": {"dense": [256, 128], "channels": []},
                "contrastive_warm_up": False,
            },
            training=QUICK_TRAINING,
            threads=1,
        ),
    }

    def __init__(self, settings: Any, setup: Setup) -> None:
        super().__init__(settings, setup)
        # One stream, on the CPU, for H's initial weights, first and after every reset; G and D draw the same weights
        # as plain InfoGAN does.
        self.draws["contrastive"] = torch.Generator().manual_seed(setup.seed + 1)
        self.draws["pairs"] = self.random_stream(setup.seed + 2)
        self.contrastive = self._new_contrastive()
        self.networks["contrastive"] = self.contrastive
        self.optimizers["contrastive"] = self._adam(self.contrastive, settings.contrastive_learning_rate)

    def prepare(self, iteration: int) -> dict[str, float]:
        settings = self.settings
        if settings.lambda_cr.changes_at(iteration) or settings.gap.changes_at(iteration):
            self._reset_contrastive()
        self._lambda_cr, self._gap = settings.lambda_cr.at(iteration), settings.gap.at(iteration)
        return {"lambda_cr": self._lambda_cr, "gap": self._gap} | super().prepare(iteration)

    def phase(self) -> tuple[float, float]:
        return self._lambda_cr, self._gap

    def compute(self, images: torch.Tensor) -> dict[str, torch.Tensor | float]:
        """One iteration: H, then D and Q, then G ``generator_steps`` times, all on the same draws (section 4).

        G does not change before its own first step, so the images that H and D saw serve it again with their graphs.
        """
        settings, lambda_cr, gap = self.settings, self._lambda_cr, self._gap
        regularised = lambda_cr > 0
        n = len(images)
        latent = self.codes.sample(n, self.draws["latent"]).to(self.setup.device)
        first, second, shared = (t.to(self.setup.device) for t in self.codes.sample_pairs(n, gap, self.draws["pairs"]))

        scalars: dict[str, torch.Tensor | float] = {}
        pair, pair_forwards = self._generate_pair(first, second) if regularised else (None, [])
        if regularised or settings.contrastive_warm_up:
            # Before the regulariser is on, the reference shows H images made with G's moving statistics (trap 1).
            seen = self._preview_pair(first, second) if pair is None else pair
            scalars |= self._train_contrastive(seen, shared)
        fake = self.generator(latent, moving=False)
        fake_forward = self.generator.observed()
        forwards = [*pair_forwards, fake_forward]
        scalars |= self.train_discriminator(images, fake.detach(), latent)
        self.freeze(self.discriminator, self.contrastive)
        for repeat in range(settings.generator_steps):
            if repeat > 0:
                fake = self.generator(latent, moving=False)
                fake_forward = self.generator.observed()
                pair, pair_forwards = self._generate_pair(first, second) if regularised else (None, [])
            forwards += [fake_forward, *pair_forwards]
            loss, parts = self.generator_loss(fake, latent)
            if pair is not None:
                contrastive = torch.nn.functional.cross_entropy(self.contrastive(*pair), shared)
                loss = loss + lambda_cr * contrastive
            self.step_generator(loss)
            scalars |= parts
        self.generator.update_moving(forwards)
        self.discriminator.persist_spectral()
        self.contrastive.persist_spectral()
        self.release()
        self.contrastive.release()
        return scalars

    def turning_points(self) -> tuple[int, ...]:
        return tuple(sorted({*self.settings.lambda_cr.turning_points, *self.settings.gap.turning_points}))

    def notes_at(self, iteration: int) -> list[str]:
        notes = []
        for name in ("gap", "lambda_cr"):
            schedule = getattr(self.settings, name)
            if schedule.changes_at(iteration):
                notes.append(f"{name} becomes {schedule.at(iteration):g}")
        if notes and self.settings.contrastive_reset == "weights":
            notes.append("H is re-initialised")
        return notes

    def _generate_pair(
        self, first: torch.Tensor, second: torch.Tensor
    ) -> tuple[tuple[torch.Tensor, torch.Tensor], list[Any]]:
        """Two separate training-mode forwards, each with its own batch statistics (section 4)."""
        images, forwards = [], []
        for latent in (first, second):
            images.append(self.generator(latent, moving=False))
            forwards.append(self.generator.observed())
        return (images[0], images[1]), forwards

    def _preview_pair(self, first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        # Moving statistics make the rows independent of each other, so one forward serves both halves.
        with torch.no_grad():
            a, b = torch.chunk(self.generator(torch.cat([first, second]), moving=True), 2)
        return a, b

    def _train_contrastive(
        self, pair: tuple[torch.Tensor, torch.Tensor], shared: torch.Tensor
    ) -> dict[str, torch.Tensor | float]:
        """Step H: softmax cross-entropy of the shared code's index (section 3)."""
        self.contrastive.normalise(self.settings.spectral_gradient)
        logits = self.contrastive(pair[0].detach(), pair[1].detach())
        loss = torch.nn.functional.cross_entropy(logits, shared)
        optimizer = self.optimizers["contrastive"]
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        accuracy = (logits.detach().argmax(1) == shared).float().mean()
        return {"loss_contrastive": loss.detach(), "cr_accuracy": accuracy}

    def _new_contrastive(self) -> Any:
        from engine.models.infogan import ContrastiveDiscriminator, DiscriminatorLayers

        with torch.random.fork_rng(devices=[]):
            torch.random.set_rng_state(self.draws["contrastive"].get_state())
            network = ContrastiveDiscriminator(
                self.setup.image_shape,
                self.codes.count,
                DiscriminatorLayers(**dict(self.settings.contrastive)),
                self.settings.pixel_range,
            )
            self.draws["contrastive"].set_state(torch.random.get_rng_state())
        return network.to(self.setup.device)

    def _reset_contrastive(self) -> None:
        """Draw H's weights and Adam state anew; the spectral vectors u are not trainable and stay (trap 4)."""
        if self.settings.contrastive_reset == "none":
            return
        fresh = dict(self._new_contrastive().named_parameters())
        with torch.no_grad():
            for name, parameter in self.contrastive.named_parameters():
                parameter.copy_(fresh[name])
        self.optimizers["contrastive"].state.clear()
