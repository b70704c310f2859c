/** The primitives as the crypto module has them, by its public interface. */

import { Cbc, ChaCha20Poly1305, Rc4 } from '../../engine/crypto/ciphers.ts';
import { Crypto } from '../../engine/crypto/module.ts';
import { cryptoBinary } from '../../hosts/shared/core-binary.ts';
import { messageBytes, type Primitive, RECIPES } from './primitives.ts';
import type { Rival } from './rivals.ts';

export const BUILDS = ['simd', 'scalar'] as const;

/** One for each build, made ready: keys are set up outside of `run`. */
export function ours(primitive: Primitive, bytes: number): Rival[] {
  return BUILDS.map((build) => {
    const crypto = new Crypto(cryptoBinary, {
      slots: 4,
      random: (count) => new Uint8Array(count).fill(7),
      scalar: build === 'scalar',
    });
    const recipe = RECIPES[primitive];
    const length = messageBytes(recipe, bytes);
    return { name: `Etherloom ${build}`, run: operation(crypto, primitive, new Uint8Array(length)), bytes: length };
  });
}

function operation(crypto: Crypto, primitive: Primitive, message: Uint8Array): () => unknown {
  const recipe = RECIPES[primitive];
  const key = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i * 7 + 1);
  switch (recipe.kind) {
    case 'hash':
      return () => crypto.digest(recipe.digest, message);
    case 'hmac': {
      const hmac = crypto.hmac(recipe.digest, key(32));
      return () => hmac.digest(message);
    }
    case 'rc4': {
      const rc4 = new Rc4(crypto, key(16));
      return () => rc4.apply(message);
    }
    case 'cbc': {
      const { name, keyBytes, blockBytes } = recipe.cipher;
      const ciphers = {
        'aes-128-cbc': 'aes-128',
        'aes-256-cbc': 'aes-256',
        'des-cbc': 'des',
        'des-ede3-cbc': '3des',
      } as const;
      const way = recipe.decrypt ? 'decrypt' : 'encrypt';
      const cbc = new Cbc(crypto, ciphers[name], way, key(keyBytes), key(blockBytes));
      return () => cbc.apply(message);
    }
    case 'aead': {
      const cipher = new ChaCha20Poly1305(crypto, key(32));
      const nonce = key(12);
      if (!recipe.decrypt) return () => cipher.seal([{ nonce, bytes: message }]);
      const sealed = Uint8Array.from(cipher.seal([{ nonce, bytes: message }])[0]!);
      return () => {
        if (cipher.open([{ nonce, bytes: sealed }])[0] === undefined) throw new Error('the tag is wrong');
      };
    }
  }
}
