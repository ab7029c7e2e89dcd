"""What ``--help`` of each command ends with: calls to copy."""

from __future__ import annotations

EXAMPLES: dict[str, tuple[str, ...]] = {
    "demo": ("crtui demo", "crtui demo --no-dashboard"),
    "dashboard": (
        "crtui dashboard",
        "crtui dashboard --read-only --group mine",
        "crtui dashboard ssh://gpu1/data/runs",
    ),
    "train": (
        "crtui train --preset quick --seeds 0-3 --group first",
        "crtui train factor-vae --data dsprites --sweep gamma=10,20,40 -d",
        "crtui train --data ~/photos --steps 5000 --set 'lambda_cr=[[0, 0], [\"80%\", 1]]'",
        "crtui train --like infogan-cr-s0 --seeds 1-4 --if-exists skip",
        "crtui train --branch-from infogan-cr-s0@3000 --steps 6000 --set lambda_info=0.1",
    ),
    "score": (
        "crtui score infogan-cr-s0",
        "crtui score --group first",
        "crtui score infogan-cr-s0 --metric mig --protocol lib --json",
    ),
    "select": ("crtui select --group first", "crtui select --group first --method udr-lasso --save ranking.csv"),
    "traverse": ("crtui traverse infogan-cr-s0", "crtui traverse infogan-cr-s0 --code 2 --save code.gif"),
    "plot curves": ("crtui plot curves --group first --save curves.pdf",),
    "plot matrix": ("crtui plot matrix --group first --save matrix.pdf",),
    "plot ranking": ("crtui plot ranking --group first --save ranking.svg",),
    "plot traversal": ("crtui plot traversal infogan-cr-s0 --save traversal.pdf",),
    "plot codes": ("crtui plot codes infogan-cr-s0 --save codes.pdf",),
    "report": ("crtui report --group first --to report.html",),
    "export": ("crtui export infogan-cr-s0 --to model", "crtui export infogan-cr-s0 --to model --onnx"),
    "reproduce": (
        "crtui reproduce table1 --seeds 0-49 --launcher slurm --gres gpu:1",
        "crtui reproduce table1 --seeds 0 --share 0.1 --dry-run",
    ),
    "encode": ("crtui encode infogan-cr-s0 cat.jpg", "crtui encode infogan-cr-s0 ~/photos --csv > codes.csv"),
    "methods": ("crtui methods",),
    "presets": ("crtui presets infogan-cr",),
    "datasets": ("crtui datasets",),
    "keys": ("crtui keys infogan-cr", "crtui keys factor-vae --preset quick --find learning"),
    "docs": ("crtui docs", "crtui docs data"),
    "doctor": ("crtui doctor", "crtui doctor --torch --json"),
    "runs list": (
        "crtui runs list --where 'score.factor_vae>0.8 lambda_info<=0.2' --sort -score.factor_vae",
        "crtui runs list --columns name,lambda_cr,training.steps,score.mig",
        "crtui runs list --group first --csv > runs.csv",
    ),
    "runs show": ("crtui runs show infogan-cr-s0",),
    "runs diff": ("crtui runs diff infogan-cr-s0 infogan-cr-s1",),
    "runs logs": ("crtui runs logs --follow infogan-cr-s0",),
    "runs metrics": ("crtui runs metrics infogan-cr-s0 --name loss_generator --csv",),
    "runs sync": ("crtui runs sync infogan-cr-s0 --to tensorboard",),
    "runs stop": ("crtui runs stop infogan-cr-s0 --grace 60", "crtui runs stop --group first"),
    "runs resume": (
        "crtui runs resume --all",
        "crtui runs resume --group first",
        "crtui runs resume infogan-cr-s0 --data /new/place/photos --set device=cuda:1",
    ),
    "runs pause": ("crtui runs pause --all",),
    "runs unpause": ("crtui runs unpause --all",),
    "runs note": ("crtui runs note infogan-cr-s0 --tag keep --text 'the one in the figure'",),
    "runs rm": ("crtui runs rm infogan-cr-s0 --yes", "crtui runs rm --group demo"),
    "runs reindex": ("crtui runs reindex",),
    "data list": ("crtui data list",),
    "data prepare": ("crtui data prepare dsprites", "crtui data prepare ~/photos --size 64"),
    "data preview": ("crtui data preview minisprites", "crtui data preview ~/photos --size 64 --save photos.png"),
}
"""By command, as it is typed after ``crtui``."""


def examples(command: str) -> str:
    """The examples of a command as the end of its help text."""
    # The mark keeps the lines as they are.
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in EXAMPLES[command])
