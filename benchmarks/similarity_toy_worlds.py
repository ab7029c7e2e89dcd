"""Which similarity lets ModelCentrality pick best, and how often a budget picks as the full matrix does, in toy worlds.

    python benchmarks/similarity_toy_worlds.py [--pools 20] [--budget-pools 10] [--protocol latin|paper]
                                               [--factors uniform|normal] [--kind NAME ...]

A world is an image of k factors and some noise, linear in both. A model is a basis of that world: factors = basis x
codes, with the codes bent by an odd power before they enter the decoder. How good a model is is known: the mean squared
cosine of its codes with the factors they come closest to, 1 for a permutation with signs. Each kind of pool is drawn
anew for each seed; a pick is right when its model is as good as the pool's best (within 0.02). Prints how often each
selector is right, and the mean quality of its picks, of the pool, and of its best. ``ica`` ranks each model by how
nearly its codes are their independent components; ``ica, factor-vae`` is ModelCentrality by FactorVAE among models with
the components in their codes' place, and its quality is that of what it picks, which no model of the pool has. Where
ICA cannot know, neither picks, and the last line says how often.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil, log2
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.linalg import expm
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from engine.metrics.independent_components import IndependentComponents, independent_components
from engine.models.codes import Codes
from engine.selection import SIMILARITIES, VOTING_PROTOCOLS, model_centrality, udr
from engine.selection.cross_scores import Pairs, cross_scores
from engine.selection.generated_set import VotingProtocol
from engine.selection.halving import default_budget, fast_medoid, least_budget
from engine.selection.pair_cache import PairCache

K, NOISE, SIDE = 5, 3, 4
PROTOCOL = VotingProtocol(votes=100, group_size=50, scale_samples=1024)
_EMBEDDING: Tensor = torch.linalg.qr(torch.randn(SIDE * SIDE, K + NOISE, generator=torch.Generator().manual_seed(0))).Q
Basis = NDArray[np.float64]


@dataclass
class ToyModel:
    """A basis of the world, with what an encoder gets wrong at random."""

    name: str
    basis: Basis
    power: int = 1
    error: float = 0.1

    image_shape = (SIDE, SIDE, 1)
    codes = Codes(K, NOISE)

    @property
    def fingerprint(self) -> str:
        """The name: models are made once."""
        return self.name

    @property
    def quality(self) -> float:
        """Mean squared cosine of codes with their factors, by the best assignment."""
        shares = np.square(self.basis)
        return float(shares[linear_sum_assignment(shares, maximize=True)].mean())

    def decode(self, z: Tensor) -> Tensor:
        """Images of latents."""
        factors = z[:, :K] ** self.power @ torch.from_numpy(self.basis.T).float()
        return (torch.cat([factors, z[:, K:]], dim=1) @ _EMBEDDING.T).reshape(-1, 1, SIDE, SIDE)

    def encode(self, x: Tensor) -> Tensor:
        """Codes of images, with a smooth error that differs from code to code."""
        pixels = x.flatten(1) @ _EMBEDDING
        codes = pixels[:, :K] @ torch.from_numpy(self.basis).float()
        return codes + self.error * torch.sin(3 * pixels[:, K:].sum(dim=1, keepdim=True) + codes.roll(1, dims=1))

    def sample_codes(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """Codes of images: there is no posterior."""
        return self.encode(x)

    def posterior(self, x: Tensor) -> None:
        """There is none."""


@dataclass
class UnmixedModel(ToyModel):
    """A toy model with the independent components of its codes in their place."""

    components: IndependentComponents | None = None

    @property
    def quality(self) -> float:
        """Mean squared cosine of components with their factors, by the best assignment."""
        assert self.components is not None
        directions = self.components.unmixing @ self.basis.T
        shares = np.square(directions) / np.square(directions).sum(axis=1, keepdims=True)
        return float(shares[linear_sum_assignment(shares, maximize=True)].mean())

    def decode(self, z: Tensor) -> Tensor:
        """Images of latents."""
        assert self.components is not None
        back = torch.from_numpy(np.linalg.inv(self.components.unmixing).T).float()
        codes = z[:, :K] @ back + torch.from_numpy(self.components.centre).float()
        return super().decode(torch.cat([codes, z[:, K:]], dim=1))

    def encode(self, x: Tensor) -> Tensor:
        """Components of the codes of images."""
        assert self.components is not None
        return torch.from_numpy(self.components.of(super().encode(x).double().numpy())).float()


def rotation(draws: np.random.Generator, strength: float) -> Basis:
    """A rotation in every plane: 0 is none, 1 a random one."""
    skew = np.triu(draws.standard_normal((K, K)), 1)
    return np.asarray(expm(strength * (skew - skew.T)))


def permuted(draws: np.random.Generator, basis: Basis) -> Basis:
    """The same basis in another order, with other signs."""
    turned: Basis = basis[:, draws.permutation(K)] * draws.choice([-1.0, 1.0], K)
    return turned


def pool_of(name: str, bases: Sequence[Basis], draws: np.random.Generator) -> list[ToyModel]:
    """Models of these bases, permuted and bent."""
    return [
        ToyModel(f"{name}-{i}-{draws.integers(2**60)}", permuted(draws, basis), int(draws.choice([1, 3])))
        for i, basis in enumerate(bases)
    ]


def clean_majority(draws: np.random.Generator) -> list[Basis]:
    """Five right ones, three with bases of their own."""
    return [np.eye(K)] * 5 + [rotation(draws, 1.0) for _ in range(3)]


def clean_minority(draws: np.random.Generator) -> list[Basis]:
    """Three right ones, seven with bases of their own."""
    return [np.eye(K)] * 3 + [rotation(draws, 1.0) for _ in range(7)]


def graded(draws: np.random.Generator) -> list[Basis]:
    """Ten ever farther from the right basis, each in a direction of its own."""
    return [rotation(draws, 0.6 * step / 9) for step in range(10)]


def slightly_off(draws: np.random.Generator) -> list[Basis]:
    """Four nearly right, six rather off: by less than an equal vote sees."""
    return [rotation(draws, 0.05) for _ in range(4)] + [rotation(draws, 0.3) for _ in range(6)]


def shared_mistake(draws: np.random.Generator) -> list[Basis]:
    """Five that share one wrong basis, three right ones: agreement is all that the method sees."""
    wrong = rotation(draws, 1.0)
    return [np.eye(K)] * 3 + [wrong] * 5


KINDS: dict[str, Callable[[np.random.Generator], list[Basis]]] = {
    "5 right, 3 random": clean_majority,
    "3 right, 7 random": clean_minority,
    "graded": graded,
    "4 near, 6 off": slightly_off,
    "3 right, 5 alike wrong": shared_mistake,
}


def main() -> None:
    """Run the experiments and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pools", type=int, default=20)
    parser.add_argument("--budget-pools", type=int, default=10)
    parser.add_argument("--protocol", choices=VOTING_PROTOCOLS, default=VOTING_PROTOCOLS[0])
    parser.add_argument(
        "--factors", choices=("uniform", "normal"), default="uniform", help="of the images of the world"
    )
    parser.add_argument("--kind", action="append", choices=KINDS, help="only pools of this kind; repeatable")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    protocol = replace(PROTOCOL, name=arguments.protocol)
    compare_similarities(arguments.pools, protocol, arguments.factors, arguments.kind or list(KINDS))
    if arguments.budget_pools:
        compare_budgets(arguments.budget_pools)


