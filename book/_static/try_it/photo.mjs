/* A reader's file becomes pixels: 8 bit sRGB, upright, of a size that a browser can work on. */

/** Larger photos are worked on at this size. */
export const WORKING_PIXELS = 2e6;
/** Larger ones are not even decoded. */
export const MOST_PIXELS = 150e6;

const READABLE = "JPEG, PNG, WebP and AVIF are";

/**
 * Decode a photo.
 *
 * @param {File} file
 * @returns {Promise<{name: string, pixels: ImageData, width: number, height: number}>} The pixels, and the size of
 *   the photo before it was reduced to them.
 * @throws {Error} One line for the reader.
 */
export async function read(file) {
  const name = file.name || "The pasted picture";
  const { width, height } = await size(file, name);
  if (width * height > MOST_PIXELS) {
    throw Error(`${name} has ${width} × ${height} pixels, more than the ${MOST_PIXELS / 1e6} megapixels that are read
      here. Make it smaller, or use defocus map.`);
  }
  const scale = Math.max(1, Math.sqrt((width * height) / WORKING_PIXELS));
  const [w, h] = [width, height].map((length) => Math.max(1, Math.round(length / scale)));
  try {
    const options = scale > 1 ? { resizeWidth: w, resizeHeight: h, resizeQuality: "high" } : {};
    const bitmap = await createImageBitmap(file, options);
    const context = new OffscreenCanvas(w, h).getContext("2d");
    context.fillStyle = "white"; // behind what is transparent
    context.fillRect(0, 0, w, h);
    context.drawImage(bitmap, 0, 0, w, h);
    bitmap.close();
    return { name, pixels: context.getImageData(0, 0, w, h), width, height };
  } catch {
    throw Error(`${name} could not be decoded: it is damaged, or too large for this browser.`);
  }
}

/** Upright width and height, which a browser knows before it decodes. */
async function size(file, name) {
  const image = new Image();
  image.src = URL.createObjectURL(file);
  try {
    await new Promise((resolve, reject) => Object.assign(image, { onload: resolve, onerror: reject }));
    return { width: image.naturalWidth, height: image.naturalHeight };
  } catch {
    throw Error(`${name} ${await what(file)}. Save it as JPEG or PNG and take that.`);
  } finally {
    URL.revokeObjectURL(image.src);
  }
}

/** Why a file could not be read, by its first bytes. */
async function what(file) {
  const start = String.fromCharCode(...new Uint8Array(await file.slice(0, 16).arrayBuffer()));
  if (/^.{4}ftyp(hei|hev|mif|msf)/s.test(start)) return "is HEIC, which this browser does not read";
  if (/^(II\*\0|MM\0\*)/.test(start)) return "is TIFF or raw, which this browser does not read";
  if (/^(\xff\xd8\xff|\x89PNG|RIFF|.{4}ftypavif)/s.test(start)) return "is damaged: this browser cannot decode it";
  return `is not a photo that this browser reads (${READABLE})`;
}
