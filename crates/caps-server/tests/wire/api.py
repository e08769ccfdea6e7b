"""Asks the hub everything that its own document of the HTTP API allows and does not allow: no answer is a failure of the
hub, and each is one that the document tells of. With an argument, as the bearer of that token."""

import os
import subprocess
import sys
import tempfile

CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
]

HUB = os.environ.get("CAPS_URL", "http://localhost:3001")
SEED = os.environ.get("SEED", str(int.from_bytes(os.urandom(4))))

print(f"SEED={SEED}", flush=True)
command = [sys.executable, "-m", "schemathesis.cli", "run", f"{HUB}/api/openapi.json"]
command += ["--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing"]
command += ["--max-examples", os.environ.get("CASES", "25"), "--seed", SEED]
# A stream of events has no end; tests of its own see to it.
command += ["--exclude-path", "/api/events"]
command += ["--request-timeout", "10", "--generation-database", "none", "--no-color"]
for token in sys.argv[1:]:
    command += ["--header", f"Authorization: Bearer {token}"]
# It leaves notes of its own behind.
with tempfile.TemporaryDirectory() as folder:
    sys.exit(subprocess.run(command, cwd=folder).returncode)
