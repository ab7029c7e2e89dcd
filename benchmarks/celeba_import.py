"""Time the import of CelebA on synthetic JPEGs and extrapolate to the whole dataset.

    python benchmarks/celeba_import.py [--images 5000] [--cores 2]

Writes an archive of 178x218 JPEGs about as large as CelebA's (7 KB on average), imports it as ``crtui data prepare
celeba`` does, and prints the measured time and what 202,599 images would take at that rate. The second is an
extrapolation: it leaves out reading an archive of 1.4 GB from a disk that does not have it in memory yet. On a machine
that is busy with other things, look at the processor time, which does not count what others take.
"""

from __future__ import annotations

import argparse
import io
import os
import resource
import tempfile
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from engine.data.datasets.celeba import CELEBA, COUNT, HEIGHT, WIDTH

TARGET_SECONDS = 300.0
QUALITY = 88


def main() -> None:
    """Run the import and print both figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--cores", type=int, default=2)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "synthetic.zip"
        mean_bytes = write_archive(path, arguments.images)
        dataset = replace(CELEBA, count=arguments.images)
        busy_before, start = _cpu_seconds(), time.perf_counter()
        images = dataset.open_dataset(Path(folder) / "root", source=path)
        seconds = time.perf_counter() - start
        busy = _cpu_seconds() - busy_before
        assert len(images) == arguments.images
    whole = seconds * COUNT / arguments.images
    print(f"{arguments.images:,} synthetic JPEGs of {mean_bytes:,.0f} bytes on average, {arguments.cores} cores")
    print(f"measured: {seconds:.1f} s, {arguments.images / seconds:,.0f} images a second")
    print(f"processor time: {busy:.1f} s, {busy / arguments.cores:.1f} s a core if nothing else runs")
    print(
        f"extrapolated (not measured) to {COUNT:,}: {whole / 60:.1f} minutes; target {TARGET_SECONDS / 60:.0f} minutes"
    )


def _cpu_seconds() -> float:
    """Processor time of this process and of those that it has waited for."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def write_archive(path: Path, count: int) -> float:
    """Write synthetic faces; returns their mean size in bytes."""
    total = 0
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(count):
            few = np.random.default_rng(number).integers(256, size=(14, 11, 3), dtype=np.uint8)
            content = io.BytesIO()
            Image.fromarray(few).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(
                content, "JPEG", quality=QUALITY
            )
            archive.writestr(f"img_align_celeba/{number + 1:06d}.jpg", content.getvalue())
            total += content.tell()
    return total / count


if __name__ == "__main__":
    main()
