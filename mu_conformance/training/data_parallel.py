"""Train on several devices through ``accelerate``: the same batches as on one, each split between processes.

Each process takes its share of every batch and weighs its loss by that share, so the averaged gradient is that of the
whole batch. Learning rate, clipping and order of the rows are those of one process. Dropout differs. Batch
normalisation uses the whole batch on CUDA, and a process's share elsewhere.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file, save_file

from mu_conformance.conditions.conditions import Conditions
from mu_conformance.protocol.seeding import derive_seed, seeded
from mu_conformance.tasks.rows import Rows
from mu_conformance.tasks.tokens import IGNORED
from mu_conformance.training import loop

if TYPE_CHECKING:
    from torch import nn

    from mu_conformance.tasks import Task

__all__ = ["ParallelTrainingError", "device_count", "train"]


class ParallelTrainingError(RuntimeError):
    """Raised when a process of a data-parallel training failed; the message has the end of its output."""


def device_count(device: str) -> int:
    """Return the number of devices over which training is split.

    A kind of device such as ``cuda`` means all of that kind. A named device such as ``cuda:0`` is one.
    """
    return max(1, torch.cuda.device_count()) if device == "cuda" else 1


class Share:
    """Serves one process's part of every batch of some rows.

    Args:
        rows: all training rows.
        rank: number of this process.
        processes: number of processes.
    """

    def __init__(self, rows: Rows, rank: int, processes: int) -> None:
        self.rows, self.rank, self.processes = rows, rank, processes
        self.factor = 1.0
        """Weight of this process's mean loss in the last batch."""

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, indices: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return this process's part of the rows at ``indices``, and set ``factor``."""
        own = indices.tensor_split(self.processes)[self.rank]
        # Gradients are averaged over the processes. A process without rows must still join in, so it takes one row with
        # factor 0.
        self.factor = self.processes * _weight(self.rows, own) / _weight(self.rows, indices)
        return self.rows.batch(own if len(own) else indices[:1])


def _weight(rows: Rows, indices: torch.Tensor) -> int:
    """Return the number over which a mean loss is taken: of rows, or of tokens to be predicted."""
    labels = rows.columns.get("labels")
    if labels is None or labels.ndim == 1:
        return len(indices)
    return int((labels[indices] != IGNORED).sum())


def train(task: Task, architecture: str, rows: Rows, seed: int, *, device: str, processes: int) -> nn.Module:
    """Train as ``training.loop.train`` does, over ``processes`` devices.

    Raises ``ParallelTrainingError`` if a process fails.
    """
    with tempfile.TemporaryDirectory(prefix="mu-conformance-parallel-") as name:
        folder = Path(name)
        plan = {"task": task.ref, "architecture": architecture, "seed": seed, "device": device}
        plan |= {"conditions": dataclasses.asdict(task.conditions), "sys_path": sys.path}
        (folder / "training.json").write_text(json.dumps(plan), encoding="utf-8")
        save_file(rows.columns, folder / "rows.safetensors")
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        done = subprocess.run(
            [*launcher, "-m", "mu_conformance.training.data_parallel", str(folder)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        weights = folder / "weights.safetensors"
        if done.returncode != 0 or not weights.exists():
            raise ParallelTrainingError(f"training {task.name} in {processes} processes failed:\n{done.stdout[-4000:]}")
        model = task.new_model(0, architecture)
        model.load_state_dict(load_file(weights))
        return model.to(device)


def _train_share(folder: Path) -> None:
    """Train on one process's share of every batch; the first process writes the weights."""
    plan: dict[str, Any] = json.loads((folder / "training.json").read_text(encoding="utf-8"))
    sys.path[:] = plan["sys_path"]
    torch.set_num_threads(1)
    from mu_conformance.discovery import load_object

    task: Task = load_object(plan["task"], "task")().under(Conditions(**plan["conditions"]))
    from accelerate import Accelerator, DistributedDataParallelKwargs

    on_cpu = plan["device"] == "cpu"
    # A published model may have parts that a loss never reaches, such as a pooler.
    accelerator = Accelerator(cpu=on_cpu, kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)])
    model = task.new_model(plan["seed"], plan["architecture"])
    if not on_cpu:
        model = torch.nn.SyncBatchNorm.convert_sync_batchnorm(model)
    share = Share(Rows(load_file(folder / "rows.safetensors")), accelerator.process_index, accelerator.num_processes)
    wrapped = accelerator.prepare_model(model.train())
    order = derive_seed(plan["seed"], "order")
    with seeded(derive_seed(order, "process", accelerator.process_index)):
        loop.fit(
            wrapped,
            share,
            task,
            task.recipe_for(plan["architecture"]),
            order,
            loss=lambda model, batch: task.training_loss(model, batch) * share.factor,
        )
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        trained = accelerator.unwrap_model(wrapped).state_dict()
        partial = folder / "weights.partial"
        save_file({name: tensor.cpu().contiguous().clone() for name, tensor in trained.items()}, partial)
        os.replace(partial, folder / "weights.safetensors")
    accelerator.end_training()


if __name__ == "__main__":
    _train_share(Path(sys.argv[1]))
