/** The shape of a client's profile. Everything may be absent: the command line has the same options. */

import * as z from 'zod';
import { type ProxyPlace, parseProxyUrl } from '../proxy/url.ts';
import { fingerprint } from './fingerprint.ts';
import { foreignName } from './names.ts';
import { dnsServer, gateway, metric, route, searchDomain } from './network.ts';
import { filePath, ipv6Mode, logFormat, logLevel, macAddress, yesOrNo } from './rules.ts';
import { list, section, tapKeys, tlsKeys, value } from './schema-parts.ts';
import type { Secrets } from './schema-problems.ts';
import { serverAddress } from './server-address.ts';
import {
  congestion,
  connectionInterval,
  connectionLifetime,
  connections,
  priorityRule,
  reconnectAttempts,
  reconnectInterval,
} from './session-rules.ts';

/** Without credentials: those are no part of a configuration. */
export const proxyUrl = z.unknown().transform((found, context): ProxyPlace => {
  const parsed = parseProxyUrl(typeof found === 'string' ? found : '');
  if (parsed.ok) return parsed.proxy;
  context.addIssue({ code: 'custom', message: parsed.problem });
  return z.NEVER;
});

/** One text, or a list of them. */
function oneOrMore<I extends z.ZodType>(item: I, what: string) {
  return z
    .unknown()
    .transform((found) => (typeof found === 'string' ? [found] : found))
    .pipe(list(item, 1, what))
    .optional();
}

export const profileSchema = section({
  server: value(serverAddress).optional(),
  hub: value(foreignName).optional(),
  user: value(foreignName).optional(),
  passwordFile: value(filePath).optional(),
  plainPassword: value(yesOrNo).optional(),
  anonymous: value(yesOrNo).optional(),
  clientCertificate: value(filePath).optional(),
  clientKey: value(filePath).optional(),
  tls: section(tlsKeys).prefault({}),
  tap: section({
    ...tapKeys,
    name: tapKeys.name.optional(),
    mac: value(macAddress).optional(),
    dhcp: value(yesOrNo).optional(),
    ipv6: value(ipv6Mode).optional(),
  }).prefault({}),
  routes: oneOrMore(value(route), 'routes'),
  gateway: oneOrMore(value(gateway), 'routers'),
  metric: value(metric).optional(),
  dns: oneOrMore(value(dnsServer), 'DNS servers'),
  search: oneOrMore(value(searchDomain), 'domains'),
  killSwitch: value(yesOrNo).optional(),
  allowLan: value(yesOrNo).optional(),
  pin: value(fingerprint).optional(),
  ca: value(filePath).optional(),
  insecure: value(yesOrNo).optional(),
  bridge: value(yesOrNo).optional(),
  monitor: value(yesOrNo).optional(),
  qos: value(yesOrNo).optional(),
  priorityRule: value(priorityRule).optional(),
  congestion: value(congestion).optional(),
  connections: value(connections).optional(),
  connectionInterval: value(connectionInterval).optional(),
  connectionLifetime: value(connectionLifetime).optional(),
  halfDuplex: value(yesOrNo).optional(),
  encrypt: value(yesOrNo).optional(),
  compress: value(yesOrNo).optional(),
  reconnect: section({
    interval: value(reconnectInterval).optional(),
    attempts: value(reconnectAttempts).optional(),
  }).prefault({}),
  proxy: section({ url: proxyUrl, credentialsFile: value(filePath).optional() }).optional(),
  log: section({ level: value(logLevel).optional(), format: value(logFormat).optional() }).prefault({}),
});

export const profileSecrets: Secrets = {
  /** Credentials in the URL of a proxy are refused, and so they arrive here; some write them before a server as well. */
  holds: (path, found) =>
    ['proxy', 'server'].includes(String(path[0])) && typeof found === 'string' && found.includes('@'),
  advice: (path, key) => {
    if (path.length === 1 && /^(pass(word|wd)?(hash)?|pw|secret|credentials?)$/i.test(key)) {
      return 'passwords are not written here; use passwordFile, with the path of a file that holds it';
    }
    if (
      path.length === 2 &&
      path[0] === 'proxy' &&
      /^(pass(word|wd)?|pw|secret|credentials?|user(name)?)$/i.test(key)
    ) {
      return 'credentials are not written here; use credentialsFile, with the path of a file that holds user:password';
    }
    return undefined;
  },
};
