/* The book's one-pass network, run by ONNX Runtime: a photo's sigma and its interval, in pixels. */

const RUNTIME = new URL("../onnxruntime-web/ort.wasm.bundle.min.mjs", import.meta.url);
const CODE = new URL("../onnxruntime-web/ort-wasm-simd-threaded.wasm.gz", import.meta.url);
const NETWORK = new URL("one_pass.onnx.gz", import.meta.url);
const [MULTIPLE, LEAST] = [32, 64]; // of the sides of what the network takes
const WARM_UP = 256; // pixels square

/** Load runtime and network; `progress` is called with 0 to 1. */
export async function load(progress) {
  const shares = [0, 0];
  const note = (part) => (share) => progress(((shares[part] = share), 0.65 * shares[0] + 0.35 * shares[1]));
  const [ort, code, network] = await Promise.all([
    import(RUNTIME),
    fetchAll(CODE, note(0)).then(unzip),
    fetchAll(NETWORK, note(1)).then(unzip),
  ]);
  ort.env.wasm.wasmBinary = code;
  ort.env.wasm.numThreads = 1; // more need headers that a static host does not send
  const loaded = { session: await ort.InferenceSession.create(network, { executionProviders: ["wasm"] }), ort };
  await estimate(loaded, new Float32Array(3 * WARM_UP ** 2), WARM_UP, WARM_UP); // compiles what is used soon
  return loaded;
}

async function fetchAll(address, progress) {
  const response = await fetch(address).catch(() => ({ ok: false, status: "nothing" }));
  if (!response.ok) throw Error(`${address} answers ${response.status}.`);
  const total = Number(response.headers.get("Content-Length")) || Infinity;
  const parts = [];
  let received = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return new Uint8Array(await new Blob(parts).arrayBuffer());
    parts.push(value);
    progress(Math.min((received += value.length) / total, 1));
  }
}

/** What gzip has packed; some hosts have unpacked it already. */
async function unzip(bytes) {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
}

/**
 * Sigma, in pixels, of each pixel, and the interval that it lies in with a probability of 80 %.
 *
 * @param {object} network As `load` gives it.
 * @param {Float32Array} rgb In [0, 1].
 * @param {number} width
 * @param {number} height
 * @returns {Promise<{sigma: Float32Array, low: Float32Array, high: Float32Array}>}
 */
export async function estimate({ session, ort }, rgb, width, height) {
  const [W, H] = [width, height].map((length) => Math.max(Math.ceil(length / MULTIPLE) * MULTIPLE, LEAST));
  const photo = new ort.Tensor("float32", pad(rgb, width, height, W, H), [1, H, W, 3]);
  const { sigma: answer } = await session.run({ photo });
  const values = await answer.getData();
  const maps = { sigma: [], low: [], high: [] };
  Object.keys(maps).forEach((name, channel) => {
    const map = (maps[name] = new Float32Array(width * height));
    for (let y = 0, i = 0; y < height; y++) {
      for (let x = 0, j = 3 * W * y + channel; x < width; x++, i++, j += 3) map[i] = values[j];
    }
  });
  answer.dispose();
  photo.dispose();
  return maps;
}

/** A photo continued to the right and below by its mirror image. */
function pad(rgb, width, height, W, H) {
  const out = new Float32Array(3 * W * H);
  const columns = Int32Array.from({ length: W }, (_, x) => 3 * mirrored(x, width));
  for (let y = 0, i = 0; y < H; y++) {
    const row = 3 * width * mirrored(y, height);
    for (const column of columns) {
      for (let c = 0; c < 3; c++) out[i++] = rgb[row + column + c];
    }
  }
  return out;
}

/** The index within `length` of a place on or beyond its end; the last pixel is not repeated. */
function mirrored(place, length) {
  if (length === 1) return 0;
  const within = place % (2 * length - 2);
  return Math.min(within, 2 * length - 2 - within);
}
