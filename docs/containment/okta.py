#!/usr/bin/env python3
"""Okta: a user suspended and signed out, for a target of the kind `exec`.

    command = ["python3", "okta.py", "KEYFILE", "SETTINGS.json"]

SETTINGS.json: {"org": "https://example.okta.com", "secret_file": "…"}, the file with an API token of a group or organisation administrator.
After the public documentation: https://developer.okta.com/docs/api/openapi/okta-management/management/tag/UserLifecycle (suspend, unsuspend),
…/tag/UserSessions (revoke all, with oauthTokens), …/tag/SystemLog
It was tried against a service that was written after it, not against Okta's.
"""
import json
import urllib.parse

from responder_contract import Refused, call, must, secret, serve

# Of these states the service brings a user back to where he was: it suspends ACTIVE ones alone, and makes them ACTIVE again.
SUSPENDABLE = "ACTIVE"


class Okta:
    def __init__(self, settings):
        self.api = settings["org"].rstrip("/") + "/api/v1"
        self.token = "SSWS " + secret(settings["secret_file"])

    def url(self, subject, rest=""):
        return f"{self.api}/users/{urllib.parse.quote(subject, safe='@')}{rest}"

    def user(self, subject):
        return must("read the account", call("GET", self.url(subject), self.token))

    def read(self, subject):
        return {"status": self.user(subject)["status"]}

    def plan(self, before):
        if before.get("status") != SUSPENDABLE:
            raise Refused(f"the account is {before.get('status')}, and only {SUSPENDABLE} ones can be suspended and brought back")
        return {"status": "SUSPENDED"}

    def log(self, user, event):
        wanted = urllib.parse.urlencode({"filter": f'eventType eq "{event}" and target.id eq "{user}"', "sortOrder": "DESCENDING", "limit": "1"})
        return call("GET", f"{self.api}/logs?{wanted}", self.token)

    def capture(self, subject):
        user = self.user(subject)
        found = {"user.json": json.dumps(user)}
        lost = ["sessions and tokens that were given out: they are void from then on, and undo brings none back"]
        wanted = urllib.parse.urlencode({"filter": f'actor.id eq "{user["id"]}"', "sortOrder": "DESCENDING", "limit": "100"})
        status, log = call("GET", f"{self.api}/logs?{wanted}", self.token)
        if status == 200:
            found["log.json"] = json.dumps(log)
        else:
            lost.append(f"what it did last could not be read from the log ({status})")
        return {"evidence": found, "lost": lost}

    def bring(self, subject, wanted):
        status = self.user(subject)["status"]
        if wanted["status"] == "SUSPENDED":
            # Only from one state to the other, so that twice is once.
            if status != "SUSPENDED":
                must("suspend the account", call("POST", self.url(subject, "/lifecycle/suspend"), self.token))
            must("sign it out", call("DELETE", self.url(subject, "/sessions?oauthTokens=true"), self.token))
        elif status == "SUSPENDED":
            must("bring the account back", call("POST", self.url(subject, "/lifecycle/unsuspend"), self.token))

    def verify(self, subject, _meant):
        user = self.user(subject)
        if user["status"] not in ("SUSPENDED", "DEPROVISIONED"):
            return {"doors": [f"{subject} is {user['status']}"]}
        found = {"held": [f"{subject} is {user['status']}"], "untested": [], "remarks": ["sessions that applications keep of their own go on until they end"]}
        suspended, cleared = (self.log(user["id"], event) for event in ("user.lifecycle.suspend", "user.session.clear"))
        when = [log[0]["published"] if status == 200 and log else None for status, log in (suspended, cleared)]
        # Times of one service and one form: they compare as texts.
        if all(when) and when[1] >= when[0]:
            found["held"].append("it was signed out after that, says the log")
        else:
            found["untested"].append("whether it was signed out after that is not in the log yet, or the log may not be read")
        return found


serve("disable_account", Okta)
