"""The contract of `exec` targets, and calls of HTTP APIs, for the worked examples beside it. Copy it with the one that you take.

`serve` checks and signs; a program gives it one function a verb. What a service answers is never quoted: it can hold people's data.
"""
import hashlib
import hmac
import json
import sys
import urllib.error
import urllib.parse
import urllib.request

# An answer of an API is at most this long, and takes at most so long.
LONGEST = 8 << 20
PATIENCE_SECONDS = 8


class Refused(Exception):
    """What is told to the responder; no secret belongs in it."""


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A token is shown to nobody to whom we are sent on."""

    def redirect_request(self, *_):
        return None


OPENER = urllib.request.build_opener(NoRedirect)


def call(method, url, token=None, body=None, form=None):
    """The status and the JSON of an answer; nothing where it has none. A status that is an error is given back, not raised."""
    is_here = urllib.parse.urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
    if not url.startswith("https://") and not is_here:
        raise Refused("the address of the service must be https://")
    headers = {"Accept": "application/json"}
    data = None
    if token:
        headers["Authorization"] = token
    if form is not None:
        data = urllib.parse.urlencode(form).encode()
    elif body is not None:
        data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
    elif method in ("POST", "PATCH"):
        data = b""
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with OPENER.open(request, timeout=PATIENCE_SECONDS) as answer:
            status, text = answer.status, answer.read(LONGEST)
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read(LONGEST)
    except (urllib.error.URLError, TimeoutError, OSError):
        raise Refused("the service does not answer") from None
    try:
        return status, json.loads(text) if text.strip() else None
    except ValueError:
        return status, None


def must(doing, answer, statuses=(200, 201, 202, 204)):
    """The JSON of an answer that must be a good one."""
    status, found = answer
    if status in (401, 403):
        raise Refused(f"the service does not let us {doing} ({status}): see the rights of its credential")
    if status == 404:
        raise Refused("there is no such account or machine")
    if status == 429:
        raise Refused(f"the service asks for patience (429) before we {doing}: the same command goes on")
    if status not in statuses:
        raise Refused(f"the service does not {doing} ({status})")
    return found


def secret(path):
    with open(path, encoding="utf-8") as file:
        return file.read().strip()


def bearer(settings, scope):
    """A token of Entra ID by client credentials.

    https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
    """
    url = f"{settings['login']}/{settings['tenant']}/oauth2/v2.0/token"
    form = {
        "client_id": settings["client_id"],
        "client_secret": secret(settings["secret_file"]),
        "scope": scope,
        "grant_type": "client_credentials",
    }
    return "Bearer " + must("sign in", call("POST", url, form=form))["access_token"]


def serve(action, program):
    """Answers one question: `program(settings)` has read, plan, capture, apply, verify and undo, each of a subject."""
    key = open(sys.argv[1], "rb").read().strip()
    envelope = json.load(sys.stdin)

    def sign(text):
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()

    if not hmac.compare_digest(sign(envelope["body"]), envelope["signature"]):
        sys.exit("the question is not signed with our key")
    question = json.loads(envelope["body"])
    try:
        if question["action"] != action:
            raise Refused(f"this program only knows {action}")
        with open(sys.argv[2], encoding="utf-8") as file:
            found = answer(question, program(json.load(file)))
    except Refused as refused:
        found = {"error": str(refused)}
    except (KeyError, TypeError, ValueError):
        found = {"error": "the service, or our settings, are not as this program expects them"}
    body = json.dumps({"nonce": question["nonce"], **found})
    json.dump({"body": body, "signature": sign(body)}, sys.stdout)


def answer(question, program):
    verb, subject = question["verb"], question["subject"]
    if verb == "read":
        return {"state": program.read(subject)}
    if verb == "plan":
        return {"meant": program.plan(question["before"])}
    if verb == "capture":
        return program.capture(subject)
    if verb == "apply":
        program.bring(subject, question["meant"])
        return {}
    if verb == "verify":
        return program.verify(subject, question["meant"])
    if verb == "undo":
        program.bring(subject, question["before"])
        return {}
    raise Refused("this verb is not of version 1")
