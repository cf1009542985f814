/* A worker that is asked and answers. */

/** A helper: its worker is started when it is first asked, and again after it broke. */
export function start() {
  const open = new Map();
  let worker = null;
  let last = 0;

  function begin() {
    worker = new Worker(new URL("worker.mjs", import.meta.url), { type: "module" });
    worker.addEventListener("message", ({ data: { id, progress, answer, error } }) => {
      const asked = open.get(id);
      if (progress !== undefined) return asked.progress?.(progress);
      open.delete(id);
      if (error === undefined) asked.resolve(answer);
      else asked.reject(Error(error));
    });
    worker.addEventListener("error", (event) => {
      worker = null;
      const why = event.message || "is there a connection?";
      for (const { reject } of open.values()) reject(Error(`The page's code could not be loaded: ${why}`));
      open.clear();
    });
  }

  /** Ask for a task; `progress` is called with 0 to 1. */
  return (task, given, progress) =>
    new Promise((resolve, reject) => {
      if (!worker) begin();
      open.set(++last, { resolve, reject, progress });
      worker.postMessage({ id: last, task, ...given });
    });
}
