/* Files for other programs: a map as NumPy's float array, and as a 16 bit picture that says its scale. */

/** Sigma in pixels that is white in the picture, as in the files of `defocus map`. */
const PEAK = 19;
const TEXT = `Description\0Defocus blur: sigma in pixels = value / 65535 * ${PEAK}`;

/** A map as `.npy`: float32, (H, W), sigma in pixels. */
export function npy(sigma, width, height) {
  const start = "\x93NUMPY\x01\x00";
  const about = `{'descr': '<f4', 'fortran_order': False, 'shape': (${height}, ${width}), }`;
  const length = Math.ceil((start.length + 2 + about.length + 1) / 64) * 64;
  const header = about.padEnd(length - start.length - 3) + "\n";
  const size = String.fromCharCode(header.length % 256, header.length >> 8);
  return new Blob([latin(start + size + header), sigma], { type: "application/octet-stream" });
}

/** A map as 16 bit gray PNG; the text in it says the scale. */
export async function png(sigma, width, height) {
  const rows = new DataView(new ArrayBuffer(height * (1 + 2 * width))); // each begins with its filter, 0
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const value = Math.round(Math.min(Math.max(sigma[i] / PEAK, 0), 1) * 65535);
      rows.setUint16(y * (1 + 2 * width) + 1 + 2 * x, value);
    }
  }
  const packed = new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"));
  const header = new DataView(new ArrayBuffer(13));
  header.setUint32(0, width);
  header.setUint32(4, height);
  header.setUint8(8, 16); // bits; color type 0 is gray
  const chunks = [
    ["IHDR", new Uint8Array(header.buffer)],
    ["tEXt", latin(TEXT)],
    ["IDAT", new Uint8Array(await new Response(packed).arrayBuffer())],
    ["IEND", new Uint8Array()],
  ];
  return new Blob([latin("\x89PNG\r\n\x1a\n"), ...chunks.flatMap(chunk)], { type: "image/png" });
}

function chunk([type, data]) {
  const body = new Uint8Array(4 + data.length);
  body.set(latin(type));
  body.set(data, 4);
  return [big(data.length), body, big(crc(body))];
}

function big(number) {
  const bytes = new DataView(new ArrayBuffer(4));
  bytes.setUint32(0, number);
  return bytes;
}

/** The check sum that PNG asks for. */
function crc(bytes) {
  let sum = ~0;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 && 0xedb88320);
  }
  return ~sum >>> 0;
}

const latin = (text) => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** Hand a file to the reader. */
export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
