"""The bot's probes, asked over HTTP."""

import json
import urllib.error
import urllib.request

# probes are never behind a proxy
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def ask(address, path):
    """Status and body of a probe; (0, reason) where nobody answers."""
    try:
        with _opener.open(address + path, timeout=5) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except OSError as error:
        return 0, str(error)
    except Exception as error:  # a connection that is closed in the middle of an answer
        return 0, str(error) or type(error).__name__


def version(address):
    """What /version says, or {}."""
    status, body = ask(address, "/version")
    try:
        return json.loads(body) if status == 200 else {}
    except ValueError:
        return {}


def unready(address):
    """Why this replica is not ready; None when it is."""
    status, body = ask(address, "/readyz")
    if status == 200:
        return None
    if status == 0:
        return f"does not answer ({body})"
    try:
        causes = json.loads(body)["causes"]
        return "; ".join(f"{cause['cause']}: {cause['detail']}" for cause in causes) or f"status {status}"
    except (ValueError, KeyError, TypeError):
        return f"status {status}"
