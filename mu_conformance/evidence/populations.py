"""Supply the originals and references of scenarios, and their outputs, from the store or trained into it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from mu_conformance.evidence.base import EvidenceError, Tell, tell_nobody
from mu_conformance.evidence.outputs import VERSION as OUTPUTS_VERSION
from mu_conformance.evidence.outputs import NotFinite, Outputs
from mu_conformance.evidence.recovery import attacks_of
from mu_conformance.protocol.seeding import derive_seed
from mu_conformance.scenarios import memorization
from mu_conformance.scenarios.scenario import Scenario
from mu_conformance.store.artefact import artefact_key
from mu_conformance.store.cache import Store
from mu_conformance.tasks import Rows, Task
from mu_conformance.training import data_parallel, loop
from mu_conformance.training.loop import train

__all__ = ["Populations"]


class Populations:
    """Supplies the originals and references of scenarios, from the store or trained into it."""

    def __init__(
        self,
        store: Store,
        progress: Callable[[str], None] | None = None,
        *,
        device: str = "cpu",
        processes: int = 0,
        tell: Tell = tell_nobody,
    ) -> None:
        """Use a store.

        Args:
            store: where models and outputs are saved.
            progress: function that is told of each trained model, in one line.
            device: device on which models are trained and measured.
            processes: number of devices over which training is split; 0: as many as there are.
            tell: function that is told of what is read or trained, before it is.
        """
        self.store = store
        self.device = device
        self.processes = processes
        self.progress = progress or (lambda _: None)
        self.tell = tell
        self._turn = ("a model", 0, 0)

    def turn_to(self, models: str, where: str, number: int, total: int) -> None:
        """Tell which models are read next; should the store lack them, they are told of as trained.

        Args:
            models: name of the models, such as "references".
            where: name of the scenario.
            number: number of the next model, from 1.
            total: number of models.
        """
        self._turn = (models, number, total)
        self.tell(f"reading {models}", where, number, total)

    def _model_description(self, scenario: Scenario, rows: Rows, seed: int) -> dict[str, Any]:
        return {"kind": "model", **self._recipe_description(scenario.task, scenario.architecture, rows), "seed": seed}

    def model_key(self, scenario: Scenario, rows: Rows, seed: int) -> str:
        """Return the address of the recipe's model trained on ``rows`` with ``seed``."""
        return artefact_key(self._model_description(scenario, rows, seed))

    def _train(self, scenario: Scenario, rows: Rows, seed: int) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        models, number, total = self._turn
        self.tell(f"training {models}", scenario.name, number, total)
        started, cpu = time.perf_counter(), time.process_time()
        model = self._trained(scenario.task, scenario.architecture, rows, seed)
        self.progress(f"trained {scenario.task.name} on {len(rows)} rows")
        seconds, cpu_seconds = time.perf_counter() - started, time.process_time() - cpu
        info = {"seconds": round(seconds, 3), "cpu_seconds": round(cpu_seconds, 3), "rows": len(rows)}
        return {name: tensor.cpu().clone() for name, tensor in model.state_dict().items()}, info

    def _trained(self, task: Task, architecture: str, rows: Rows, seed: int) -> nn.Module:
        count = self._processes_for(task)
        if count > 1 and task.recipe_for(architecture) != type(task)().recipe_for(architecture):
            raise EvidenceError("a recipe of the author's own is not trained over several devices; use one")
        if count == 1:
            return train(task, architecture, rows, seed, self.device)
        return data_parallel.train(task, architecture, rows, seed, device=self.device, processes=count)

    def _processes_for(self, task: Task) -> int:
        return (self.processes or data_parallel.device_count(self.device)) if task.data_parallel else 1

    def _recipe_description(self, task: Task, architecture: str, rows: Rows) -> dict[str, Any]:
        """Return what a trained model depends on beside its seed."""
        found = {
            "training": loop.VERSION,
            "task": task.name,
            "version": task.version,
            "architecture": architecture,
            "recipe": dataclasses.asdict(task.recipe_for(architecture)),
            "rows": rows.digest(),
        }
        # Added only where they say something, so that older artefacts keep their address.
        provenance, processes = task.provenance(architecture), self._processes_for(task)
        if provenance:
            found["provenance"] = provenance
        if task.conditions.of_training:
            found["conditions"] = task.conditions.of_training
        if self.device != "cpu":
            found["device"] = self.device.partition(":")[0]
        if processes > 1:
            found["processes"] = processes
        return found

    def model_state(self, scenario: Scenario, rows: Rows, seed: int) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Return the weights of the recipe's model trained on ``rows``, and the record of the training."""
        description = self._model_description(scenario, rows, seed)
        artefact = self.store.get(description, lambda: self._train(scenario, rows, seed))
        return artefact.tensors, artefact.info

    def unstored_state(self, scenario: Scenario, rows: Rows, seed: int) -> dict[str, torch.Tensor]:
        """Return the weights of a model that is trained now and not saved, for a seed that will not come again."""
        return self._train(scenario, rows, seed)[0]

    def training_seconds(self, scenario: Scenario, number: int) -> float:
        """Return the CPU seconds that training the original with that number took, on the machine that trained it."""
        return float(self.model_state(scenario, scenario.train, scenario.original_seed(number))[1]["cpu_seconds"])

    def outputs(self, scenario: Scenario, rows: Rows, seed: int) -> Outputs:
        """Return the outputs, on the scenario's rows, of the recipe's model trained on ``rows`` with ``seed``."""
        description = {
            "kind": "outputs",
            "version": OUTPUTS_VERSION,
            "model": self.model_key(scenario, rows, seed),
            "rows": {part: measured.digest() for part, measured in scenario.rows.items()},
            "retained": scenario.retain.digest(),
            # The key is part of the address of every stored output, so it has the attacks' former name.
            "treatments": {attack.name: dict(attack.record) for attack in attacks_of(scenario.task)},
        }

        def build() -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
            state, info = self.model_state(scenario, rows, seed)
            model = scenario.task.new_model(0, scenario.architecture)
            model.load_state_dict(state)
            model.to(self.device)
            try:
                return Outputs.of(model, scenario).tensors(), {"training": info}
            except NotFinite as error:
                # The suite's own model: no method is to blame.
                raise EvidenceError(f"a model that the suite trained for {scenario.name}: {error}") from None

        return Outputs.from_tensors(self.store.get(description, build).tensors)

    def original_state(self, scenario: Scenario, number: int) -> dict[str, torch.Tensor]:
        """Return the weights of the original with that number, trained on every row."""
        return self.model_state(scenario, scenario.train, scenario.original_seed(number))[0]

    def original(self, scenario: Scenario, number: int) -> Outputs:
        """Return the outputs of the original with that number."""
        return self.outputs(scenario, scenario.train, scenario.original_seed(number))

    def reference(self, scenario: Scenario, number: int) -> Outputs:
        """Return the outputs of the reference with that number, by the recipe of the scenario's references."""
        return self.outputs(scenario.retrained, scenario.retain, scenario.reference_seed(number))

    def memorization(self, task: Task, architecture: str, seed: int) -> np.ndarray:
        """Return the memorization of each training row, float [n_train], by models trained on random halves."""
        rows = task.splits.train
        members = memorization.halves(len(rows), seed)
        description = {
            "kind": "memorization",
            **self._recipe_description(task, architecture, rows),
            "models": memorization.MODELS,
            "seed": seed,
        }

        def build() -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
            started, found = time.perf_counter(), []
            for number, chosen in enumerate(members):
                self.tell("training on halves", task.name, number + 1, len(members))
                model = self._trained(
                    task, architecture, rows.select(np.flatnonzero(chosen)), derive_seed(seed, "half", number)
                )
                kept = {name: t.numpy() for name, t in task.outputs(model, rows, brief=True).items()}
                found.append(np.exp(-task.losses(kept, rows)))
                self.progress(f"trained {task.name} on half of its rows")
            probabilities = torch.from_numpy(np.stack(found).astype(np.float32))
            return {"probabilities": probabilities}, {"seconds": round(time.perf_counter() - started, 3)}

        probabilities = self.store.get(description, build).tensors["probabilities"].numpy()
        return memorization.estimates(probabilities, members)
