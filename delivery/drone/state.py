"""What a host with compose remembers of its deployments: a small file in JSON, written whole or not at all."""

import contextlib
import fcntl
import json
import os
import pathlib
from datetime import datetime, timezone

from .say import Failure

KEPT = 100


class State:
    """Current and previous digest, and how they came to be."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.path = self.folder / "deployments.json"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.load()

    def load(self):
        try:
            known = json.loads(self.path.read_text())
        except FileNotFoundError:
            known = {}
        except ValueError as error:
            raise Failure(f"{self.path} is not JSON: {error}. Mend it or move it away; nothing was done.") from error
        self.history = known.get("history", [])

    @contextlib.contextmanager
    def alone(self):
        """One deployment at a time."""
        with open(self.folder / "lock", "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise Failure("Another deployment is under way here. Nothing was done; wait for it.") from error
            self.load()
            yield

    def _good(self):
        return [entry for entry in self.history if entry["outcome"] == "runs" and not entry.get("withdrawn")]

    @property
    def current(self):
        good = self._good()
        return good[-1] if good else None

    @property
    def previous(self):
        """The last version before the current one that ran, and was not taken back."""
        current = self.current
        others = [entry for entry in self._good() if entry["digest"] != current["digest"]] if current else []
        return others[-1] if others else None

    def record(self, digest, revision, outcome, withdraws=None):
        """Adds an entry; a rollback withdraws the version that it leaves, so that the next one does not return to it."""
        for entry in self.history:
            if entry["digest"] == withdraws:
                entry["withdrawn"] = True
            elif entry["digest"] == digest and outcome == "runs":
                entry.pop("withdrawn", None)
        at = datetime.now(timezone.utc).isoformat(timespec="seconds")
        self.history.append({"digest": digest, "revision": revision, "at": at, "outcome": outcome})
        self.history = self.history[-KEPT:]
        known = {"current": self.current, "previous": self.previous, "history": self.history}
        part = self.path.with_suffix(".part")
        part.write_text(json.dumps(known, indent=2) + "\n")
        os.replace(part, self.path)
