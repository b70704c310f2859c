/** The measurement tool: `protocol/data-plane.md` §8. */

export { startSpeedtest } from './client.ts';
export { startSpeedtestServer } from './server.ts';
