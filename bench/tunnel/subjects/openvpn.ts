import { startOpenVpn } from '../../../lab/openvpn.ts';
import { CABLE, type Subject, TUNNEL } from '../subject.ts';

/** OpenVPN with TAPs and AES-256-GCM, and its own defaults for all else. */
export function openvpn(protocol: 'udp' | 'tcp'): Subject {
  return {
    name: `openvpn-${protocol}`,
    title: `OpenVPN TAP over ${protocol.toUpperCase()}`,
    needs: ['openvpn', 'openssl'],
    start: async ({ client, server }) => {
      const tunnel = await startOpenVpn({
        protocol,
        server: { host: server, address: `${TUNNEL.server}/24`, listen: CABLE.server },
        client: { host: client, address: `${TUNNEL.client}/24` },
      });
      return { target: TUNNEL.server, processes: { client: [tunnel.client.pid], server: [tunnel.server.pid] } };
    },
  };
}
