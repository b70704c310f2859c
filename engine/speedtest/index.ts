/** Throughput measurement: the server's side and the client's. */

export { startSpeedtest } from './client.ts';
export { startSpeedtestServer } from './server.ts';
