/** What is compared, and what each primitive is made of. */

export type Primitive =
  | 'md5'
  | 'sha1'
  | 'sha256'
  | 'rc4'
  | 'aes128-cbc-encrypt'
  | 'aes128-cbc-decrypt'
  | 'aes256-cbc-encrypt'
  | 'aes256-cbc-decrypt'
  | 'des-cbc-encrypt'
  | '3des-cbc-encrypt'
  | '3des-cbc-decrypt'
  | 'chacha20-poly1305-seal'
  | 'chacha20-poly1305-open'
  | 'hmac-md5'
  | 'hmac-sha1'
  | 'hmac-sha256';

export type Digest = 'md5' | 'sha1' | 'sha256';

export interface BlockCipher {
  /** The name OpenSSL has for it, and with it both runtimes. */
  readonly name: 'aes-128-cbc' | 'aes-256-cbc' | 'des-cbc' | 'des-ede3-cbc';
  readonly keyBytes: number;
  readonly blockBytes: number;
}

export type Recipe =
  | { readonly kind: 'hash'; readonly digest: Digest }
  | { readonly kind: 'hmac'; readonly digest: Digest }
  | { readonly kind: 'rc4' }
  | { readonly kind: 'cbc'; readonly cipher: BlockCipher; readonly decrypt: boolean }
  | { readonly kind: 'aead'; readonly decrypt: boolean };

const AES128: BlockCipher = { name: 'aes-128-cbc', keyBytes: 16, blockBytes: 16 };
const AES256: BlockCipher = { name: 'aes-256-cbc', keyBytes: 32, blockBytes: 16 };
const DES: BlockCipher = { name: 'des-cbc', keyBytes: 8, blockBytes: 8 };
const TRIPLE_DES: BlockCipher = { name: 'des-ede3-cbc', keyBytes: 24, blockBytes: 8 };

export const RECIPES: Readonly<Record<Primitive, Recipe>> = {
  md5: { kind: 'hash', digest: 'md5' },
  sha1: { kind: 'hash', digest: 'sha1' },
  sha256: { kind: 'hash', digest: 'sha256' },
  rc4: { kind: 'rc4' },
  'aes128-cbc-encrypt': { kind: 'cbc', cipher: AES128, decrypt: false },
  'aes128-cbc-decrypt': { kind: 'cbc', cipher: AES128, decrypt: true },
  'aes256-cbc-encrypt': { kind: 'cbc', cipher: AES256, decrypt: false },
  'aes256-cbc-decrypt': { kind: 'cbc', cipher: AES256, decrypt: true },
  'des-cbc-encrypt': { kind: 'cbc', cipher: DES, decrypt: false },
  '3des-cbc-encrypt': { kind: 'cbc', cipher: TRIPLE_DES, decrypt: false },
  '3des-cbc-decrypt': { kind: 'cbc', cipher: TRIPLE_DES, decrypt: true },
  'chacha20-poly1305-seal': { kind: 'aead', decrypt: false },
  'chacha20-poly1305-open': { kind: 'aead', decrypt: true },
  'hmac-md5': { kind: 'hmac', digest: 'md5' },
  'hmac-sha1': { kind: 'hmac', digest: 'sha1' },
  'hmac-sha256': { kind: 'hmac', digest: 'sha256' },
};

/** CBC takes whole blocks: a message that is none is lengthened to the next. */
export function messageBytes(recipe: Recipe, bytes: number): number {
  if (recipe.kind !== 'cbc') return bytes;
  const { blockBytes } = recipe.cipher;
  return Math.ceil(bytes / blockBytes) * blockBytes;
}
