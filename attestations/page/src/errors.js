// The one error family of the page, the twin of attestations/errors.py: bytes go in, only these come out.
//
// `code` is stable and for programs, `sentence` names the place and the remedy, `exitCode` is what the command line would end
// with, `at` is the place inside the document, such as "predicate.evaluations[3].table".

export class EvidenceError extends Error {
  constructor(code, sentence, at, exitCode) {
    super(at ? `${at}: ${sentence}` : sentence);
    this.name = "EvidenceError";
    this.code = code;
    this.sentence = sentence;
    this.at = at;
    this.exitCode = exitCode;
  }
}

export const ACCEPT = 0;
export const CRYPTOGRAPHIC = 1;
export const MALFORMED = 2;
export const POLICY = 3;
export const UNDETERMINED = 4;

// The bytes are not the document they are said to be.
export function malformed(code, sentence, at = "") {
  return new EvidenceError(code, sentence, at, MALFORMED);
}

// A signature, a key or a digest does not hold.
export function cryptographic(code, sentence, at = "") {
  return new EvidenceError(code, sentence, at, CRYPTOGRAPHIC);
}
