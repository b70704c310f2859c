import { peakMiB, processTree } from '../../../lab/usage.ts';
import type { Measure } from '../measure.ts';

/** The most memory that each side has had so far: the last measure of a round. */
export const memory: Measure = {
  name: 'memory',
  metrics: ['memoryClient', 'memoryServer'],
  iperf: false,
  streams: true,
  run: async ({ running: { processes } }) => {
    if (processes.client.length + processes.server.length === 0) return {};
    return {
      memoryClient: peakMiB(processTree(processes.client)),
      memoryServer: peakMiB(processTree(processes.server)),
    };
  },
};
