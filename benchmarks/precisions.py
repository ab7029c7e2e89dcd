r"""The scores of a convolutional InfoGAN-CR in two number types, paired by seed.

    crtui --store S train infogan-cr --config benchmarks/small_convolutions.toml --seeds 0-4 \
      --sweep training.precision=float32,bfloat16 --name conv --group precisions -d
    python benchmarks/precisions.py --store S --group precisions [--protocol paper|lib]

Scores that a run lacks are computed first. Prints, for each score, mean and standard deviation over seeds in both types
and the mean of the paired differences with its 95 % interval (Student's t).
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

from differences import paired
from engine.choosing.scoring import score_run
from engine.runs.catalogue import list_runs
from engine.runs.state import Status
from engine.storage.store import Store
from method_table import COLUMNS

TYPES = ("float32", "bfloat16")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--group", required=True)
    parser.add_argument("--protocol", choices=("paper", "lib"), default="paper")
    arguments = parser.parse_args()
    store = Store.open(arguments.store)
    scores: dict[str, dict[int, dict[str, float | None]]] = {name: {} for name in TYPES}
    for record in list_runs(store):
        if record.group == arguments.group and record.status is Status.FINISHED and record.precision in scores:
            print(f"scoring {record.name}", file=sys.stderr)
            result = score_run(store, record, protocol=arguments.protocol)
            assert record.seed is not None
            scores[record.precision][record.seed] = result["scores"]
    seeds = sorted(scores[TYPES[0]].keys() & scores[TYPES[1]].keys())
    if len(seeds) < 2:
        sys.exit(f"group '{arguments.group}' has {len(seeds)} seeds finished in both types; two are the least")
    print(f"protocol {arguments.protocol}, seeds {', '.join(map(str, seeds))}\n")
    print(f"| score | {' | '.join(TYPES)} | {TYPES[1]} - {TYPES[0]}, 95 % interval |")
    print("| --- | --- | --- | --- |")
    for key, title in COLUMNS.items():
        columns = [[scores[name][seed][key] or 0.0 for seed in seeds] for name in TYPES]
        differences = [b - a for a, b in zip(*columns, strict=True)]
        found = paired(differences)
        cells = [f"{statistics.mean(column):.3f} ± {statistics.stdev(column):.3f}" for column in columns]
        print(f"| {title} | {' | '.join(cells)} | {found['mean']:+.3f} [{found['low']:+.3f}, {found['high']:+.3f}] |")


if __name__ == "__main__":
    main()
