/** ChaCha20, Poly1305 and both together: every vector of RFC 8439. */
import { describe, expect, test } from 'vitest';
import { ChaCha20Poly1305, chacha20, poly1305 } from '../../../engine/crypto/ciphers.ts';
import { BUILDS } from '../core/rig.ts';
import { ascii, counting, hex, hexOf } from './bytes.ts';
import * as reference from './references.ts';
import { DRAFTS, JABBERWOCKY, SUBMISSION, SUNSCREEN } from './rfc8439-texts.ts';
import { rig } from './rig.ts';

const ZEROS = '00'.repeat(32);
const ONE = `${'00'.repeat(31)}01`;
const COUNTING = hexOf(counting(32));
const HIGH = hexOf(counting(32, 0x80));
const JABBERWOCKY_KEY = '1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0';
const NO_NONCE = '00'.repeat(12);
const TWO = `${'00'.repeat(11)}02`;
const S36 = '36e5f6b5c5e06070f0efca96227a863e';
const NOTHING = '00'.repeat(16);

/** Key stream: one block (§A.2's first vector is §A.1's), or as much of it as makes a key of Poly1305. */
const STREAMS: [source: string, key: string, nonce: string, counter: number, stream: string][] = [
  [
    '§2.3.2',
    COUNTING,
    '000000090000004a00000000',
    1,
    [
      '10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e',
      'd2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e',
    ].join(''),
  ],
  [
    '§A.1, vector 1',
    ZEROS,
    NO_NONCE,
    0,
    [
      '76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7',
      'da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586',
    ].join(''),
  ],
  [
    '§A.1, vector 2',
    ZEROS,
    NO_NONCE,
    1,
    [
      '9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed',
      '29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f',
    ].join(''),
  ],
  [
    '§A.1, vector 3',
    ONE,
    NO_NONCE,
    1,
    [
      '3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a',
      '8eca00bbb4a73bdad192b5c42f73f2fd4e273644c8b36125a64addeb006c13a0',
    ].join(''),
  ],
  [
    '§A.1, vector 4',
    `00ff${'00'.repeat(30)}`,
    NO_NONCE,
    2,
    [
      '72d54dfbf12ec44b362692df94137f328fea8da73990265ec1bbbea1ae9af0ca',
      '13b25aa26cb4a648cb9b9d1be65b2c0924a66c54d545ec1b7374f4872e99f096',
    ].join(''),
  ],
  [
    '§A.1, vector 5',
    ZEROS,
    TWO,
    0,
    [
      'c2c64d378cd536374ae204b9ef933fcd1a8b2288b3dfa49672ab765b54ee27c7',
      '8a970e0e955c14f3a88e741b97c286f75f8fc299e8148362fa198a39531bed6d',
    ].join(''),
  ],
  ['§2.6.2', HIGH, '000000000001020304050607', 0, '8ad5a08b905f81cc815040274ab29471a833b637e3fd0da508dbb8e2fdd1a646'],
  ['§A.4, vector 1', ZEROS, NO_NONCE, 0, '76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7'],
  ['§A.4, vector 2', ONE, TWO, 0, 'ecfa254f845f647473d3cb140da9e87606cb33066c447b87bc2666dde3fbb739'],
  ['§A.4, vector 3', JABBERWOCKY_KEY, TWO, 0, '965e3bc6f9ec7ed9560808f4d229f94b137ff275ca9b3fcbdd59deaad23310ae'],
];

