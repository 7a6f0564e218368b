"""Where a version is deployed: a file in TOML, `${VARIABLE}` in it taken from the environment."""

import os
import pathlib
import re
import tomllib

from .say import Failure


class Target:
    """What every kind of target can do. Digests go in, sentences come out, and what cannot be done is a `Failure`."""

    def __init__(self, name, settings, folder):
        self.name, self.settings, self.folder = name, settings, folder
        self.repository = self.need("repository")

    def need(self, key):
        if self.settings.get(key) in (None, ""):
            raise Failure(f"The target {self.name} has no `{key}`. Nothing was done.")
        return self.settings[key]

    def number(self, key, otherwise):
        return float(self.settings.get(key, otherwise))


def _filled(value, name):
    if isinstance(value, str):

        def variable(found):
            key, otherwise = found[1], found[2]
            given = os.environ.get(key) or (otherwise[1:] if otherwise else None)
            if given is None:
                raise Failure(f"The target {name} wants the variable {key}, which is not set. Nothing was done.")
            return given

        return re.sub(r"\$\{(\w+)(-[^}]*)?\}", variable, value)
    if isinstance(value, list):
        return [_filled(one, name) for one in value]
    if isinstance(value, dict):
        return {key: _filled(one, name) for key, one in value.items()}
    return value


def load(path):
    """The target that this file describes; a bare name is a file of delivery/targets."""
    path = pathlib.Path(path)
    if path.suffix != ".toml":
        path = pathlib.Path(__file__).resolve().parents[1] / "targets" / f"{path}.toml"
    try:
        settings = tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        raise Failure(f"There is no target {path}. Nothing was done.") from error
    except tomllib.TOMLDecodeError as error:
        raise Failure(f"The target {path} is not TOML: {error}. Nothing was done.") from error
    settings = _filled(settings, path.stem)
    kind = settings.get("kind")
    if kind == "compose":
        from .compose import ComposeTarget

        return ComposeTarget(path.stem, settings, path.resolve().parent)
    if kind == "ecs":
        from .ecs import EcsTarget

        return EcsTarget(path.stem, settings, path.resolve().parent)
    raise Failure(f"The target {path} has the kind `{kind}`; there are `compose` and `ecs`. Nothing was done.")
