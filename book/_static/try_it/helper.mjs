/* A worker that is asked and answers. */

/** Start one. */
export function start() {
  const worker = new Worker(new URL("worker.mjs", import.meta.url), { type: "module" });
  const open = new Map();
  let last = 0;
  worker.addEventListener("message", ({ data: { id, progress, answer, error } }) => {
    const asked = open.get(id);
    if (progress !== undefined) return asked.progress?.(progress);
    open.delete(id);
    if (error === undefined) asked.resolve(answer);
    else asked.reject(Error(error));
  });
  worker.addEventListener("error", (event) => {
    for (const { reject } of open.values()) reject(Error(event.message || "This browser cannot start the network."));
    open.clear();
  });
  /** Ask for a task; `progress` is called with 0 to 1. */
  return (task, given, progress) =>
    new Promise((resolve, reject) => {
      open.set(++last, { resolve, reject, progress });
      worker.postMessage({ id: last, task, ...given });
    });
}
