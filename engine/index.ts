/** The engine's public interface: what a host, another runtime or another program builds on. */

export type * from './admin/status.ts';
export { startClient } from './client/client.ts';
export type { ClientEnd, ClientEvent, ClientOptions, RunningClient } from './client/options.ts';
export { CLIENT_SIZES, Core, type CoreBinary, type CoreOptions, type CoreSizes, SERVER_SIZES } from './core.ts';
export { Cbc, ChaCha20, ChaCha20Poly1305, chacha20, Poly1305, poly1305, Rc4 } from './crypto/ciphers.ts';
export { Crypto, type CryptoBinary, type CryptoOptions, Hash, type HashName, Hmac } from './crypto/module.ts';
export type * from './host.ts';
export { VNET_HEADER_BYTES } from './host.ts';
export { hashedPassword } from './login/password.ts';
export { PRODUCT, RELEASE } from './product.ts';
export type { HubOptions, RunningServer, ServerOptions, UserOptions } from './server/options.ts';
export { startServer } from './server/server.ts';
export { startSpeedtest, startSpeedtestServer } from './speedtest/index.ts';
export type * from './speedtest/options.ts';
export type { Latency, SpeedtestResult } from './speedtest/result.ts';
