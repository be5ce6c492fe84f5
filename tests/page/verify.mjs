// Runs the page's verifier on cases from standard input, one JSON object a line, and prints a report for each, a line each.
// A case is {bundle, trust, status?, now}: base64 of the files, and milliseconds. Called by tests/page/engine.py.

import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const { verify } = await import(pathToFileURL(process.argv[2]));
const bytes = (text) => new Uint8Array(Buffer.from(text, "base64"));

for await (const line of createInterface({ input: process.stdin })) {
  const { bundle, trust, status, now } = JSON.parse(line);
  const files = { bundle: bytes(bundle), trust: bytes(trust), status: status === undefined ? undefined : bytes(status) };
  try {
    const { checks, exitCode, level } = await verify({ ...files, now });
    console.log(JSON.stringify({ checks, exitCode, level }));
  } catch (error) {
    const ours = error.name === "EvidenceError";
    const { code, sentence, at, exitCode } = error;
    console.log(JSON.stringify(ours ? { error: { code, sentence, at }, exitCode } : { crash: error.stack }));
  }
}
