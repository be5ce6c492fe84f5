// Which file of ours was given in the place of another; the twin of attestations/kinds.py. Only the sentence of a refusal
// changes, never its code: the file is looked at after it was refused, and not beyond its first level.

import { fromBase64Url } from "./bytes.js";
import { EvidenceError } from "./errors.js";

const MOST_FIELDS = 64;
const MAX_HEADER = 1024;
const VENDOR = "application/vnd.tuneproof.";
const JWT = /^([\w-]+)\.[\w-]+\.[\w-]+\s*$/;
const SPACE = " \t\r\n\v\f";
const NAMES = {
  bundle: ["a bundle", "as the evidence (BUNDLE)"],
  trust: ["a trust root", "as the trust root (`--trust`)"],
  policy: ["an acceptance policy", "as your policy (`--policy`)"],
  status: ["a status list", "as the status list (`--status`)"],
  state: ["a state file", "as what was seen before (`--state`)"],
};
const MEDIA_TYPES = [["evidence.", "bundle"], ["trust.", "trust"], ["last-seen.", "state"]];
const PAYLOAD_TYPES = [["trust-root.", "trust"], ["acceptance-policy.", "policy"]];

// What `work` gives; where it refuses the file, the error says which other kind the file plainly is.
export async function expected(wanted, unverified, work) {
  try {
    return await work();
  } catch (error) {
    const found = error instanceof EvidenceError ? kindOf(unverified) : undefined;
    if (found === undefined || found === wanted) {
      throw error;
    }
    const [name, place] = NAMES[found];
    throw new EvidenceError(error.code, `this is ${name}, not ${NAMES[wanted][0]}; give it ${place}`, "", error.exitCode);
  }
}

// What the file plainly is, whether or not it can be read; undefined where that does not show.
export function kindOf(unverified) {
  const text = new TextDecoder("latin1").decode(unverified);
  const token = JWT.exec(text);
  if (token !== null) {
    return isStatusHeader(token[1]) ? "status" : undefined;
  }
  const fields = firstLevel(text);
  for (const [name, kinds] of [["mediaType", MEDIA_TYPES], ["payloadType", PAYLOAD_TYPES]]) {
    if (fields.has(name)) {
      return kinds.find(([start]) => fields.get(name).startsWith(VENDOR + start))?.[1];
    }
  }
  return fields.has("schema") && fields.has("rules") ? "policy" : undefined;
}

function isStatusHeader(encoded) {
  const header = encoded.length > Math.floor((MAX_HEADER * 4) / 3) ? null : fromBase64Url(encoded);
  return header !== null && new TextDecoder().decode(header).includes('"statuslist+jwt"');
}

// The fields of the object at the top, with the first text that each holds; at most MOST_FIELDS of them.
function firstLevel(text) {
  const fields = new Map();
  let depth = 0;
  let key = "";
  let place = 0;
  if (!text.trimStart().startsWith("{")) {
    return fields;
  }
  for (; place < text.length; place += 1) {
    const letter = text[place];
    if (letter === "{" || letter === "[") {
      depth += 1;
    } else if (letter === "}" || letter === "]") {
      depth -= 1;
    } else if (letter === '"') {
      const end = endOfString(text, place);
      if (end < 0) {
        break;
      }
      const said = depth === 1 ? text.slice(place + 1, end) : "";
      place = end;
      if (depth === 1 && isKey(text, end + 1)) {
        key = said;
        fields.set(key, fields.get(key) ?? "");
      } else if (depth === 1) {
        fields.set(key, fields.get(key) || said);
      }
    }
    if ((depth === 0 && "}]".includes(letter)) || fields.size > MOST_FIELDS) {
      break;
    }
  }
  return fields;
}

function endOfString(text, begin) {
  for (let place = begin + 1; place < text.length; place += 1) {
    if (text[place] === "\\") {
      place += 1;
    } else if (text[place] === '"') {
      return place;
    }
  }
  return -1;
}

function isKey(text, after) {
  let place = after;
  while (place < text.length && SPACE.includes(text[place])) {
    place += 1;
  }
  return text[place] === ":";
}
