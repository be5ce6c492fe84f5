"""Status lists between us and others: jose and @sd-jwt/jwt-status-list read ours, and we read theirs."""

import json
from datetime import timedelta
from typing import Any

from attestations import status
from attestations.findings import Status
from attestations.keys import LocalSigner
from attestations.predicate import StatusRef
from attestations.status import State
from tests.attestations.status_lists import ISSUED, KEYS, LISTED, NOW, SIGNER, TOKEN, URI
from tests.conformance.tools import node_modules, run_node

PACKAGES = ("jose", "@sd-jwt/jwt-status-list")
READ = """
const given = JSON.parse(require("fs").readFileSync(0, "utf8"));
const { getListFromStatusListJWT } = require("@sd-jwt/jwt-status-list");
import(require.resolve("jose")).then(async ({ importSPKI, jwtVerify }) => {
  const key = await importSPKI(given.pem, "ES256");
  const options = { typ: "statuslist+jwt", algorithms: ["ES256"], currentDate: new Date(given.now) };
  const { payload, protectedHeader } = await jwtVerify(given.token, key, options);
  const list = getListFromStatusListJWT(given.token);
  console.log(JSON.stringify({ payload, protectedHeader, statuses: given.indices.map((i) => list.getStatus(i)) }));
}).catch((error) => { console.log(error.code ?? String(error)); process.exitCode = 1; });
"""
WRITE = """
const given = JSON.parse(require("fs").readFileSync(0, "utf8"));
const { StatusList, createHeaderAndPayload } = require("@sd-jwt/jwt-status-list");
import(require.resolve("jose")).then(async ({ importPKCS8, SignJWT }) => {
  const list = new StatusList(given.states, 2);
  const { header, payload } = createHeaderAndPayload(list, given.claims, { alg: "ES256" });
  console.log(await new SignJWT(payload).setProtectedHeader(header).sign(await importPKCS8(given.pem, "ES256")));
});
"""


def read(token: str, *, pem: str = SIGNER.public_pem, now: Any = NOW) -> tuple[int, Any]:
    """What the others say: 0 and what they read, or their error's code."""
    given = {"token": token, "pem": pem, "now": now.isoformat(), "indices": list(range(len(LISTED.states)))}
    done = run_node(node_modules(*PACKAGES), READ, given)
    return done.returncode, json.loads(done.stdout) if done.returncode == 0 else done.stdout.strip()


def test_they_read_our_list_as_we_do() -> None:
    code, found = read(TOKEN)
    assert code == 0, found
    assert found["statuses"] == list(LISTED.states)
    assert found["protectedHeader"] == {"alg": "ES256", "kid": SIGNER.key_id, "typ": "statuslist+jwt"}
    assert found["payload"]["sub"] == URI
    assert found["payload"]["ttl"] == 3600


def test_they_refuse_what_we_refuse() -> None:
    header, claims, signature = TOKEN.split(".")
    assert read(f"{header}.{claims[:-2]}AA.{signature}")[1] == "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"
    assert read(TOKEN, pem=LocalSigner.generate().public_pem)[1] == "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"
    assert read(TOKEN, now=LISTED.expires_at)[1] == "ERR_JWT_EXPIRED"


def test_we_read_their_list_as_they_meant_it() -> None:
    states = [State.VALID, State.SUSPENDED, State.INVALID, State.SUPERSEDED, State.VALID]
    issued = int(ISSUED.timestamp())
    given = {
        "pem": SIGNER.private_pem().decode(),
        "states": [int(state) for state in states],
        "claims": {"sub": URI, "iat": issued, "exp": issued + int(timedelta(hours=24).total_seconds()), "ttl": 3600},
    }
    done = run_node(node_modules(*PACKAGES), WRITE, given)
    assert done.returncode == 0, done.stderr
    token = done.stdout.strip()
    listed, _ = status.read(token, KEYS)
    assert [listed.state(index) for index in range(5)] == states
    assert [status.examine(StatusRef(URI, index), token, KEYS, now=NOW)[0].status for index in (0, 1)] == [
        Status.PASS,
        Status.FAIL,
    ]
