#!/usr/bin/env python3
"""A program that keeps the contract of `exec` and `webhook` targets, on a JSON file in place of a directory.

    command = ["python3", "example_responder.py", "KEYFILE", "ACCOUNTS.json"]

For Entra ID, Okta or an EDR, replace `look`, `change` and `trial` by calls of their APIs; the rest stays.
"""
import hashlib
import hmac
import json
import os
import sys


class Refused(Exception):
    """What is told to the responder; no secret belongs in it."""


def look(path, subject):
    """The account's state, by name: what undo must be able to put back, and nothing else."""
    accounts = json.load(open(path, encoding="utf-8"))
    if subject not in accounts:
        raise Refused("there is no such account")
    return {"enabled": accounts[subject]["enabled"]}


def change(path, subject, wanted):
    """Brings the account to a state; doing it twice is doing it once."""
    accounts = json.load(open(path, encoding="utf-8"))
    accounts[subject].update(wanted)
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(accounts, file)
    os.replace(path + ".new", path)


def trial(path, subject):
    """Tries the door as the intruder would, and says what it could not try."""
    is_shut = look(path, subject)["enabled"] == "no"
    return {"held": [f"{subject} is disabled"]} if is_shut else {"doors": [f"{subject} is enabled"]}


def answer(question, path):
    verb, subject = question["verb"], question["subject"]
    if question["action"] != "disable_account":
        raise Refused("this program only knows disable_account")
    if verb == "read":
        return {"state": look(path, subject)}
    if verb == "plan":
        return {"meant": {"enabled": "no"}}
    if verb == "capture":
        return {"evidence": {"account.json": json.dumps(look(path, subject))}, "lost": []}
    if verb == "apply":
        change(path, subject, question["meant"])
        return {}
    if verb == "verify":
        return trial(path, subject)
    if verb == "undo":
        change(path, subject, question["before"])
        return {}
    raise Refused("this verb is not of version 1")


def main():
    key = open(sys.argv[1], "rb").read().strip()
    envelope = json.load(sys.stdin)

    def sign(text):
        return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()

    if not hmac.compare_digest(sign(envelope["body"]), envelope["signature"]):
        sys.exit("the question is not signed with our key")
    question = json.loads(envelope["body"])
    try:
        found = answer(question, sys.argv[2])
    except Refused as refused:
        found = {"error": str(refused)}
    body = json.dumps({"nonce": question["nonce"], **found})
    json.dump({"body": body, "signature": sign(body)}, sys.stdout)


main()
