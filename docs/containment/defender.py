#!/usr/bin/env python3
"""An EDR, Microsoft Defender for Endpoint: a machine cut off from the network, for a target of the kind `exec`.

    command = ["python3", "defender.py", "KEYFILE", "SETTINGS.json"]

SETTINGS.json: {"tenant": "…", "client_id": "…", "secret_file": "…", "login": "https://login.microsoftonline.com",
                "api": "https://api.security.microsoft.com", "probe": ["10.1.2.3", 445]}
`probe` (optional) is a port of the machine that answers as long as it is not isolated, seen from here.
Rights of the application: Machine.Read.All, Machine.Isolate. The subject is the machine's name in DNS.
After the public documentation: https://learn.microsoft.com/defender-endpoint/api/isolate-machine, …/unisolate-machine,
…/get-machineactions-collection, …/machineaction, …/get-machines
It was tried against a service that was written after it, not against Microsoft's.
"""
import json
import re
import socket
import urllib.parse

from responder_contract import Refused, bearer, call, must, serve

UNDER_WAY = ("Pending", "InProgress")


class Defender:
    def __init__(self, settings):
        self.api = settings["api"].rstrip("/") + "/api"
        self.probe = settings.get("probe")
        self.token = bearer(settings, "https://api.securitycenter.microsoft.com/.default")

    def list(self, what, condition, more=()):
        wanted = urllib.parse.urlencode([("$filter", condition), *more])
        return must(f"list {what}", call("GET", f"{self.api}/{what}?{wanted}", self.token))["value"]

    def machine(self, subject):
        # It goes into a filter: a quote in it would be another question.
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,253}", subject):
            raise Refused("that is no name of a machine")
        found = self.list("machines", f"computerDnsName eq '{subject}'")
        if len(found) != 1:
            raise Refused("there is no such account or machine" if not found else f"{len(found)} machines have that name")
        return found[0]

    def last(self, machine):
        """The newest order to isolate or release it that was not in vain, and where it is."""
        orders = self.list("machineactions", f"machineId eq '{machine['id']}'", [("$orderby", "creationDateTimeUtc desc"), ("$top", "50")])
        for order in sorted(orders, key=lambda order: order["creationDateTimeUtc"], reverse=True):
            if order["type"] in ("Isolate", "Unisolate") and order["status"] in (*UNDER_WAY, "Succeeded"):
                return order
        return None

    def read(self, subject):
        order = self.last(self.machine(subject))
        return {"isolated": "yes" if order and order["type"] == "Isolate" else "no"}

    def plan(self, before):
        if before.get("isolated") != "no":
            raise Refused("the machine is isolated already")
        return {"isolated": "yes"}

    def capture(self, subject):
        machine = self.machine(subject)
        order = f"{self.api}/machines/{machine['id']}/collectInvestigationPackage"
        lost = ["its connections of this moment"]
        status, package = call("POST", order, self.token, body={"Comment": "before it is isolated"})
        if status in (200, 201):
            lost.append("the investigation package that was asked for is made in the background: take it from the portal")
        else:
            lost.append(f"no investigation package could be asked for ({status})")
        return {"evidence": {"machine.json": json.dumps({"machine": machine, "package": package if status in (200, 201) else None})}, "lost": lost}

    def bring(self, subject, wanted):
        machine = self.machine(subject)
        order, is_wanted = self.last(machine), wanted["isolated"] == "yes"
        if (order is not None and order["type"] == "Isolate") == is_wanted:
            return
        verb, body = ("isolate", {"Comment": "contained", "IsolationType": "Full"}) if is_wanted else ("unisolate", {"Comment": "taken back"})
        must(f"{verb} the machine", call("POST", f"{self.api}/machines/{machine['id']}/{verb}", self.token, body=body))

    def verify(self, subject, _meant):
        order = self.last(self.machine(subject))
        if order is None or order["type"] != "Isolate":
            return {"doors": [f"{subject} is not isolated"]}
        found = {"held": [], "doors": [], "untested": [], "remarks": ["what the isolation lets through (the service itself, and exceptions to it) goes on"]}
        if order["status"] in UNDER_WAY:
            found["untested"].append(f"the machine has not carried it out yet ({order['status']}): look again")
        else:
            found["held"].append("the machine says that it is isolated")
        if self.probe is None:
            found["untested"].append("no port of it is named (`probe`), so nobody could try")
        elif self.answers():
            found["doors"].append(f"port {self.probe[1]} of it answers from here")
        else:
            found["held"].append(f"port {self.probe[1]} of it was tried from here and does not answer")
        return found

    def answers(self):
        try:
            socket.create_connection(tuple(self.probe), timeout=2).close()
            return True
        except OSError:
            return False


serve("isolate_host", Defender)