const TEXTS: [source: string, key: string, nonce: string, counter: number, text: string, sealed: string][] = [
  [
    '§2.4.2',
    COUNTING,
    '000000000000004a00000000',
    1,
    SUNSCREEN,
    [
      '6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0b',
      'f91b65c5524733ab8f593dabcd62b3571639d624e65152ab8f530c359f0861d8',
      '07ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab7793736',
      '5af90bbf74a35be6b40b8eedf2785e42874d',
    ].join(''),
  ],
  [
    '§A.2, vector 2',
    ONE,
    TWO,
    1,
    SUBMISSION,
    [
      'a3fbf07df3fa2fde4f376ca23e82737041605d9f4f4f57bd8cff2c1d4b7955ec',
      '2a97948bd3722915c8f3d337f7d370050e9e96d647b7c39f56e031ca5eb6250d',
      '4042e02785ececfa4b4bb5e8ead0440e20b6e8db09d881a7c6132f420e527950',
      '42bdfa7773d8a9051447b3291ce1411c680465552aa6c405b7764d5e87bea85a',
      'd00f8449ed8f72d0d662ab052691ca66424bc86d2df80ea41f43abf937d3259d',
      'c4b2d0dfb48a6c9139ddd7f76966e928e635553ba76c5c879d7b35d49eb2e62b',
      '0871cdac638939e25e8a1e0ef9d5280fa8ca328b351c3c765989cbcf3daa8b6c',
      'cc3aaf9f3979c92b3720fc88dc95ed84a1be059c6499b9fda236e7e818b04b0b',
      'c39c1e876b193bfe5569753f88128cc08aaa9b63d1a16f80ef2554d7189c411f',
      '5869ca52c5b83fa36ff216b9c1d30062bebcfd2dc5bce0911934fda79a86f6e6',
      '98ced759c3ff9b6477338f3da4f9cd8514ea9982ccafb341b2384dd902f3d1ab',
      '7ac61dd29c6f21ba5b862f3730e37cfdc4fd806c22f221',
    ].join(''),
  ],
  [
    '§A.2, vector 3',
    JABBERWOCKY_KEY,
    TWO,
    42,
    JABBERWOCKY,
    [
      '62e6347f95ed87a45ffae7426f27a1df5fb69110044c0d73118effa95b01e5cf',
      '166d3df2d721caf9b21e5fb14c616871fd84c54f9d65b283196c7fe4f60553eb',
      'f39c6402c42234e32a356b3e764312a61a5532055716ead6962568f87d3f3f77',
      '04c6a8d1bcd1bf4d50d6154b6da731b187b58dfd728afa36757a797ac188d1',
    ].join(''),
  ],
];

/** r, s, message and tag. */
const TAGS: [source: string, r: string, s: string, message: string, tag: string][] = [
  [
    '§2.5.2',
    '85d6be7857556d337f4452fe42d506a8',
    '0103808afb0db2fd4abff6af4149f51b',
    hexOf(ascii('Cryptographic Forum Research Group')),
    'a8061dc1305136c6c22b8baf0c0127a9',
  ],
  ['§A.3, vector 1', NOTHING, NOTHING, '00'.repeat(64), NOTHING],
  // r is 0: the tag is s.
  ['§A.3, vector 2', NOTHING, S36, hexOf(ascii(SUBMISSION)), S36],
  ['§A.3, vector 3', S36, NOTHING, hexOf(ascii(SUBMISSION)), 'f3477e7cd95417af89a6b8794c310cf0'],
  [
    '§A.3, vector 4',
    JABBERWOCKY_KEY.slice(0, 32),
    JABBERWOCKY_KEY.slice(32),
    hexOf(ascii(JABBERWOCKY)),
    '4541669a7eaaee61e708dc7cbcc5eb62',
  ],
  ['§A.3, vector 5, the sum is not fully reduced', small(2), NOTHING, 'ff'.repeat(16), small(3)],
  ['§A.3, vector 6, adding s overflows', small(2), 'ff'.repeat(16), small(2), small(3)],
  [
    '§A.3, vector 7, a limb of ones and a carry',
    small(1),
    NOTHING,
    `${'ff'.repeat(16)}f0${'ff'.repeat(15)}${small(0x11)}`,
    small(5),
  ],
  [
    '§A.3, vector 8, the sum is 2 ** 130 - 5',
    small(1),
    NOTHING,
    `${'ff'.repeat(16)}fb${'fe'.repeat(15)}${'01'.repeat(16)}`,
    NOTHING,
  ],
  ['§A.3, vector 9, the sum is 2 ** 130 - 6', small(2), NOTHING, `fd${'ff'.repeat(15)}`, `fa${'ff'.repeat(15)}`],
  [
    '§A.3, vector 10, 131 bits in between',
    '01000000000000000400000000000000',
    NOTHING,
    `e33594d7505e43b900000000000000003394d7505e4379cd0100000000000000${NOTHING}${small(1)}`,
    '14000000000000005500000000000000',
  ],
  [
    '§A.3, vector 11, 131 bits at the end',
    '01000000000000000400000000000000',
    NOTHING,
    `e33594d7505e43b900000000000000003394d7505e4379cd0100000000000000${NOTHING}`,
    small(0x13),
  ],
];