def compare_similarities(pools: int, protocol: VotingProtocol, factors: str, kinds: Sequence[str]) -> None:
    """How often each selector is right on each kind of pool, and how good its picks are."""
    selectors = [*SIMILARITIES, "udr-lasso", "udr-spearman", "ica", "ica, factor-vae"]
    silent = asked = 0
    print(f"right picks in % of {pools} pools, and the mean quality of picks in brackets; {K} codes")
    print(f"{'pool':<24}" + "".join(f"{name:>15}" for name in selectors) + f"{'pool mean':>11}{'best':>6}")
    for number, (kind, bases_of) in enumerate(KINDS.items()):
        if kind not in kinds:
            continue
        right = dict.fromkeys(selectors, 0)
        quality = dict.fromkeys(selectors, 0.0)
        mean = best = 0.0
        for seed in range(pools):
            draws = np.random.default_rng([seed, number])
            pool = pool_of(f"{kind}-{seed}", bases_of(draws), draws)
            good = np.array([model.quality for model in pool])
            mean, best = mean + good.mean() / pools, best + good.max() / pools
            picked = picks(pool, protocol, factors)
            silent, asked = silent + ("ica" not in picked), asked + 1
            for name, found in picked.items():
                right[name] += found > good.max() - 0.02
                quality[name] += found / pools
        cells = "".join(f"{100 * right[name] / pools:>8.0f} ({quality[name]:.2f})" for name in selectors)
        print(f"{kind:<24}{cells}{mean:>11.2f}{best:>6.2f}", flush=True)
    print(f"ICA said that it cannot know in {silent} of {asked} pools")


