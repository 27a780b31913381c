"""An explorer whose latents are voxels, so that what it answers can be told by hand, and requests to it."""

import base64
import json
from typing import ClassVar

import numpy as np
from werkzeug.test import Client

from tests.fakes import box_grid
from tests.small_runs import VoxelModel
from vae_gan3d.config import ShapeFilesConfig
from vae_gan3d.config.shapes import ReadOptions
from vae_gan3d.errors import UserError
from vae_gan3d.explorer.app import AppOptions, ExplorerApp
from vae_gan3d.explorer.session import Explorer

SMALL, LARGE = box_grid(16, 6, 10), box_grid(16, 2, 14)
OPTIONS = AppOptions("a model", (), ReadOptions(16), 1, ShapeFilesConfig(), 0, ())


class BoxPrior:
    """Draws a small cube or a large one."""

    name = "mixture"
    classes: ClassVar = ("small", "large")

    def sample(self, count, generator, classes=None):
        for name in classes or ():
            if name not in self.classes:
                raise UserError(f"there is no class {name}: give small or large")
        chosen = [self.classes.index(name) for name in classes or self.classes]
        labels = np.sort(generator.choice(chosen, count))
        return np.stack([(SMALL, LARGE)[label].ravel() for label in labels]).astype(np.float32), labels


def box_explorer(prior=None, **changed):
    model = VoxelModel()
    model.prior = prior or BoxPrior()
    return Explorer(model, **changed)


def box_app(**changed):
    return ExplorerApp(box_explorer(**changed), OPTIONS)


class Visitor:
    """Asks an application as the page does."""

    def __init__(self, app):
        self._client = Client(app)

    def get(self, path, **options):
        return self._client.get(path, **options)

    def post(self, path, fields=None, **options):
        data = options.pop("data", None)
        return self._client.post(path, data=json.dumps(fields) if data is None else data, **options)

    def ask(self, path, fields=None, **options):
        """The answer to what must not be refused."""
        answer = self.post(path, fields, **options)
        assert answer.status_code == 200, answer.text
        return answer.json


def shown_grid(shape):
    """The voxels of a shape that a page is given, `[R, R, R]` uint8."""
    bits = np.unpackbits(np.frombuffer(base64.b64decode(shape["bits"]), np.uint8))
    return bits[: shape["side"] ** 3].reshape([shape["side"]] * 3)
