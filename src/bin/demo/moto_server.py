"""Moto's server, but for one thing: Moto keeps each object that it ever made, deleted ones and copies too, in lists that only
its dashboard reads. Of a shared store those are ten thousand items a minute, and Python's garbage collector walks through all
of them."""

import sys

from moto.core.common_models import BaseModel


def untracked(cls, *_args, **_kwargs):
    return super(BaseModel, cls).__new__(cls)


BaseModel.__new__ = staticmethod(untracked)

from moto.server import main  # noqa: E402 (what it imports makes objects)

main(sys.argv[1:])
