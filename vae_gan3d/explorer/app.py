"""The explorer's web application (WSGI): pages, JSON requests, uploads and downloads."""

import contextlib
import dataclasses
import json
import pathlib
import traceback
import urllib.parse
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from werkzeug.exceptions import ClientDisconnected, HTTPException, NotFound, RequestEntityTooLarge
from werkzeug.wrappers import Request, Response

from vae_gan3d.config import ShapeFilesConfig
from vae_gan3d.config.shapes import UP_AXES, ReadOptions
from vae_gan3d.data.formats.registry import EXTENSIONS
from vae_gan3d.data.grids import pad_grid, resize_grid
from vae_gan3d.data.sandbox import read_one
from vae_gan3d.data.surfaces import largest_body, placed_mesh, surface_mesh, write_mesh
from vae_gan3d.errors import UserError
from vae_gan3d.explorer.server import BusyError, RequestLimiter, temporary_folder
from vae_gan3d.explorer.session import Explorer, LatentPoint, read_numbers, read_point
from vae_gan3d.viewing.page import page_frame, page_shapes, web_file

DOWNLOADS = ("stl", "glb")
_LONGEST_NAME = 80
_FILES = {
    "/": ("explorer.html", "text/html"),
    "/explorer.css": ("explorer.css", "text/css"),
    "/explorer.js": ("explorer.js", "text/javascript"),
    "/shapes.js": ("shapes.js", "text/javascript"),
    "/three.min.js": ("three.min.js", "text/javascript"),
}
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_JSON_BYTES = 1 << 20
_MOST_STEPS = 10.0
_NEIGHBORS = 4
_FRAME_SAMPLES = 12
_WAITING_FOR_THE_MODEL = 63
_UPLOADS_AT_ONCE = 32  # all of them are in memory
_FILES_AT_ONCE = 2
_WAITING_FOR_FILES = 14


def mesh_file(shape: np.ndarray, extension: str, files: ShapeFilesConfig, threshold: float) -> bytes:
    """The smooth surface of a shape as a file.

    Args:
        shape: `[R, R, R]` float32 probabilities.
        extension: one of `DOWNLOADS`.
        files: which bodies to keep, and the size.
        threshold: voxels above this probability are inside.

    Returns:
        The bytes of the file.

    Raises:
        UserError: the shape is empty, the extension is unknown, or a package is not installed.
    """
    if extension not in DOWNLOADS:
        raise UserError(f"shapes are downloaded as {' or '.join(DOWNLOADS)}: choose one")
    vertices, triangles = surface_mesh(shape, threshold)
    if not len(triangles):
        raise UserError("the shape is empty, so there is no surface to download: move the slider")
    if files.components == "largest":
        body = largest_body(vertices, triangles)
        vertices, triangles = body.vertices, body.triangles
    with temporary_folder() as folder:
        path = folder / f"shape.{extension}"
        write_mesh(placed_mesh(vertices, files.size_mm), triangles, path)
        return path.read_bytes()


def read_upload(contents: bytes, name: str, reading: ReadOptions) -> np.ndarray:
    """Reads an uploaded shape.

    Args:
        contents: of the file.
        name: of the file on the client. Only its extension is used; messages quote it.
        reading: options of the reader, with the model's resolution R.

    Returns:
        `[R, R, R]` uint8 in {0, 1}.

    Raises:
        UserError: the file type is unknown, or the file cannot be read.
    """
    shown = "".join(letter for letter in name if letter.isprintable())[-_LONGEST_NAME:] or "the file"
    suffix = pathlib.PurePath(name).suffix.lower()
    if suffix not in EXTENSIONS:
        raise UserError(f"{shown}: unknown file type; give one of {', '.join(EXTENSIONS)}")
    with temporary_folder() as folder:
        path = folder / f"upload{suffix}"
        try:
            path.write_bytes(contents)
            grid = read_one(path, options=reading)
        except OSError as error:
            raise UserError(f"{shown}: cannot be stored ({error.strerror}): try again later") from error
        except UserError as error:
            raise UserError(f"{shown}: {str(error).removeprefix(f'{path}: ').replace(str(path), shown)}") from error
    return resize_grid(pad_grid(grid), reading.resolution)


@dataclasses.dataclass(frozen=True)
class AppOptions:
    """Options of the application.

    Attributes:
        name: of the checkpoint.
        notes: sentences that the page shows.
        reading: how uploads are read, at the model's resolution.
        upload_mb: size limit of an upload, in megabytes (10^6 bytes).
        files: bodies and size of downloaded meshes.
        seed: of the random samples.
        hosts: accepted values of the Host header, against DNS rebinding; empty for any.
    """

    name: str
    notes: tuple[str, ...]
    reading: ReadOptions
    upload_mb: int
    files: ShapeFilesConfig
    seed: int
    hosts: tuple[str, ...]


