import { CABLE, type Subject } from '../subject.ts';

/** The cable itself, with no tunnel on it. */
export const veth: Subject = {
  name: 'veth',
  title: 'bare veth',
  needs: [],
  start: async () => ({ target: CABLE.server, processes: { client: [], server: [] } }),
};
