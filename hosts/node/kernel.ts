import { tcpSockets } from '../linux/tcp-socket.ts';
import { loadLibc } from './libc.ts';

export const kernel = tcpSockets(loadLibc);