class ExplorerApp:
    """The WSGI application."""

    def __init__(self, explorer: Explorer, options: AppOptions) -> None:
        """Generates the first shapes, so that the first client does not wait for TensorFlow to trace.

        Args:
            explorer: the model and its training shapes.
            options: see the class.
        """
        self._explorer = explorer
        self._options = options
        self._model_limiter = RequestLimiter(1, _WAITING_FOR_THE_MODEL)
        self._upload_limiter = RequestLimiter(_UPLOADS_AT_ONCE, 0)
        self._file_limiter = RequestLimiter(_FILES_AT_ONCE, _WAITING_FOR_FILES)
        self._generator = np.random.default_rng(options.seed)
        self._directions = explorer.main_directions
        self._files = {path: (web_file(name).encode(), kind) for path, (name, kind) in _FILES.items()}
        class_name, pair = explorer.opening(self._generator)
        drawn = [explorer.sample(self._generator) for _ in range(_FRAME_SAMPLES)]
        self._frame = page_frame([explorer.generate(point) > explorer.threshold for point in (*pair, *drawn)])
        self._handlers: dict[str, Callable[[Request], Response]] = {
            "/api/sample": self._sample,
            "/api/record": self._record,
            "/api/upload": self._upload,
            "/api/shape": self._shape,
            "/api/nearest": self._nearest,
            "/api/download": self._download,
        }
        self._opening = [self._end(point, _sample_title(class_name)) for point in pair]

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answers one request, see PEP 3333."""
        request = Request(environ)
        response = self._answer(request)
        response.headers.update(_HEADERS)
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        try:
            self._check_host(request)
            if request.method in ("GET", "HEAD"):
                return self._file(request.path)
            if request.method == "POST" and request.path in self._handlers:
                return self._handlers[request.path](request)
            raise NotFound
        except UserError as error:
            return _error(400, " ".join(str(error).split()))
        except BusyError:
            return _error(503, "too many requests at once: try again in a moment")
        except ClientDisconnected:
            return _error(408, "the upload took too long: send a smaller file, or try again")
        except RequestEntityTooLarge:
            return _error(413, f"the file is too large: give one of at most {self._options.upload_mb} MB")
        except HTTPException as error:
            return _error(error.code or 400, f"the explorer does not answer this request ({error.name})")
        except Exception:
            traceback.print_exc()
            return _error(500, "the explorer failed: see its terminal")

    def _check_host(self, request: Request) -> None:
        """Refuses a request whose Host header names another site (DNS rebinding)."""
        name = None
        with contextlib.suppress(ValueError):
            name = urllib.parse.urlsplit(f"//{request.headers.get('Host', '')}").hostname
        if self._options.hosts and name not in self._options.hosts:
            raise UserError("the explorer answers only at its own address: see its terminal")

    def _file(self, path: str) -> Response:
        if path == "/api/model":
            return _json(self._describe())
        if path not in self._files:
            raise NotFound
        contents, kind = self._files[path]
        return Response(contents, content_type=f"{kind}; charset=utf-8")

    def _describe(self) -> dict[str, Any]:
        """The contents of `/api/model`."""
        explorer, options = self._explorer, self._options
        model = explorer.model.config
        return {
            "name": options.name,
            "model": model.describe(),
            "classes": explorer.drawn_classes,
            "givenClasses": model.known_classes,
            "canEncode": explorer.model.has_encoder,
            "records": explorer.training.count if explorer.training else 0,
            "directions": [] if self._directions is None else self._directions.shares.tolist(),
            "uploadMb": options.upload_mb,
            "extensions": EXTENSIONS,
            "downloads": DOWNLOADS,
            "frame": self._frame,
            "opening": self._opening,
            "notes": options.notes,
        }

    def _sample(self, request: Request) -> Response:
        class_name = _text(_fields(request), "class")
        with self._model_limiter.slot():
            point = self._explorer.sample(self._generator, class_name)
        return _json(self._end(point, _sample_title(class_name)))

    def _record(self, request: Request) -> Response:
        index = _fields(request).get("index")
        if type(index) is not int:
            raise UserError("the index of a record must be a whole number: give one")
        point = self._explorer.training_shape(index)
        assert self._explorer.training is not None
        return _json(self._end(point, f"record {index}, {self._explorer.training.class_name(index)}"))

    def _upload(self, request: Request) -> Response:
        request.max_content_length = self._options.upload_mb * 10**6
        up_axis = request.args.get("up", "")
        if up_axis and up_axis not in UP_AXES:
            raise UserError(f"unknown axis {up_axis[:20]!r}: give one of {', '.join(UP_AXES)}")
        reading = dataclasses.replace(self._options.reading, up_axis=up_axis or self._options.reading.up_axis)
        name = request.args.get("name", "")
        self._explorer.require_encoder()
        with self._upload_limiter.slot():
            contents = request.get_data(cache=False)
            with self._file_limiter.slot():
                grid = read_upload(contents, name, reading)
        with self._model_limiter.slot():
            point = self._explorer.encode(grid, request.args.get("class", ""))
        return _json(self._end(point, name[-_LONGEST_NAME:], grid))

    def _shape(self, request: Request) -> Response:
        return _json(self._end(self._latent(_fields(request)), "shape between"))

    def _nearest(self, request: Request) -> Response:
        point = self._latent(_fields(request))
        with self._model_limiter.slot():
            found = self._explorer.nearest(point, _NEIGHBORS)
        shapes = page_shapes([neighbor.grid for neighbor in found], [f"record {neighbor.index}" for neighbor in found])
        return _json(
            [
                {
                    "index": neighbor.index,
                    "class": neighbor.class_name,
                    "source": neighbor.source,
                    "cosine": neighbor.cosine,
                    "iou": neighbor.iou,
                    "shape": shape,
                }
                for neighbor, shape in zip(found, shapes, strict=True)
            ]
        )

    def _download(self, request: Request) -> Response:
        fields = _fields(request)
        point, extension = self._latent(fields), _text(fields, "format")
        with self._model_limiter.slot():
            shape = self._explorer.generate(point)
        with self._file_limiter.slot():
            contents = mesh_file(shape, extension, self._options.files, self._explorer.threshold)
        kind = "model/gltf-binary" if extension == "glb" else "model/stl"
        return Response(contents, content_type=kind)

    def _latent(self, fields: dict[str, Any]) -> LatentPoint:
        """The latent of a request: one end, or α between two ends, moved along the main directions."""
        model = self._explorer.model.config
        ends = fields.get("ends")
        if not isinstance(ends, list) or not 1 <= len(ends) <= 2:
            raise UserError("one or two shapes are needed: load the page again")
        point, *others = (read_point(end, model.latent_size, len(model.known_classes)) for end in ends)
        if others:
            alpha = read_numbers([fields.get("alpha")], 1, "alpha")[0]
            point = self._explorer.between(point, others[0], float(alpha), _text(fields, "path") or "linear")
        if self._directions is None or not fields.get("moves"):
            return point
        moves = read_numbers(fields["moves"], len(self._directions.steps), "the moves along the main directions")
        return self._explorer.moved(point, np.clip(moves, -_MOST_STEPS, _MOST_STEPS), self._directions)

    def _end(self, point: LatentPoint, title: str, original: np.ndarray | None = None) -> dict[str, Any]:
        """A latent with its shape; for an upload also the IoU of the reconstruction."""
        with self._model_limiter.slot():
            occupied = self._explorer.generate(point) > self._explorer.threshold
        answer: dict[str, Any] = {"point": point.fields(), "title": title, "shape": page_shapes([occupied], [title])[0]}
        if original is not None:
            either = np.count_nonzero(occupied | (original > 0))
            answer["iou"] = float(np.count_nonzero(occupied & (original > 0)) / either)
        return answer


def _sample_title(class_name: str) -> str:
    return f"sample of {class_name}" if class_name else "sample"


def _fields(request: Request) -> dict[str, Any]:
    """The JSON object in a request."""
    request.max_content_length = _JSON_BYTES
    try:
        fields = json.loads(request.get_data(cache=False))
    except (ValueError, RecursionError) as error:
        raise UserError("the request is not JSON: load the page again") from error
    if not isinstance(fields, dict):
        raise UserError("the request is not a JSON object: load the page again")
    return fields


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise UserError(f"{name} must be a string: load the page again")
    return value


def _json(value: Any) -> Response:  # noqa: ANN401 (whatever JSON holds)
    return Response(json.dumps(value, allow_nan=False, separators=(",", ":")), content_type="application/json")


def _error(status: int, message: str) -> Response:
    response = _json({"error": message})
    response.status_code = status
    return response
