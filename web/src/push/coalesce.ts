/**
 * Joins many wishes into few runs: the first wish waits `delay` ms for others, and a wish during a run asks for one more run
 * afterwards, since that run may have read what the wish was about too early.
 */
export function coalesced(run: () => Promise<unknown>, delay: number): () => void {
  let timer: number | undefined;
  let running = false;
  let again = false;

  async function flush(): Promise<void> {
    timer = undefined;
    running = true;
    try {
      await run();
    } finally {
      running = false;
      if (again) {
        again = false;
        ask();
      }
    }
  }

  function ask(): void {
    if (running) again = true;
    else timer ??= window.setTimeout(() => void flush(), delay);
  }

  return ask;
}
