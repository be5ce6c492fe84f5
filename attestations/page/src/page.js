// The page itself: takes files by button or by drop, tells them apart by what is in them, and shows what the verifier finds.
//
// Files are read here and nowhere else; nothing is sent, stored or remembered.

import { sha256 } from "./bytes.js";
import { MAX_BYTES } from "./bundle.js";
import { el, plain } from "./dom.js";
import { dossier, refusal } from "./dossier.js";
import { EvidenceError, malformed } from "./errors.js";
import { kindOf } from "./kinds.js";
import { parseMoment } from "./moments.js";
import { verify } from "./verify.js";

const LABELS = { bundle: "Evidence", trust: "Trust root", status: "Status list" };

const chosen = new Map();
let turn = 0;

function byId(id) {
  return document.getElementById(id);
}

function start() {
  if (globalThis.crypto?.subtle === undefined) {
    const words = "this browser offers no WebCrypto here; open the page over https, or as a file from your disk";
    show(refusal(malformed("page.no_webcrypto", words), [], Date.now()));
    return;
  }
  for (const kind of Object.keys(LABELS)) {
    byId(`file-${kind}`).addEventListener("change", (event) => take([...event.target.files], kind));
  }
  byId("as-of").addEventListener("change", judge);
  const drop = document.querySelector(".files");
  for (const type of ["dragenter", "dragover", "dragleave", "drop"]) {
    document.addEventListener(type, (event) => {
      event.preventDefault(); // else a browser opens a file that misses its target
      drop.classList.toggle("over", type === "dragenter" || type === "dragover");
    });
  }
  document.addEventListener("drop", (event) => take([...event.dataTransfer.files]));
}

// Takes files, as the kind that is given or as what they hold, and judges as soon as there are two.
async function take(files, kind) {
  try {
    for (const file of files) {
      await takeOne(file, kind);
    }
    await judge();
  } catch (error) {
    show(refusal(ours(error), [], Date.now()));
  }
}

async function takeOne(file, kind) {
  if (file.size > MAX_BYTES) {
    throw malformed("json.too_large", `${plain(file.name)} has ${file.size} bytes; at most ${MAX_BYTES} are accepted`);
  }
  const content = new Uint8Array(await file.arrayBuffer());
  const found = kind ?? slotOf(content, file.name);
  chosen.set(found, { name: file.name, content, sha256: await sha256(content) });
  byId(`name-${found}`).textContent = plain(file.name);
  byId(`name-${found}`).classList.add("chosen");
}

function slotOf(content, name) {
  const found = kindOf(content);
  if (!Object.hasOwn(LABELS, found ?? "")) {
    const words = "is no evidence, no trust root and no status list; drop a *.resilience.json and the trust root of its issuer";
    throw malformed("page.unknown_file", `${plain(name)} ${words}`);
  }
  return found;
}

async function judge() {
  turn += 1;
  const mine = turn;
  const [bundle, trust, status] = ["bundle", "trust", "status"].map((kind) => chosen.get(kind));
  if (bundle === undefined || trust === undefined) {
    waitForMore(bundle, trust);
    return;
  }
  const nodes = await result(bundle, trust, status);
  if (mine === turn) {
    show(nodes);
  }
}

async function result(bundle, trust, status) {
  const kinds = Object.keys(LABELS).filter((kind) => chosen.has(kind));
  const files = kinds.map((kind) => ({ label: LABELS[kind], ...chosen.get(kind) }));
  let now = Date.now();
  try {
    now = time(byId("as-of").value.trim()) ?? now;
    const report = await verify({ bundle: bundle.content, trust: trust.content, status: status?.content, now });
    return dossier(report, files, now);
  } catch (error) {
    return refusal(ours(error), files, now);
  }
}

function time(text) {
  try {
    return text === "" ? undefined : parseMoment(text);
  } catch (error) {
    throw malformed(error.code, error.sentence, "judge as of");
  }
}

// An error that is none of ours is a fault of this page, and never a reason to believe anything.
function ours(error) {
  if (error instanceof EvidenceError) {
    return error;
  }
  return malformed("page.fault", `this page failed on the file (${error?.name}); nothing was believed`);
}

function waitForMore(bundle, trust) {
  const missing = bundle === undefined ? "the evidence, *.resilience.json" : "the trust root of its issuer";
  if (bundle !== undefined || trust !== undefined) {
    show([el("p", { class: "note", role: "status" }, `Now choose ${missing}.`)]);
  }
}

function show(nodes) {
  byId("result").replaceChildren(...nodes);
  document.body.classList.toggle("judged", byId("verdict") !== null);
  byId("verdict")?.focus();
}

start();
