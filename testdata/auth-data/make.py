"""Signed `auth_data`, made without any code of this project: Python's json, and Ed25519 of OpenSSL.

Needs Python 3.11 and the package `cryptography`. Ed25519 has no random numbers, so each run writes the
same file: python3 testdata/auth-data/make.py > testdata/auth-data/signatures.json
"""

import base64
import hashlib
import json
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

USER = "@alice:example.org"
BACKUP_KEY = "JphPz7v2L6GmjSLH+/GMjUkgvaCZp2dYLAeVC770+DI"


def unpadded(raw):
    return base64.b64encode(raw).rstrip(b"=").decode()


class Signer:
    def __init__(self, name, key_id=None):
        self.private = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())
        self.public = unpadded(self.private.public_key().public_bytes_raw())
        self.key_id = "ed25519:" + (key_id or self.public)

    def sign(self, value):
        covered = {k: v for k, v in value.items() if k not in ("signatures", "unsigned")}
        text = json.dumps(covered, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return unpadded(self.private.sign(text.encode()))


MASTER = Signer("master key")
DEVICE = Signer("device key", "JLAFKJWSCS")
STRANGER = Signer("another key", "EVILDEVICE")

PLAIN = {"public_key": BACKUP_KEY}
RICH = {
    "z": {"b": [1, -9007199254740991, None, {"y": True, "x": "\u00e9"}], "a": ""},
    "public_key": BACKUP_KEY,
    "\u65e5\u672c": "\U0001f511 \u2028 \x7f",
    "\ue000": 1,
    "\U00010000": 2,
    "org.example.text": "quote \" backslash \\ slash / tab \t bell \x07",
    "unsigned": {"age": 1234},
}


def signed(value, *signers, user=USER):
    return {**value, "signatures": {user: {s.key_id: s.sign(value) for s in signers}}}


def with_signature(value, signer, signature):
    return {**value, "signatures": {USER: {signer.key_id: signature}}}


good = DEVICE.sign(PLAIN)
order = 2**252 + 27742317777372353535851937790883648493
raw = base64.b64decode(good + "==")
scalar = int.from_bytes(raw[32:], "little") + order
malleable = unpadded(raw[:32] + scalar.to_bytes(32, "little"))

CASES = [
    ("by the master key", signed(PLAIN, MASTER), "master"),
    ("by the device", signed(PLAIN, DEVICE), "device"),
    ("by both", signed(PLAIN, MASTER, DEVICE), "master"),
    ("unknown properties, nested, not ASCII", signed(RICH, MASTER, DEVICE), "master"),
    ("by the device, and by a stranger", signed(RICH, DEVICE, STRANGER), "device"),
    ("by nobody", PLAIN, "unsigned"),
    ("empty signatures", {**PLAIN, "signatures": {}}, "unsigned"),
    ("no key of the user", {**PLAIN, "signatures": {USER: {}}}, "unsigned"),
    ("by a stranger", signed(PLAIN, STRANGER), "by others"),
    ("under another user", signed(PLAIN, MASTER, user="@mallory:example.org"), "by others"),
    ("a stranger under the device's name", with_signature(PLAIN, DEVICE, STRANGER.sign(PLAIN)), "wrong"),
    ("of something else", with_signature({**PLAIN, "x": 1}, DEVICE, good), "wrong"),
    ("scalar not reduced", with_signature(PLAIN, DEVICE, malleable), "wrong"),
    ("all zero", with_signature(PLAIN, DEVICE, "A" * 86), "wrong"),
    ("padded", with_signature(PLAIN, DEVICE, good + "=="), "malformed"),
    ("one byte short", with_signature(PLAIN, DEVICE, unpadded(raw[:63])), "malformed"),
    ("one byte long", with_signature(PLAIN, DEVICE, unpadded(raw + b"\0")), "malformed"),
    ("of the web's alphabet", with_signature(PLAIN, DEVICE, "-" + good[1:]), "malformed"),
    ("with a trailing bit", with_signature(PLAIN, DEVICE, good[:-1] + "B"), "malformed"),
    ("with a space", with_signature(PLAIN, DEVICE, good + " "), "malformed"),
    ("empty", with_signature(PLAIN, DEVICE, ""), "malformed"),
    (
        "a wrong one beside a right one",
        {**PLAIN, "signatures": {USER: {MASTER.key_id: DEVICE.sign(PLAIN), DEVICE.key_id: good}}},
        "device",
    ),
]

json.dump(
    {
        "user_id": USER,
        "master_key": MASTER.public,
        "device_id": DEVICE.key_id.removeprefix("ed25519:"),
        "device_key": DEVICE.public,
        # ASCII, so every other character arrives as an escape and has to be decoded.
        "cases": [
            {"id": name, "auth_data_raw": json.dumps(value), "expected": expected}
            for name, value, expected in CASES
        ],
    },
    fp=sys.stdout,
    indent=2,
)
print()
