import type { ConnectOptions, ProxyOptions } from '../../engine/host.ts';
import { PROXY_NAMES } from '../../engine/proxy/create.ts';
import { endpoint } from './network-errors.ts';

/** Such as `the SOCKS5 proxy 10.0.0.1:1080`. */
export function describeProxy({ kind, host, port }: ProxyOptions): string {
  return `the ${PROXY_NAMES[kind]} proxy ${endpoint(host, port)}`;
}

/** Where a connection leads and by which way, such as `vpn.example:443 through the SOCKS5 proxy 10.0.0.1:1080`. */
export function describeRoute({ host, port, proxy }: ConnectOptions): string {
  return proxy === undefined ? endpoint(host, port) : `${endpoint(host, port)} through ${describeProxy(proxy)}`;
}
