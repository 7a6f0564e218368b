"""What stands between an image and its deployment: who signed it, whether it answers in Slack, and whether it is known to be
vulnerable. Cosign is played by a program that says what it is told to; bot, Slack and OSV by small servers."""

import base64
import contextlib
import hashlib
import hmac
import http.server
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.parse
from unittest import mock

from drone import registry, say, seal, selftest, slack, source, verify
from drone.say import Failure, Unclear

A, B = (f"sha256:{letter * 64}" for letter in "ab")
REVISION = "c" * 40
SECRET = "a secret that is made for these tests alone"
DELIVERY = pathlib.Path(__file__).resolve().parents[2] / "delivery"


def program(name):
    """A program of delivery/ as a module, which is not run."""
    loader = importlib.machinery.SourceFileLoader(f"program_{name}", str(DELIVERY / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    with mock.patch("drone.say.run"):
        loader.exec_module(module)
    return module


@contextlib.contextmanager
def server(answers):
    """Answers by `answers(method, path, headers, body)`: a status and a value."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def reply(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, value = answers(self.command, self.path, self.headers, body)
            data = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = reply

        def log_message(self, *_):
            pass

    made = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{made.server_address[1]}"
    finally:
        made.shutdown()
        made.server_close()


class Target:
    """A target as the gates see it."""

    def __init__(self, **settings):
        self.name, self.repository, self.settings, self.revision = "there", "x.test/drone", settings, REVISION
        self.replicas = {}

    def running(self):
        return [{"digest": A, "revision": self.revision}]

    def self_tests(self, key):
        for name, address in self.replicas.items():
            yield name, selftest.by_http(name, address, key)


def statement(digest=A, **told):
    parameters = {"source": "https://git.test/drone", "branch": "main", "revision": REVISION, **told}
    predicate = {"buildDefinition": {"externalParameters": parameters}}
    subject = [{"name": "x.test/drone", "digest": {"sha256": digest.partition(":")[2]}}]
    return {"predicateType": verify.SLSA, "subject": subject, "predicate": predicate}


def envelope(said):
    return json.dumps({"payloadType": "application/vnd.in-toto+json", "payload": base64.b64encode(json.dumps(said).encode()).decode()})


WANTED = {
    "identity": "https://git.test/drone/.github/workflows/delivery.yml@refs/heads/main",
    "issuer": "https://issuer.test",
    "source": "https://git.test/drone",
    "branch": "main",
}


class Verification(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.calls = pathlib.Path(self.folder.name) / "calls"
        there = mock.Mock(spec=["head"])
        there._login, there.host = None, "x.test"
        facts = mock.Mock(revision=REVISION)
        for patch in (
            mock.patch("drone.registry.of", return_value=there),
            mock.patch("drone.registry.facts", return_value=facts),
            mock.patch("drone.verify.say", lambda sentence: self.said.append(sentence)),
        ):
            patch.start()
            self.addCleanup(patch.stop)
        self.said = []

    def cosign(self, signed=True, statements=()):
        """A cosign that writes down how it is called."""
        path = pathlib.Path(self.folder.name) / "cosign"
        (pathlib.Path(self.folder.name) / "said").write_text("\n".join(map(envelope, statements)) + "\n")
        path.write_text(
            f"""#!/bin/sh
echo "$COSIGN_REPOSITORY|$*" >> {self.calls}
[ {int(signed)} = 1 ] || {{ echo 'no matching signatures' >&2; exit 1; }}
[ "$1" = verify-attestation ] && cat {self.folder.name}/said
exit 0
"""
        )
        path.chmod(0o755)
        return mock.patch.dict(os.environ, {"PATH": f"{self.folder.name}:{os.environ['PATH']}"})

    def test_an_image_of_our_pipeline_from_our_branch_is_deployed(self):
        with self.cosign(statements=[statement()]):
            verify.check(Target(verify={**WANTED, "repository": "x.test/built"}), A)
        self.assertIn(f"Verified: {A}", self.said[0])
        first, second = self.calls.read_text().splitlines()
        who = f"--certificate-identity {WANTED['identity']} --certificate-oidc-issuer {WANTED['issuer']}"
        self.assertEqual(first, f"x.test/built|verify {who} x.test/drone@{A}")
        self.assertEqual(second, f"x.test/built|verify-attestation {who} --type {verify.SLSA} x.test/drone@{A}")

    def test_a_key_takes_the_place_of_an_identity(self):
        wanted = {"key": "awskms:///alias/dronebot", "source": WANTED["source"], "branch": "main"}
        with self.cosign(statements=[statement()]):
            verify.check(Target(verify=wanted), A)
        self.assertIn("|verify --key awskms:///alias/dronebot ", self.calls.read_text())

    def test_what_is_not_as_it_should_be_is_refused(self):
        table = [
            (dict(signed=False), WANTED, "not signed by who may build it"),
            (dict(statements=[]), WANTED, "there is none"),
            (dict(statements=[statement(B)]), WANTED, "about another image"),
            (dict(statements=[statement(branch="feature")]), WANTED, "its branch is feature, not main"),
            (dict(statements=[statement(branch=None)]), WANTED, "its branch is None"),
            (dict(statements=[statement(source="https://git.test/fork")]), WANTED, "its source is https://git.test/fork"),
            (dict(statements=[statement(revision="d" * 40)]), WANTED, "its revision is dddd"),
            (dict(statements=[statement()]), {**WANTED, "identity": ""}, "no `identity`"),
            (dict(statements=[statement()]), {**WANTED, "branch": ""}, "no `branch`"),
        ]
        for cosign, wanted, words in table:
            with self.subTest(words), self.cosign(**cosign), self.assertRaisesRegex(Failure, words) as raised:
                verify.check(Target(verify=wanted), A)
            self.assertIn("Nothing was changed", str(raised.exception))

    def test_without_cosign_nothing_is_deployed_that_must_be_verified(self):
        with mock.patch("drone.signing.cosign", return_value=None), self.assertRaisesRegex(Failure, "no cosign"):
            verify.check(Target(verify=WANTED), A)

    def test_a_target_says_who_may_build_or_that_it_does_not_matter(self):
        with self.assertRaisesRegex(Failure, "has no `\\[verify\\]`"):
            verify.check(Target(), A)
        verify.check(Target(unverified=True), A)
        self.assertIn("NOT VERIFIED", self.said[0])


class Signing(unittest.TestCase):
    NOBODY = {"CI": "", "ACTIONS_ID_TOKEN_REQUEST_URL": "", "SIGSTORE_ID_TOKEN": "", "CIRCLECI": "", "DRONE_COSIGN_KEY": ""}

    def signed(self, cosign, **env):
        there = mock.Mock(repository="x.test/drone")
        with mock.patch.dict(os.environ, {**self.NOBODY, **env}), mock.patch("drone.signing.cosign", return_value=cosign):
            return program("attest").signed(there, A, {})

    def test_what_is_left_out_on_a_laptop_is_a_failure_in_ci(self):
        for cosign, why in [(None, "There is no cosign here"), ("/bin/true", "Neither CI vouches")]:
            self.assertIn(f"SKIPPED: signing. {why}", self.signed(cosign))
            with self.assertRaisesRegex(Failure, f"is not signed: {why}"):
                self.signed(cosign, CI="true")

    def test_the_branch_is_what_ci_says_and_nobodys_word_by_hand(self):
        none = {"GITHUB_ACTIONS": "", "GITHUB_REF": "", "CIRCLE_BRANCH": ""}
        for env, branch in [
            ({}, None),
            ({"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/heads/main"}, "main"),
            ({"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/heads/a/b"}, "a/b"),
            ({"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/pull/7/merge"}, None),
            ({"GITHUB_ACTIONS": "true", "GITHUB_REF": "refs/tags/main"}, None),
            ({"GITHUB_REF": "refs/heads/main"}, None),
            ({"CIRCLE_BRANCH": "main"}, "main"),
        ]:
            with mock.patch.dict(os.environ, {**none, **env}):
                self.assertEqual(source.branch(), branch, env)


class Seal(unittest.TestCase):
    """What the bot's own `deploy` checks; that it takes this very form is tested in src/commands/deploy/provenance.rs."""

    def repository(self, name, blobs=None):
        there, blobs = mock.Mock(repository=f"x.test/{name}"), {} if blobs is None else blobs
        there.head.side_effect = lambda reference: blobs.get(reference) and registry.digest_of(blobs[reference])
        there.put.side_effect = lambda reference, data, kind: blobs.update({reference: data, registry.digest_of(data): data})
        there.put_blob.side_effect = registry.digest_of
        there.get.side_effect = lambda reference: (blobs[reference], registry.MANIFESTS[1], registry.digest_of(blobs[reference]))
        return there, blobs

    def test_the_provenance_is_signed_beside_the_image_once_and_goes_with_it(self):
        there, blobs = self.repository("staging")
        kms = mock.Mock(**{"sign.return_value": {"Signature": b"der"}})
        payload = json.dumps(statement()).encode()
        with mock.patch("drone.seal.session", return_value=mock.Mock(**{"client.return_value": kms})):
            self.assertIn("Signed the provenance", seal.sealed(there, A, payload, "alias/dronebot"))
            self.assertIn("already", seal.sealed(there, A, payload, "alias/dronebot"))
        signed = kms.sign.call_args.kwargs
        head = b"DSSEv1 28 application/vnd.in-toto+json %d " % len(payload)
        self.assertEqual(signed["Message"], hashlib.sha256(head + payload).digest())
        self.assertEqual((signed["MessageType"], signed["SigningAlgorithm"]), ("DIGEST", "ECDSA_SHA_256"))
        self.assertEqual(kms.sign.call_count, 1)
        name = "provenance-" + "a" * 64
        envelope = json.loads(json.loads(blobs[name])["annotations"]["dronebot.provenance"])
        self.assertEqual(base64.b64decode(envelope["payload"]), payload)
        self.assertEqual(base64.b64decode(envelope["signatures"][0]["sig"]), b"der")
        production, promoted = self.repository("production")
        self.assertIn("is now", seal.promoted(there, production, A))
        self.assertEqual(promoted[name], blobs[name])
        self.assertIsNone(seal.promoted(there, production, B), "there is none of it")
        promoted[name] = b"{}"
        with self.assertRaisesRegex(Failure, "never moves"):
            seal.promoted(there, production, A)


class Registry(unittest.TestCase):
    def test_a_login_is_sent_by_tls_alone(self):
        there = registry.Registry("x.test", "drone", ("user", "password"))
        with self.assertRaisesRegex(Failure, "without TLS. It was not sent"):
            there._token('Bearer realm="http://auth.test/token",service="x"')
        handler = registry._NoRedirectLogin()
        asked = registry.urllib.request.Request("https://x.test/v2/", headers={"Authorization": "Basic x"})
        for url, keeps in [("https://x.test/other", True), ("http://x.test/other", False), ("https://y.test/", False)]:
            following = handler.redirect_request(asked, None, 302, "Found", {}, url)
            self.assertEqual("Authorization" in following.headers, keeps, url)


class Bot:
    """A bot whose self-test is posted in a Slack, or not."""

    def __init__(self, revision=REVISION, posts=True, status=202, error=None):
        self.revision, self.posts, self.status, self.error = revision, posts, status, error
        self.messages, self.asked = [], []

    def __call__(self, method, path, headers, body):
        if (method, path) == ("POST", "/selftest"):
            return self.take(headers)
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(path).query)
        self.asked.append((path, headers.get("Authorization"), query))
        return 200, {"ok": True, "messages": self.messages}

    def take(self, headers):
        timestamp, nonce = headers["X-Dronebot-Timestamp"], headers["X-Dronebot-Nonce"]
        signed = f"dronebot-selftest:v1:{timestamp}:{nonce}".encode()
        wanted = "v1=" + hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
        if headers["X-Dronebot-Signature"] != wanted:
            return 401, {"error": "The signature is not right."}
        if self.status != 202:
            return self.status, {"error": self.error}
        request = f"01K{len(self.messages)}"
        if self.posts:
            text = f"Pong, as self-test {request}: I am 0.1.0 (revision {self.revision}). It took 3 ms from my listener to here."
            # what a person says of it is no answer
            self.messages.append({"user": "UMAYA", "text": f"self-test {request} where are you"})
            self.messages.append({"bot_id": "BDRONE", "user": "UDRONE", "text": text})
        return 202, {"request": request, "channel": "COPS"}


class Smoke(unittest.TestCase):
    ENV = {"CI": "", "DRONE_SELFTEST_SECRET": SECRET, "DRONE_SMOKE_TOKEN": "a-token"}

    def asked(self, bot, env=None, replicas=("a", "b"), **settings):
        with server(bot) as address, mock.patch.dict(os.environ, {**self.ENV, **(env or {})}):
            target = Target(slack={"api": f"{address}/api"}, **settings)
            target.replicas = {name: address for name in replicas}
            with mock.patch.object(slack, "WAIT", 0.3), mock.patch.object(slack.by_token, "__defaults__", (0.3,)):
                return program("smoke").asked(target, A)

    def test_each_replica_is_asked_and_its_answer_found_in_the_channel(self):
        bot = Bot()
        self.assertEqual(self.asked(bot), f"a, b: the answer to a self-test is in Slack, with the revision {REVISION}.")
        path, token, query = bot.asked[0]
        self.assertTrue(path.startswith("/api/conversations.history?"), path)
        self.assertEqual((token, query["channel"]), ("Bearer a-token", ["COPS"]))

    def test_a_version_that_does_not_answer_in_slack_is_taken_back(self):
        for bot, words in [
            (Bot(posts=False), "is not in COPS"),
            (Bot(revision="d" * 40), "not with the revision"),
            (Bot(status=503, error="I could not write it down"), "I could not write it down"),
        ]:
            with self.assertRaisesRegex(Failure, words) as raised:
                self.asked(bot)
            self.assertNotIsInstance(raised.exception, Unclear, words)
        with self.assertRaisesRegex(Failure, "No replica"):
            self.asked(Bot(), replicas=())

    def test_what_says_nothing_of_the_version_takes_nothing_back(self):
        for bot, env, words in [
            (Bot(), {"DRONE_SELFTEST_SECRET": "another secret that is as long as that one"}, "refuses the self-test"),
            (Bot(), {"DRONE_SELFTEST_SECRET": "short"}, "shorter than 32"),
            (Bot(status=404), {}, "has no self-test"),
            (Bot(status=409, error="taken before"), {}, "taken before"),
            (Bot(), {"CI": "true", "DRONE_SELFTEST_SECRET": ""}, "has not a secret"),
            (Bot(), {"CI": "true", "DRONE_SMOKE_TOKEN": ""}, "has not a token"),
            (lambda *_: (200, {"ok": False, "error": "missing_scope"}), {}, "takes no self-test"),
        ]:
            with self.assertRaisesRegex(Failure, words) as raised:
                self.asked(bot, env)
            self.assertEqual(isinstance(raised.exception, Unclear), words != "takes no self-test", words)
        self.assertIn("SKIPPED", self.asked(Bot(), {"DRONE_SELFTEST_SECRET": ""}))
        self.assertIn("SKIPPED", self.asked(Bot(), {"DRONE_SMOKE_TOKEN": ""}))

    def test_a_slack_that_refuses_says_nothing_of_the_version(self):
        with server(lambda *_: (200, {"ok": False, "error": "missing_scope"})) as address:
            with self.assertRaisesRegex(Unclear, "missing_scope"):
                slack.by_token(f"{address}/api", "t", "COPS", "01K", 0)

    def test_only_a_failure_of_the_version_rolls_back(self):
        smoke = program("smoke")
        for raised, code in [(Failure("deaf"), say.PUT_BACK), (Unclear("nobody knows"), say.FAILED)]:
            target = mock.Mock(**{"rollback.return_value": 0, "proves.return_value": "it runs"})
            words = ["smoke", "--to", "there", "--digest", A, "--or-rollback"]
            with (
                mock.patch.object(sys, "argv", words),
                mock.patch("drone.targets.load", return_value=target),
                mock.patch.object(smoke, "asked", side_effect=raised),
                mock.patch.object(smoke, "say", lambda _: None),
                self.assertRaises(Failure) as failure,
            ):
                smoke.main()
            self.assertEqual((failure.exception.code, target.rollback.call_count), (code, int(code == say.PUT_BACK)))

    def test_a_task_is_asked_by_the_document_on_its_own_instance(self):
        store = mock.Mock()
        store.exceptions.InvocationDoesNotExist = KeyError
        store.send_command.return_value = {"Command": {"CommandId": "c-1"}}
        body = json.dumps({"request": "01K", "channel": "COPS"})
        store.get_command_invocation.side_effect = [
            KeyError("not yet"),
            {"Status": "InProgress"},
            {"Status": "Success", "StandardOutputContent": f"{body}\n202\n"},
        ]
        with mock.patch("drone.selftest.session", return_value=mock.Mock(**{"client.return_value": store})):
            taken = selftest.by_ssm("task", "dronebot-staging-selftest", "i-1", SECRET, "eu-central-1", poll=0)
            self.assertEqual(taken["request"], "01K")
            sent = store.send_command.call_args.kwargs
            self.assertEqual((sent["DocumentName"], sent["InstanceIds"]), ("dronebot-staging-selftest", ["i-1"]))
            self.assertEqual(set(sent["Parameters"]), {"Timestamp", "Nonce", "Signature"})
            store.get_command_invocation.side_effect = [{"Status": "Failed", "StandardErrorContent": "curl: (7)"}]
            with self.assertRaisesRegex(Unclear, "curl: \\(7\\)"):
                selftest.by_ssm("task", "d", "i-1", SECRET, "eu-central-1", poll=0)


class Advisories(unittest.TestCase):
    """A clone with one crate, one Python package and one of npm; an OSV that knows something."""

    def run_on(self, known, aliases=None, **env):
        def osv(method, path, _, body):
            if path == "/v1/querybatch":
                packages = [query["package"]["name"] for query in json.loads(body)["queries"]]
                return 200, {"results": [{"vulns": [{"id": known[name]}]} if name in known else {} for name in packages]}
            return 200, {"aliases": (aliases or {}).get(path.rsplit("/", 1)[-1], [])}

        with tempfile.TemporaryDirectory() as folder, server(osv) as address:
            place = pathlib.Path(folder)
            (place / "Cargo.lock").write_text(
                '[[package]]\nname = "own"\nversion = "1.0.0"\n[[package]]\nname = "h2"\nversion = "0.3.1"\nsource = "registry+x"\n'
            )
            (place / "requirements.txt").write_text("# words\nboto3==1.2.3 \\\n    --hash=sha256:00\n")
            (place / "package-lock.json").write_text(json.dumps({"packages": {"": {}, "node_modules/left-pad": {"version": "1.3.0"}}}))
            (place / "deny.toml").write_text('[advisories]\nignore = [{ id = "RUSTSEC-1", reason = "never parsed" }]\n')
            for words in (["init", "--quiet"], ["add", "."]):
                subprocess.run(["git", "-C", folder, *words], check=True)
            env = {**os.environ, "CI": "", "DRONE_OSV": address, **env}
            done = subprocess.run([DELIVERY / "advisories", "--source", folder], env=env, capture_output=True, text=True, check=False)
        return done.returncode, done.stderr

    def test_what_is_known_is_told_and_what_is_ignored_with_a_reason_is_not(self):
        code, said = self.run_on({})
        self.assertEqual(code, 0, said)
        self.assertIn("No advisory for 3 packages", said)
        for known, aliases, code, words in [
            ({"h2": "RUSTSEC-9"}, None, 1, "RUSTSEC-9: h2 0.3.1 (crates.io)"),
            ({"boto3": "GHSA-9"}, None, 1, "GHSA-9: boto3 1.2.3 (PyPI)"),
            ({"left-pad": "GHSA-9"}, None, 1, "GHSA-9: left-pad 1.3.0 (npm)"),
            ({"own": "RUSTSEC-9"}, None, 0, "No advisory"),
            ({"h2": "RUSTSEC-1"}, None, 0, "No advisory"),
            ({"h2": "GHSA-1"}, {"GHSA-1": ["RUSTSEC-1"]}, 0, "No advisory"),
        ]:
            ended, said = self.run_on(known, aliases)
            self.assertEqual(ended, code, said)
            self.assertIn(words, said)

    def test_an_osv_that_is_not_reached_is_told_and_fails_in_ci(self):
        nobody = "http://127.0.0.1:9"
        code, said = self.run_on({}, DRONE_OSV=nobody)
        self.assertEqual(code, 0, said)
        self.assertIn("SKIPPED: advisories", said)
        code, said = self.run_on({}, DRONE_OSV=nobody, CI="true")
        self.assertEqual(code, 1, said)


if __name__ == "__main__":
    unittest.main()
