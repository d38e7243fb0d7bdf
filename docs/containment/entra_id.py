#!/usr/bin/env python3
"""Entra ID by Microsoft Graph: an account disabled and its sessions revoked, for a target of the kind `exec`.

    command = ["python3", "entra_id.py", "KEYFILE", "SETTINGS.json"]

SETTINGS.json: {"tenant": "…", "client_id": "…", "secret_file": "…",
                "login": "https://login.microsoftonline.com", "graph": "https://graph.microsoft.com/v1.0"}
Rights of the application: User.Read.All, User.EnableDisableAccount.All, User.RevokeSessions.All, AuditLog.Read.All for evidence.
After the public documentation: https://learn.microsoft.com/graph/api/user-update,
https://learn.microsoft.com/graph/api/user-revokesigninsessions, https://learn.microsoft.com/graph/api/signin-list
It was tried against a service that was written after it, not against Microsoft's.
"""
import datetime
import json
import urllib.parse

from responder_contract import Refused, bearer, call, must, serve

SHOWN = "id,accountEnabled,signInSessionsValidFromDateTime,onPremisesSyncEnabled"
# An access token in hand lives so long, where nobody chose otherwise: 60 to 90 minutes.
TOKEN_MINUTES = 90


class Entra:
    def __init__(self, settings):
        self.graph = settings["graph"]
        self.token = bearer(settings, "https://graph.microsoft.com/.default")

    def url(self, subject, rest=""):
        return f"{self.graph}/users/{urllib.parse.quote(subject, safe='@')}{rest}"

    def user(self, subject):
        return must("read the account", call("GET", self.url(subject, f"?$select={SHOWN}"), self.token))

    def read(self, subject):
        return {"enabled": "yes" if self.user(subject)["accountEnabled"] else "no"}

    def plan(self, before):
        if before.get("enabled") != "yes":
            raise Refused("the account is disabled already")
        return {"enabled": "no"}

    def capture(self, subject):
        user = self.user(subject)
        found = {"user.json": json.dumps(user)}
        lost = ["sessions and refresh tokens that were given out: they are void from then on, and undo brings none back"]
        wanted = urllib.parse.urlencode({"$filter": f"userId eq '{user['id']}'", "$top": "100"})
        status, sign_ins = call("GET", f"{self.graph}/auditLogs/signIns?{wanted}", self.token)
        if status == 200:
            found["sign_ins.json"] = json.dumps(sign_ins)
        else:
            lost.append(f"its sign-ins could not be read ({status}): they are kept for a while, take them from the portal")
        return {"evidence": found, "lost": lost}

    def bring(self, subject, wanted):
        is_wanted = wanted["enabled"] == "yes"
        user = self.user(subject)
        if user.get("onPremisesSyncEnabled"):
            raise Refused("the account comes from a directory of your own, which would enable it again: disable it there")
        if user["accountEnabled"] != is_wanted:
            must("change the account", call("PATCH", self.url(subject), self.token, body={"accountEnabled": is_wanted}))
        if not is_wanted:
            # What is given out before this moment opens nothing new any more; twice is once.
            must("revoke its sessions", call("POST", self.url(subject, "/revokeSignInSessions"), self.token))

    def verify(self, subject, _meant):
        user = self.user(subject)
        if user["accountEnabled"]:
            return {"doors": [f"{subject} is enabled"]}
        found = {"held": [f"{subject} is disabled"], "untested": [], "remarks": ["sessions that applications keep of their own go on until they end"]}
        revoked = datetime.datetime.fromisoformat(user["signInSessionsValidFromDateTime"].replace("Z", "+00:00"))
        age = datetime.datetime.now(datetime.timezone.utc) - revoked
        if age < datetime.timedelta(minutes=TOKEN_MINUTES):
            found["untested"].append(f"access tokens in hand live for up to {TOKEN_MINUTES} minutes where nothing evaluates them all the time: look again then")
        else:
            found["held"].append(f"its sessions were revoked more than {TOKEN_MINUTES} minutes ago")
        return found


serve("disable_account", Entra)
