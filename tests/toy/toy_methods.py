"""Methods that misbehave, and some that do not, for the tests of the plugin."""

import copy
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import torch
from torch import nn

from mu_conformance import Claims
from mu_conformance.methods import Retrain


class NeedsArguments:
    def __init__(self, strength, rounds):
        self.strength = strength

    def unlearn(self, model, request):
        return model


def retrain(model, request):
    return Retrain().unlearn(model, request)


def make_retrain():
    return Retrain()


instance = Retrain()
not_a_method = 7


def loaders(model, retain_loader, forget_loader, validation_loader):
    optimiser = torch.optim.SGD(model.parameters(), lr=0.01)
    for batch in retain_loader:
        optimiser.zero_grad()
        model(**batch).loss.backward()
        optimiser.step()
    return model


class Raises:
    def unlearn(self, model, request):
        raise ValueError("no such thing as forgetting")


class RaisesOnReal(Retrain):
    """Well behaved on the small requests of the contract, and not on real ones."""

    def unlearn(self, model, request):
        if len(request.forget) > 12:
            raise ValueError("too many rows")
        return super().unlearn(model, request)


class GoesOnPastItsBudget(Retrain):
    """Catches whatever stops it, and returns a model all the same."""

    def unlearn(self, model, request):
        try:
            return super().unlearn(model, request)
        except BaseException:
            return copy.deepcopy(model)


class MovesFrozenWeights(Retrain):
    def unlearn(self, model, request):
        found = super().unlearn(model, request)
        with torch.no_grad():
            for parameter in found.parameters():
                if not parameter.requires_grad:
                    parameter.add_(1e-6)
        return found


class ReturnsNone:
    def unlearn(self, model, request):
        return None


class OtherArchitecture:
    def unlearn(self, model, request):
        return nn.Linear(3, 3)


class NanWeights:
    def unlearn(self, model, request):
        broken = copy.deepcopy(model)
        broken.head.weight.data[0, 0] = float("nan")
        return broken


class OtherDevice:
    def unlearn(self, model, request):
        return copy.deepcopy(model).to("meta")


class NeverReturns:
    def unlearn(self, model, request):
        while True:
            time.sleep(0.05)


class Chatty(Retrain):
    def unlearn(self, model, request):
        for _ in range(200):
            print("x" * 20_000)
        sys.stderr.write("y" * 1_000_000)
        return super().unlearn(model, request)


class LeavesThingsRunning(Retrain):
    def unlearn(self, model, request):
        threading.Thread(target=time.sleep, args=(60,), daemon=True, name="left behind").start()
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
        return super().unlearn(model, request)


class KillsItsParent:
    def unlearn(self, model, request):
        import signal

        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(1)
        return model


class TriesTheNetwork(Retrain):
    def unlearn(self, model, request):
        import contextlib
        import socket

        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", 9), timeout=0.2)
        return super().unlearn(model, request)


class WritesNatively(Retrain):
    """torch.save writes without an audit event, and into a folder that is not the call's own."""

    target = ""

    def unlearn(self, model, request):
        folder = os.environ["TOY_TARGET"]
        torch.save([request.forget[i] for i in range(len(request.forget))], os.path.join(folder, "kept.pt"))
        return super().unlearn(model, request)


class TrainingMode(Retrain):
    def unlearn(self, model, request):
        return super().unlearn(model, request).train()


class ReadsSuiteFiles(Retrain):
    def unlearn(self, model, request):
        import importlib.resources

        importlib.resources.files("mu_conformance.fixtures.sentiment").joinpath("snippets.tsv").read_text("utf-8")
        return super().unlearn(model, request)


class ReadsSuiteFilesByALink(Retrain):
    def unlearn(self, model, request):
        import importlib.resources
        import tempfile

        link = Path(tempfile.mkdtemp()) / "mine"
        link.symlink_to(importlib.resources.files("mu_conformance.fixtures.sentiment").joinpath("snippets.tsv"))
        link.read_text("utf-8")
        return super().unlearn(model, request)


class RestartsTheLoader(Retrain):
    """The ``next(iter(loader))`` bug: every step sees the first batch."""

    def unlearn(self, model, request):
        tuned = copy.deepcopy(model)
        optimiser = torch.optim.Adam(tuned.parameters(), lr=0.02)
        loader = request.task.loader(request.retain, 8, shuffle=False)
        for _ in range(40):
            batch = next(iter(loader))
            optimiser.zero_grad()
            request.task.loss(tuned, batch).backward()
            optimiser.step()
        return tuned.eval()


class ResetsGlobalSeed(Retrain):
    def unlearn(self, model, request):
        returned = super().unlearn(model, request)
        torch.manual_seed(0)
        return returned


class ForgetsHalf:
    """Exact retraining on the retain set and three quarters of the forget set: partial forgetting."""

    share = 0.75

    def unlearn(self, model, request):
        from mu_conformance.training.loop import fit

        kept = int(self.share * len(request.forget))

        class Rows(torch.utils.data.Dataset):
            def __len__(self):
                return len(request.retain) + kept

            def __getitem__(self, i):
                return request.retain[i] if i < len(request.retain) else request.forget[i - len(request.retain)]

        fresh = request.task.new_model(request.seed)
        with request.seeded():
            return fit(fresh, Rows(), request.task, request.recipe, request.seed)


class ForgetsThreeQuarters(ForgetsHalf):
    share = 0.25


class OnlyText(Retrain):
    claims = Claims(modalities=("text",))


class RaisesAtImportTime:
    claims = "everything"

    def unlearn(self, model, request):
        return model
