#!/usr/bin/env python3
"""cargo-nextest runs each test in a process of its own; this starts one Moto for all of them, as the tests of one process share
theirs, and a second one for the shared stores (tests/bot/support/mod.rs). Both end with the run."""

import fcntl
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
REQUIREMENTS = ROOT / "src/bin/demo/requirements.txt"

START = 60.0
"""Seconds that Moto may take to answer after its start."""


def install():
    """The environment's python; as src/bin/demo/venv.rs does it, which takes it as its own by the file that is written last."""
    venv = TARGET / "moto-venv"
    stamp = venv / "dronebot-requirements.txt"
    TARGET.mkdir(parents=True, exist_ok=True)
    with open(TARGET / "moto-venv.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_bytes() != REQUIREMENTS.read_bytes():
            shutil.rmtree(venv, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", venv], check=True)
            pip = [venv / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, "--require-hashes", "-r", REQUIREMENTS], check=True)
            shutil.copyfile(REQUIREMENTS, stamp)
    return venv / "bin/python"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def prefer(process):
    """All wait for it: among forty processes on two cores it would get a fortieth of them. As tests/bot/support/mod.rs does it."""
    try:
        os.setpriority(os.PRIO_PROCESS, process, -10)
    except OSError:
        pass


def started(python):
    """A Moto that answers, its address, and its log, of which a test that fails keeps the end."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    log = TARGET / "tmp" / f"moto-nextest-{port}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    # as src/bin/demo/moto.rs starts it
    env = {**os.environ, "MOTO_AMIS_PATH": str(ROOT / "src/bin/demo/amis.json")}
    serve = [python, ROOT / "src/bin/demo/moto_server.py", "-H", "127.0.0.1", "-p", str(port)]
    with open(log, "wb") as said:
        moto = subprocess.Popen(serve, env=env, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    prefer(moto.pid)
    asks = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START
    while True:
        try:
            asks.open(f"{url}/moto-api/data.json", timeout=2).close()
            return moto, url, log
        except OSError:
            if moto.poll() is not None or time.monotonic() > deadline:
                moto.kill()
                raise SystemExit(f"Moto does not answer: remove {TARGET}/moto-venv and try again") from None
            time.sleep(0.05)


def main():
    run = os.getppid()
    python = install()
    names, motos, logs = ["DRONEBOT_TEST_MOTO", "DRONEBOT_TEST_MOTO_OF_TABLES"], [], []
    with open(os.environ["NEXTEST_ENV"], "a", encoding="utf-8") as env:
        for name in names:
            moto, url, log = started(python)
            motos.append(moto)
            logs.append(log)
            env.write(f"{name}={url}\n{name}_LOG={log.resolve()}\n")
    if os.fork() != 0:
        os._exit(0)
    # the run waits for whoever holds its pipes
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    while pathlib.Path(f"/proc/{run}").exists():
        time.sleep(0.5)
    for moto in motos:
        # not by Popen: to this process it is no child
        os.kill(moto.pid, signal.SIGKILL)
    for log in logs:
        log.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
