"""Processor time is counted with that of children, ended ones too; memory by page."""

import os
import subprocess
import sys

from tests.bench.processor import CORES, Meter, memory_mb

_WORK = "import time\nwhile time.process_time() < 0.25: pass"
_WAITS = "import sys; print('up', flush=True); sys.stdin.read()"


def test_a_meter_counts_what_a_process_and_its_children_use() -> None:
    meter = Meter({"ours": os.getpid(), "nobody": 0x3FFFFFFF})
    subprocess.run([sys.executable, "-c", _WORK], check=True)
    each = meter.each_ms(10)
    assert each["ours"] >= 24
    assert each["nobody"] == 0
    assert 0 < meter.cores_busy() <= CORES * 1.2


def test_what_waits_uses_nothing_and_has_memory_all_the_same() -> None:
    command, pipe = [sys.executable, "-c", _WAITS], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as waiting:
        assert waiting.stdout is not None
        assert waiting.stdout.readline() == b"up\n"
        assert memory_mb(waiting.pid) > 1
        meter = Meter({"waiting": waiting.pid, "both": (waiting.pid, waiting.pid)})
        used = meter.used_s()
        assert used["both"] == 2 * used["waiting"]
        waiting.communicate()
