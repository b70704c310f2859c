/** All measures, in the order in which a subject meets them. */
import type { Measure } from '../measure.ts';
import { memory } from './memory.ts';
import { idlePing, loadedPing } from './ping.ts';
import { tcp, tcp4 } from './tcp.ts';
import { udp } from './udp.ts';

export const MEASURES: readonly Measure[] = [idlePing, tcp, tcp4, loadedPing, udp, memory];
