// One whole zlib stream (RFC 1950 and 1951), strictly: a bad header, code or checksum, an end that comes too soon, and anything
// behind the end are refused, and so is more than the caller allows, as soon as it is reached. The browser's own
// DecompressionStream differs from engine to engine in what it lets pass behind a stream.

const LENGTH_BASE = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
const LENGTH_EXTRA = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
const DISTANCE_BASE = [
  1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289,
  16385, 24577,
];
const DISTANCE_EXTRA = [0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13];
const CODE_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
const MOST_BITS = 15;
const END_OF_BLOCK = 256;

export class NotZlib extends Error {}
export class TooLarge extends Error {}

// The bytes in the stream; throws NotZlib, or TooLarge where there are more than `maxBytes`.
export function inflate(stream, maxBytes) {
  const [method, flags] = stream;
  require(stream.length >= 6 && (method & 15) === 8 && method >> 4 <= 7);
  require((method * 256 + flags) % 31 === 0 && (flags & 32) === 0);
  const input = new Bits(stream, 2);
  const output = new Output(maxBytes);
  for (let last = false; !last; ) {
    last = input.take(1) === 1;
    const kind = input.take(2);
    require(kind !== 3);
    if (kind === 0) {
      stored(input, output);
    } else {
      const codes = kind === 1 ? fixedCodes() : dynamicCodes(input);
      coded(input, output, codes);
    }
  }
  const content = output.content();
  const sum = adler32(content);
  require(input.place + 4 === stream.length);
  require(sum.every((byte, place) => stream[input.place + place] === byte));
  return content;
}

function require(holds) {
  if (!holds) {
    throw new NotZlib("this is not exactly one whole zlib stream");
  }
}

class Bits {
  constructor(stream, place) {
    this.stream = stream;
    this.place = place;
    this.held = 0;
    this.count = 0;
  }

  take(wanted) {
    while (this.count < wanted) {
      require(this.place < this.stream.length);
      this.held |= this.stream[this.place] << this.count;
      this.place += 1;
      this.count += 8;
    }
    const value = this.held & ((1 << wanted) - 1);
    this.held >>>= wanted;
    this.count -= wanted;
    return value;
  }

  // The rest of the byte is left out; whole bytes that were taken in too early do not occur.
  toByte() {
    this.held = 0;
    this.count = 0;
  }
}

class Output {
  constructor(maxBytes) {
    this.maxBytes = maxBytes;
    this.bytes = new Uint8Array(1024);
    this.length = 0;
  }

  put(byte) {
    if (this.length >= this.maxBytes) {
      throw new TooLarge("there is more in it than may be");
    }
    if (this.length === this.bytes.length) {
      const larger = new Uint8Array(2 * this.bytes.length);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    this.bytes[this.length] = byte;
    this.length += 1;
  }

  copy(distance, length) {
    require(distance <= this.length);
    for (let i = 0; i < length; i += 1) {
      this.put(this.bytes[this.length - distance]);
    }
  }

  content() {
    return this.bytes.slice(0, this.length);
  }
}

function stored(input, output) {
  input.toByte();
  const [length, complement] = [input.take(16), input.take(16)];
  require(length === (~complement & 0xffff));
  for (let i = 0; i < length; i += 1) {
    output.put(input.take(8));
  }
}

function coded(input, output, { literals, distances }) {
  for (let symbol = decode(input, literals); symbol !== END_OF_BLOCK; symbol = decode(input, literals)) {
    if (symbol < END_OF_BLOCK) {
      output.put(symbol);
      continue;
    }
    const row = symbol - END_OF_BLOCK - 1;
    require(row < LENGTH_BASE.length);
    const length = LENGTH_BASE[row] + input.take(LENGTH_EXTRA[row]);
    const far = decode(input, distances);
    require(far < DISTANCE_BASE.length);
    output.copy(DISTANCE_BASE[far] + input.take(DISTANCE_EXTRA[far]), length);
  }
}

// A canonical Huffman code: how many codes there are of each length, and the symbols in the order of their codes. `left` are the
// codes that no symbol has; it is negative where there are more symbols than codes.
function codeOf(lengths) {
  const counts = new Array(MOST_BITS + 1).fill(0);
  lengths.forEach((length) => {
    counts[length] += 1;
  });
  let left = 1;
  for (let bits = 1; bits <= MOST_BITS; bits += 1) {
    left = left * 2 - counts[bits];
    require(left >= 0);
  }
  const symbols = [...lengths.keys()].filter((symbol) => lengths[symbol] > 0);
  symbols.sort((one, other) => lengths[one] - lengths[other] || one - other);
  return { counts, symbols, left };
}

function decode(input, { counts, symbols }) {
  let code = 0;
  let first = 0;
  let index = 0;
  for (let bits = 1; bits <= MOST_BITS; bits += 1) {
    code |= input.take(1);
    const count = counts[bits];
    if (code - count < first) {
      return symbols[index + (code - first)];
    }
    index += count;
    first = (first + count) * 2;
    code *= 2;
  }
  throw new NotZlib("a code of this stream stands for nothing");
}

function fixedCodes() {
  const lengths = Array.from({ length: 288 }, (_, symbol) => (symbol < 144 ? 8 : symbol < 256 ? 9 : symbol < 280 ? 7 : 8));
  return { literals: codeOf(lengths), distances: codeOf(new Array(30).fill(5)) };
}

function dynamicCodes(input) {
  const [literals, distances, codes] = [input.take(5) + 257, input.take(5) + 1, input.take(4) + 4];
  require(literals <= 286 && distances <= 30);
  const order = new Array(19).fill(0);
  for (const place of CODE_ORDER.slice(0, codes)) {
    order[place] = input.take(3);
  }
  const lengthCode = codeOf(order);
  require(lengthCode.left === 0);
  const lengths = [];
  while (lengths.length < literals + distances) {
    lengths.push(...nextLengths(input, lengthCode, lengths.at(-1)));
  }
  require(lengths.length === literals + distances && lengths[END_OF_BLOCK] > 0);
  return { literals: complete(lengths.slice(0, literals)), distances: complete(lengths.slice(literals)) };
}

function nextLengths(input, code, before) {
  const symbol = decode(input, code);
  if (symbol < 16) {
    return [symbol];
  }
  if (symbol === 16) {
    require(before !== undefined);
    return new Array(3 + input.take(2)).fill(before);
  }
  return new Array(symbol === 17 ? 3 + input.take(3) : 11 + input.take(7)).fill(0);
}

// A code may be incomplete only where it has one symbol, of one bit.
function complete(lengths) {
  const code = codeOf(lengths);
  require(code.left === 0 || lengths.length === code.counts[0] + code.counts[1]);
  return code;
}

function adler32(content) {
  let one = 1;
  let other = 0;
  for (const byte of content) {
    one = (one + byte) % 65521;
    other = (other + one) % 65521;
  }
  return [other >> 8, other & 255, one >> 8, one & 255];
}
