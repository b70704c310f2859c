/**
 * A vpn_server.config for the lab, laid down before the first start: what calls home (dynamic DNS, NAT traversal,
 * the keep-alive to the internet) is off from the first moment, not only after the first vpncmd.
 * A missing number counts as 0 for SoftEther, so the values it would have written itself are written here.
 */

export interface ServerConfigOptions {
  readonly ports: readonly number[];
  /** UDP ports for OpenVPN and the like. */
  readonly udpPorts: readonly number[];
  readonly cipher: string;
  /** A hub that has to be there from the start: a VPN Bridge creates none, neither by itself nor when asked. */
  readonly hub?: string;
}

/** SoftEther's format: tabs, `type name value`, `$` for the empty string, `$20` for a space. */
export function serverConfig(options: ServerConfigOptions): string {
  const listeners = options.ports.map((port, i) => [
    `declare Listener${i}`,
    '{',
    'bool DisableDos true', // the limits on connections per address would hit tests, which all come from few
    'bool Enabled true',
    `uint Port ${port}`,
    '}',
  ]);
  return [
    '# Software Configuration File',
    ...['declare root', '{'],
    ...['declare DDnsClient', '{', 'bool Disabled true', '}'],
    ...['declare ListenerList', '{', ...listeners.flat(), '}'],
    ...['declare ServerConfiguration', '{'],
    'uint64 AutoDeleteCheckDiskFreeSpaceMin 104857600',
    'uint AutoDeleteCheckIntervalSecs 300',
    'uint AutoSaveConfigSpan 300',
    'bool BackupConfigOnlyWhenModified true',
    `string CipherName ${options.cipher}`,
    'uint CurrentBuild 9674',
    'uint DhParamBits 2048',
    'bool DisableCoreDumpOnUnix true',
    'bool DisableDosProtection true',
    'bool DisableGetHostNameWhenAcceptTcp true', // no name server to ask
    'bool DisableNatTraversal true',
    'bool DontBackupConfig true',
    'string KeepConnectHost keepalive.softether.org',
    'uint KeepConnectInterval 50',
    'uint KeepConnectPort 80',
    'uint KeepConnectProtocol 1',
    'bool UseKeepConnect false',
    'string ListenIP 0.0.0.0',
    'uint64 LoggerMaxLogSize 1073741823',
    'uint MaxConcurrentDnsClientThreads 512',
    'uint MaxConnectionsPerIP 256',
    'uint MaxUnestablishedConnections 1000',
    `string PortsUDP ${options.udpPorts.length === 0 ? '$' : options.udpPorts.join(',$20')}`,
    'uint ServerLogSwitchType 4',
    'uint ServerType 0',
    'string UsernameHubSeparator @',
    '}',
    ...(options.hub === undefined ? [] : hubSection(options.hub)),
    '}',
    '',
  ].join('\n');
}

/** A hub without users, logs and UDP acceleration: a lab measures TCP. */
function hubSection(name: string): string[] {
  return [
    ...['declare VirtualHUB', '{', `declare ${name}`, '{'],
    'bool Online true',
    ...['declare Option', '{', 'bool DisableUdpAcceleration true', '}'],
    ...['}', '}'],
  ];
}
