/**
 * The limits MaxUpload and MaxDownload, `protocol/data-plane.md` §6.6, with the same average and the same exemptions, but
 * smooth: the reference lets the first bits of each second pass and nothing in the rest of it. A limit is a clock that each
 * frame puts forward by the time that it takes at that rate; it may run ahead of the real one by RATE_BURST_MS. What does
 * not fit waits: what a session sends in front of the hub, for a bounded time, and what goes to a session in its own queue.
 */

import {
  DOWNLOAD_WAIT_FRAMES, DOWNLOAD_WAIT_MS, QUEUE_BYTES_MAX, RATE_BURST_MS, UPLOAD_WAIT_BYTES, UPLOAD_WAIT_FRAMES, UPLOAD_WAIT_MS,
} from '../memory';
import { portAt, PORT_LIMITED, Rules, rulesOf } from '../port';
import { judgeRate } from '../queue/pace';
import { waitToSend } from './waits';

const FULL_FRAME: f64 = 1_514;
/** Nobody is made to wait for longer, whatever his limit is, ms. */
const WAIT_MAX_MS: f64 = 1_000;
/** Milliseconds of the limit that priority frames may be ahead of it before they have to wait as others. */
const PRIORITY_AHEAD_MS: f64 = 10;

/** Milliseconds of the limit that are gathered before a session is sent something again. */
const GATHER_MS: f64 = 2;

/** No time: the frame does not fit. */
export const TOO_MUCH: f64 = -1;

export function setRates(port: u32, upload: f64, download: f64, now: f64): void {
  const rules = rulesOf(port);
  rules.uploadRate = upload;
  rules.downloadRate = download;
  rules.uploadAt = rules.downloadAt = now;
  const waiting = Math.max(DOWNLOAD_WAIT_FRAMES * FULL_FRAME, download * DOWNLOAD_WAIT_MS);
  rules.downloadBytesMax = <u32>Math.min(<f64>QUEUE_BYTES_MAX, waiting);
  const p = portAt(port);
  p.flags = download != 0 ? p.flags | PORT_LIMITED : p.flags & ~PORT_LIMITED;
  judgeRate(port);
}

/** When a frame that a session sends may enter the hub: `now` for at once, or TOO_MUCH. It counts from now on. */
export function uploadTime(rules: Rules, length: u32, now: f64): f64 {
  const rate = rules.uploadRate;
  const start = Math.max(rules.uploadAt, now);
  const wait = start - now - RATE_BURST_MS;
  if (wait > Math.min(WAIT_MAX_MS, Math.max(UPLOAD_WAIT_MS, (UPLOAD_WAIT_FRAMES * FULL_FRAME) / rate))) return TOO_MUCH;
  if (wait > 0 && rules.uploadWaiting > UPLOAD_WAIT_BYTES) return TOO_MUCH;
  rules.uploadAt = start + <f64>length / rate;
  return Math.max(now, now + wait);
}

/** When those go on that are behind others of their session and cost nothing. */
@inline
export function uploadTurn(rules: Rules, now: f64): f64 {
  return Math.max(now, rules.uploadAt - RATE_BURST_MS);
}

/** Whether a priority frame may overtake what waits; it counts then. */
export function mayOvertake(rules: Rules, length: u32, now: f64): bool {
  const start = Math.max(rules.downloadAt, now);
  if (start - now > RATE_BURST_MS + PRIORITY_AHEAD_MS) return false;
  rules.downloadAt = start + <f64>length / rules.downloadRate;
  return true;
}

/** Bytes of bulk that a session may be sent now; 0: it is woken when that changes. */
export function downloadBytes(port: u32, now: f64): u32 {
  const rules = rulesOf(port);
  const left = now + RATE_BURST_MS - rules.downloadAt;
  if (left > 0) return <u32>Math.min(<f64>QUEUE_BYTES_MAX, Math.max(1, Math.min(left, RATE_BURST_MS) * rules.downloadRate));
  if (!rules.pacing) {
    rules.pacing = 1;
    // A little later, so that there is something to send: not one frame at a time.
    waitToSend(rules.downloadAt - RATE_BURST_MS + GATHER_MS, port);
  }
  return 0;
}

@inline
export function countDownload(port: u32, length: u32, now: f64): void {
  const rules = rulesOf(port);
  rules.downloadAt = Math.max(rules.downloadAt, now) + <f64>length / rules.downloadRate;
}
