/**
 * Clean-up that cannot be forgotten: whatever registers here is closed when the program ends, by its normal end,
 * by an exception, by SIGINT, SIGTERM or SIGHUP. A second signal cuts the patience short.
 */

/** Something that must not outlive this process. Both ways must be idempotent and must not throw. */
export interface Closable {
  /** The orderly way, with time for every child to end well. */
  close(): Promise<void>;
  /** The immediate way, synchronous: for the `exit` event, where no promise runs any more. */
  closeNow(): void;
}

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
type EndSignal = keyof typeof SIGNALS;

const open = new Set<Closable>();
let installed = false;
let ending = false;

/** Closes `thing` at the end of the program, unless {@link forget} is called first. */
export function closeAtExit(thing: Closable): void {
  open.add(thing);
  if (installed) return;
  installed = true;
  process.on('exit', closeAllNow);
  for (const signal of Object.keys(SIGNALS) as EndSignal[]) process.on(signal, onSignal);
}

/** Takes `thing` off the list; when it was the last, the signals have their default effect again. */
export function forget(thing: Closable): void {
  open.delete(thing);
  if (open.size === 0 && !ending) uninstall();
}

/** Whether a signal is ending the program: what fails now fails because its lab is being closed. */
export function isEnding(): boolean {
  return ending;
}

function uninstall(): void {
  if (!installed) return;
  installed = false;
  process.off('exit', closeAllNow);
  for (const signal of Object.keys(SIGNALS) as EndSignal[]) process.off(signal, onSignal);
}

function closeAllNow(): void {
  for (const thing of [...open]) thing.closeNow();
  open.clear();
}

function onSignal(signal: EndSignal): void {
  if (ending) {
    closeAllNow();
    process.exit(128 + SIGNALS[signal]);
  }
  ending = true;
  void Promise.allSettled([...open].map((thing) => thing.close())).then(() => {
    closeAllNow();
    // An application with a handler of its own decides itself how it ends.
    uninstall();
    ending = false;
    if (process.listenerCount(signal) > 0) return;
    process.exit(128 + SIGNALS[signal]);
  });
}
