"""InfoGAN-CR: InfoGAN with a contrastive regulariser (Lin, Thekumparampil, Fanti & Oh, ICML 2020).

    min over G, Q, H  max over D    E log D(x) + E log(1 - D(G(c, z)))
                                    + lambda_info L_Q(G, Q) + lambda_CR L_CR(G, H)

    L_Q  = E[-log q(c | G(c, z))]
    L_CR = E[-log h_i(G(a), G(b))]

    x, c, z    a real image; codes and noise, the latent vector of a generated image
    G(c, z)    the generator's image
    D(x)       the discriminator's probability that an image is real
    Q          the encoder: reads the codes off an image as q(c | x); it shares D's layers but for the last ones
    a, b       a contrastive pair: two latent vectors that share the noise and exactly one code
    i          the number of the code that a pair shares, uniform over all codes
    H          the contrastive discriminator: h_i is its probability that a pair of images shares code i
    gap        the least distance between the two values of each code that a pair does not share
    lambda_CR  the regulariser's weight; the authors' schedule begins at 0

G is rewarded when H succeeds, so each code is pushed to have an effect that H can tell from the others'. The larger the
gap, the easier that is for H. G minimises -E log D(G(c, z)) in place of E log(1 - D(G(c, z))), the non-saturating form.

Losses, networks, settings and the order of an iteration follow the authors' public code. docs/method.md describes them:
settings in section 1, networks in 2, losses in 3 (the objective above is their sum), the iteration in 4, pairs in 5.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, model_validator

from engine.lazy import torch
from engine.methods.base import Scalars, Setup
from engine.methods.infogan import GANWidths, InfoGAN, InfoGANCommonSettings
from engine.methods.settings import MethodSettings
from engine.methods.shared_work import GeneratedImages, fixed_weights
from engine.settings import ScheduleField, constant, schedule
from engine.streams import stream_seed

if TYPE_CHECKING:
    from engine.models.infogan import ContrastiveDiscriminator


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
        default=schedule((0, 0.0), ("89.2857%", 2.0)),
        description='weight of the contrastive regulariser: a number, or steps such as [[0, 0], ["90%", 2]]',
    )
    gap: ScheduleField = Field(
        default=constant(0.0),
        description="least distance between codes that a pair does not share (below 2); a number, or steps",
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


class InfoGANCR(InfoGAN[InfoGANCRSettings]):
    """G against D, with Q and H on G's side."""

    settings_type: ClassVar[type[MethodSettings]] = InfoGANCRSettings
    summary: ClassVar[str] = "InfoGAN with the contrastive regulariser"

    contrastive: ContrastiveDiscriminator
    """H."""

    def __init__(self, settings: InfoGANCRSettings, setup: Setup) -> None:
        super().__init__(settings, setup)
        self.lambda_cr = settings.lambda_cr.over(setup.total_steps)
        self.gap = settings.gap.over(setup.total_steps)
        # H's initial weights, first and after every reset, come from a CPU stream of their own, so that G and D start
        # from the same weights as under plain InfoGAN.
        self.draws["contrastive"] = torch.Generator().manual_seed(stream_seed(setup.seed, "contrastive"))
        self.draws["pairs"] = self.random_stream("pairs")
        self.contrastive = self._new_contrastive()
        self.networks["contrastive"] = self.contrastive
        self.optimizers["contrastive"] = self.adam(self.contrastive, settings.contrastive_learning_rate)

    def prepare(self, iteration: int) -> dict[str, float]:
        if self.lambda_cr.changes_at(iteration) or self.gap.changes_at(iteration):
            self._reset_contrastive()
        self._lambda_cr, self._gap = self.lambda_cr.at(iteration), self.gap.at(iteration)
        return {"lambda_cr": self._lambda_cr, "gap": self._gap} | super().prepare(iteration)

    def phase(self) -> tuple[float, float]:
        return self._lambda_cr, self._gap

    def compute(self, images: torch.Tensor) -> Scalars:
        """One iteration: H, then D with Q, then G, all on the same draws (docs/method.md, section 4)."""
        latent = self.draw_latent(len(images))
        a, b, shared = self.draw_pairs(len(images))
        generated = GeneratedImages(self.generator)
        scalars: Scalars = {}

        # H learns which code the images of a pair share.
        if self._lambda_cr > 0:
            scalars |= self.step_contrastive(generated(a), generated(b), shared)
        elif self.settings.contrastive_warm_up:
            # Images made in inference mode, as the authors' code does it: docs/method.md, section 10, trap 1.
            scalars |= self.step_contrastive(*generated.preview(a, b), shared)

        # D learns to tell real images from generated ones, and Q to read the codes off the latter.
        scalars |= self.step_discriminator(images, generated(latent).detach(), latent)

        # G learns to please all three.
        with fixed_weights(self.discriminator, self.contrastive):
            for _ in range(self.settings.generator_steps):
                loss, parts = self.generator_loss(generated(latent), latent)
                if self._lambda_cr > 0:
                    loss = loss + self._lambda_cr * self.contrastive_loss(generated(a), generated(b), shared)
                self.step_generator(loss)
                generated.forget()
                scalars |= parts
        generated.update_moving_statistics()
        return scalars

    def draw_pairs(self, n: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """``n`` pairs a, b, float32 ``[n, codes.dimensions]`` each, and the shared codes i, int64 ``[n]``."""
        a, b, shared = self.codes.sample_pairs(n, self._gap, self.draws["pairs"])
        device = self.setup.device
        return a.to(device), b.to(device), shared.to(device)

    def step_contrastive(self, first: torch.Tensor, second: torch.Tensor, shared: torch.Tensor) -> Scalars:
        """One step of H on L_CR. G gets no gradient."""
        self.contrastive.normalise(self.settings.spectral_gradient)
        logits = self.contrastive(first.detach(), second.detach())
        loss = torch.nn.functional.cross_entropy(logits, shared)
        self._step("contrastive", loss)
        accuracy = (logits.detach().argmax(1) == shared).float().mean()
        return {"loss_contrastive": loss.detach(), "cr_accuracy": accuracy}

    def contrastive_loss(self, first: torch.Tensor, second: torch.Tensor, shared: torch.Tensor) -> torch.Tensor:
        """L_CR in nats, the softmax cross-entropy of H's answer, mean over the batch (docs/method.md, section 3)."""
        return torch.nn.functional.cross_entropy(self.contrastive(first, second), shared)

    def turning_points(self) -> tuple[int, ...]:
        return tuple(sorted({*self.lambda_cr.turning_points, *self.gap.turning_points}))

    def notes_at(self, iteration: int) -> list[str]:
        notes = []
        for name, timetable in (("gap", self.gap), ("lambda_cr", self.lambda_cr)):
            if timetable.changes_at(iteration):
                notes.append(f"{name} becomes {timetable.at(iteration):g}")
        if notes and self.settings.contrastive_reset == "weights":
            notes.append("H is re-initialised")
        return notes

    def _new_contrastive(self) -> ContrastiveDiscriminator:
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
        """Draw H's weights anew and forget its Adam state, where a schedule changes (docs/method.md, section 4).

        The spectral vectors u are not trained and stay as they are (docs/method.md, section 10, trap 4).
        """
        if self.settings.contrastive_reset == "none":
            return
        fresh = dict(self._new_contrastive().named_parameters())
        with torch.no_grad():
            for name, parameter in self.contrastive.named_parameters():
                parameter.copy_(fresh[name])
        self.optimizers["contrastive"].state.clear()
