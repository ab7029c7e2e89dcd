"""The least of a worker: ``python -I -S light_worker.py RUN_DIR`` writes one event and how it ended, with no library.

For whoever strikes a supervisor a thousand times, to whom a worker that imports libraries is most of the cost.
"""

import os
import sys
import time

# Without pathlib, whose import would cost more than all of the rest.
events, outcome = (os.path.join(sys.argv[1], name) for name in ("events.jsonl", "outcome.json"))  # noqa: PTH118
# So that the supervisor sees it live.
time.sleep(0.05)
try:
    with open(events, "a") as file:  # noqa: PTH123
        file.write(f'{{"time":{time.time()},"attempt":1,"step":2,"kind":"train","loss":0.5}}\n')
    with open(f"{outcome}.tmp", "w") as file:  # noqa: PTH123
        file.write('{"status":"finished","step":2}')
    os.replace(f"{outcome}.tmp", outcome)  # noqa: PTH105
except FileNotFoundError:
    sys.exit("the run's folder is gone")