const MESSAGES: [source: string, key: string, nonce: string, additional: string, text: string, sealed: string][] = [
  [
    '§2.8.2',
    HIGH,
    '070000004041424344454647',
    '50515253c0c1c2c3c4c5c6c7',
    SUNSCREEN,
    [
      'd31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6',
      '3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36',
      '92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc',
      '3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd060',
      '0691',
    ].join(''),
  ],
  [
    '§A.5',
    JABBERWOCKY_KEY,
    '000000000102030405060708',
    'f33388860000000000004e91',
    DRAFTS,
    [
      '64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb2',
      '4c6cfc18755d43eea09ee94e382d26b0bdb7b73c321b0100d4f03b7f355894cf',
      '332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37c855',
      '9797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4',
      'b9166c767b804d46a59b5216cde7a4e99040c5a40433225ee282a1b0a06c523e',
      'af4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273f548271a',
      '0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a10',
      '49e617d91d361094fa68f0ff77987130305beaba2eda04df997b714d6c6f2c29',
      'a6ad5cb4022b02709beead9d67890cbb22392336fea1851f38',
    ].join(''),
  ],
];

/** 16 bytes of which the first is this one. */
function small(first: number): string {
  return first.toString(16).padStart(2, '0') + '00'.repeat(15);
}

describe.each(BUILDS)('%s: RFC 8439', (build) => {
  const crypto = rig(build);

  test.each(STREAMS)('%s: the stream of key %s', (_source, key, nonce, counter, stream) => {
    const zeros = new Uint8Array(stream.length / 2);
    expect(hexOf(chacha20(crypto, hex(key), hex(nonce), counter, zeros))).toBe(stream);
  });

  test.each(TEXTS)('%s: ChaCha20 with key %s', (_source, key, nonce, counter, text, sealed) => {
    expect(hexOf(chacha20(crypto, hex(key), hex(nonce), counter, ascii(text)))).toBe(sealed);
    expect(hexOf(chacha20(crypto, hex(key), hex(nonce), counter, hex(sealed)))).toBe(hexOf(ascii(text)));
  });

  test.each(TAGS)('%s: Poly1305', (_source, r, s, message, tag) => {
    expect(hexOf(poly1305(crypto, hex(r + s), hex(message)))).toBe(tag);
  });

  test.each(MESSAGES)('%s: ChaCha20-Poly1305 with key %s', (_source, key, nonce, additional, text, sealed) => {
    const aead = new ChaCha20Poly1305(crypto, hex(key));
    const both = { nonce: hex(nonce), additional: hex(additional) };
    expect(aead.seal([{ ...both, bytes: ascii(text) }]).map(hexOf)).toEqual([sealed]);
    expect(aead.open([{ ...both, bytes: hex(sealed) }]).map((each) => each && hexOf(each))).toEqual([
      hexOf(ascii(text)),
    ]);
    aead.release();
  });
});

// They were typed in: others have to know them, too.
describe('the references', () => {
  test.each(STREAMS)('%s: the stream of key %s', (_source, key, nonce, counter, stream) => {
    const zeros = new Uint8Array(stream.length / 2);
    expect(hexOf(reference.chacha20(hex(key), hex(nonce), counter, zeros))).toBe(stream);
  });

  test.each(TEXTS)('%s: ChaCha20 with key %s', (_source, key, nonce, counter, text, sealed) => {
    expect(hexOf(reference.chacha20(hex(key), hex(nonce), counter, ascii(text)))).toBe(sealed);
  });

  test.each(TAGS)('%s: Poly1305', (_source, r, s, message, tag) => {
    expect(hexOf(reference.poly1305(hex(r + s), hex(message)))).toBe(tag);
  });

  test.each(MESSAGES)('%s: ChaCha20-Poly1305 with key %s', (_source, key, nonce, additional, text, sealed) => {
    expect(hexOf(reference.seal(hex(key), hex(nonce), hex(additional), ascii(text)))).toBe(sealed);
  });
});
