"""Asks the hub everything that its own document of the HTTP API allows and does not allow: no answer is a failure of the
hub, and each is one that the document tells of. Where the hub asks for tokens, the first argument is one to get the document
with, and the second one to ask with, if any."""

import os
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]

HUB = os.environ.get("CAPS_URL", "http://localhost:3001")
SEED = os.environ.get("SEED", str(int.from_bytes(os.urandom(4))))

def bearer(token):
    return {"Authorization": f"Bearer {token}"}


print(f"SEED={SEED}", flush=True)
for_document, for_asking = sys.argv[1:2], sys.argv[2:]
headers = bearer(*for_document) if for_document else {}
request = urllib.request.Request(f"{HUB}/api/openapi.json", headers=headers)
with urllib.request.urlopen(request, timeout=10) as response:
    document = response.read()

command = [sys.executable, "-m", "schemathesis.cli", "run", "openapi.json", "--url", HUB]
command += ["--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing"]
command += ["--max-examples", os.environ.get("CASES", "25"), "--seed", SEED]
# A stream of events has no end; tests of its own see to it.
command += ["--exclude-path", "/api/events"]
command += ["--request-timeout", "10", "--generation-database", "none", "--no-color"]
for token in for_asking:
    command += ["--header", *(f"{name}: {value}" for name, value in bearer(token).items())]
# It leaves notes of its own behind.
with tempfile.TemporaryDirectory() as folder:
    Path(folder, "openapi.json").write_bytes(document)
    sys.exit(subprocess.run(command, cwd=folder).returncode)
