/* What takes time, beside the page: the network, and the pictures that follow the sliders. */

import { mask } from "./colors.mjs";
import * as filling from "./filling.mjs";
import * as lens from "./lens.mjs";
import * as network from "./network.mjs";
import * as sharpening from "./sharpen.mjs";
import * as sizes from "./sizes.mjs";

let loading; // a promise of the network and of what fills its map; begun on first use
let photo, sigma; // what is worked on
let ready = {}; // made of it, as far as it was needed

const tasks = {
  /** The map of a photo. */
  async map({ pixels }, progress) {
    loading ??= Promise.all([network.load(progress), filling.load()]).catch((error) => {
      loading = undefined; // the next try loads anew
      throw Error(`The network could not be loaded: ${error.message}`);
    });
    const [loaded, constants] = await loading;
    progress(1);
    const begin = performance.now();
    const { data, width, height } = pixels;
    const run = (rgb, w, h) => network.estimate(loaded, rgb, w, h);
    const maps = filling.narrow(await sizes.estimate(run, data, width, height, constants), constants);
    maps.sigma = filling.fill(maps, data, width, height, constants);
    return { maps, seconds: (performance.now() - begin) / 1000 };
  },

  /** Keep a photo and its map, and prepare what the sliders need. */
  keep(given) {
    ({ photo, sigma } = given);
    ready = { lens: lens.reduce(photo, sigma, given.quality), sharpen: sharpening.prepare(photo) };
    for (const mode of Object.keys(pictures)) pictures[mode](given.settings[mode]); // compiles what is used soon
    return {};
  },

  /** The picture for the sliders. */
  picture: ({ mode, settings }) => ({ picture: pictures[mode](settings) }),
};

const pictures = {
  lens: (settings) => lens.render(ready.lens, settings),
  sharpen: (settings) => sharpening.sharpen(photo, ready.sharpen, sigma, settings),
  mask: ({ most }) => mask(photo, sigma, most),
};

addEventListener("message", async ({ data: { id, task, ...given } }) => {
  try {
    const answer = await tasks[task](given, (share) => postMessage({ id, progress: share }));
    postMessage({ id, answer });
  } catch (error) {
    postMessage({ id, error: error.message });
  }
});