def picks(pool: Sequence[ToyModel], protocol: VotingProtocol, factors: str) -> dict[str, float]:
    """The quality of each selector's pick."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for similarity in SIMILARITIES:
            scores = cross_scores(pool, protocol, similarity=similarity, cache=PairCache(Path(folder)))
            found[similarity] = pool[model_centrality(scores.matrix).pick].quality
    draws = torch.Generator().manual_seed(0)
    if factors == "uniform":
        world = torch.rand((2000, K + NOISE), generator=draws) * 2 - 1
    else:
        world = torch.randn((2000, K + NOISE), generator=draws) / 3**0.5
    images = (world @ _EMBEDDING.T).reshape(-1, 1, SIDE, SIDE)
    codes = [model.encode(images).numpy() for model in pool]
    found |= {f"udr-{kind}": pool[udr(codes, None, kind).pick].quality for kind in ("lasso", "spearman")}
    return found | _picks_by_components(pool, codes, protocol)


def _picks_by_components(
    pool: Sequence[ToyModel], codes: Sequence[NDArray[np.float32]], protocol: VotingProtocol
) -> dict[str, float]:
    """The picks among models whose components can be known; none where there is no such model."""
    components = [independent_components(each, spread=3**-0.5) for each in codes]
    known = [(model, each) for model, each in zip(pool, components, strict=True) if not each.doubt]
    if not known:
        return {}
    best, _ = max(known, key=lambda pair: pair[1].agreement)
    turned = [UnmixedModel(f"{m.name} turned", m.basis, m.power, m.error, components=each) for m, each in known]
    centre = turned[model_centrality(cross_scores(turned, protocol).matrix).pick]
    return {"ica": best.quality, "ica, factor-vae": centre.quality}


def compare_budgets(pools: int) -> None:
    """How often a part of the matrix picks the medoid of the whole, or one as central."""
    print(f"\nfast medoid against the full matrix, {pools} pools of random strength each")
    print(f"{'models':>7}{'pairs':>7}{'of all':>8}{'same pick':>11}{'loss':>8}{'confidence':>12}")
    protocol = VotingProtocol(votes=50, group_size=20, scale_samples=256)
    for n in (16, 40):
        budgets = [budget for budget in (least_budget(n), 2 * n * ceil(log2(n)), default_budget(n)) if budget < n * n]
        same, loss, confidence = (np.zeros(len(budgets)) for _ in range(3))
        for seed in range(pools):
            draws = np.random.default_rng([seed, n])
            bases = [rotation(draws, float(strength)) for strength in draws.uniform(0, 0.6, n)]
            pool = pool_of(f"budget-{seed}", bases, draws)
            whole = model_centrality(cross_scores(pool, protocol, similarity="margin").matrix)
            for place, budget in enumerate(budgets):
                found = fast_medoid(Pairs(pool, protocol, similarity="margin"), n, budget, seed)
                assert found is not None
                same[place] += (found.ranking.pick == whole.pick) / pools
                loss[place] += (whole.scores.max() - whole.scores[found.ranking.pick]) / pools
                confidence[place] += found.confidence / pools
        for place, budget in enumerate(budgets):
            print(
                f"{n:>7}{budget:>7}{budget / n**2:>8.0%}{same[place]:>11.0%}"
                f"{loss[place]:>8.4f}{confidence[place]:>12.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
