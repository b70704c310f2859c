import { describe, expect, it } from 'vitest';
import { PackBuilder } from '../../engine/pack/builder.ts';
import { decodePack } from '../../engine/pack/decode.ts';
import { encodePack } from '../../engine/pack/encode.ts';
import type { Pack } from '../../engine/pack/pack.ts';
import { fromHex, toHex, vector, vectors } from './pack-vectors.ts';

/** Every Pack in the vector files. */
const PACKS = [
  ...vectors('session-minimal.txt'),
  ...vectors('session-real-client.txt').filter((each) => each.title.startsWith('body (')),
  ...vectors('additional-connect.txt'),
  ...vectors('errors.txt'),
  ...vectors('admin-rpc.txt').map((each) =>
    each.title.includes('with 4-byte length prefix') ? { title: each.title, bytes: each.bytes.subarray(4) } : each,
  ),
];

function decoded(bytes: Uint8Array): Pack {
  const result = decodePack(bytes);
  if (!result.ok) throw new Error(`${result.cause} at ${result.offset}`);
  return result.pack;
}

function cause(hex: string): string {
  const result = decodePack(fromHex(hex.replaceAll(' ', '')));
  return result.ok ? 'ok' : result.cause;
}

describe('Packs of real peers', () => {
  it('are all found in the vector files', () => expect(PACKS).toHaveLength(20));

  for (const { title, bytes } of PACKS) {
    it(`come out as they went in: ${title}`, () => {
      const result = decodePack(bytes);
      expect(result).toMatchObject({ ok: true, consumed: bytes.length });
      expect(toHex(encodePack(decoded(bytes)))).toBe(toHex(bytes));
    });
  }

  it('are refused at every length that is too short', () => {
    const bytes = vector('admin-rpc.txt', /request Test/).subarray(4);
    for (let length = 0; length < bytes.length; length += 1) {
      expect(decodePack(bytes.subarray(0, length)).ok, `${length} bytes`).toBe(false);
    }
  });

  it('have all five types', () => {
    const pack = decoded(vector('admin-rpc.txt', /request Test/).subarray(4));
    expect(pack.int('IntValue')).toBe(0x01020304);
    expect(pack.int64('Int64Value')).toBe(0x0102030405060708n);
    expect(pack.str('StrValue')).toBe('abc');
    expect(pack.uni('UniStrValue')).toBe('été');
    expect(pack.str('function_name')).toBe('Test');
    const reply = decoded(vector('additional-connect.txt', /direction=0/));
    expect(toHex(reply.data('pencore'))).toBe('b1992067993233');
  });

  it('have arrays', () => {
    const pack = decoded(vector('admin-rpc.txt', /EnumListener/));
    expect([0, 1, 2, 3, 4].map((index) => pack.int('Ports', index))).toEqual([443, 992, 1194, 5555, 0]);
    expect(pack.count('ports')).toBe(4);
    const hubs = decoded(vector('admin-rpc.txt', /EnumHub/));
    expect([0, 1, 2].map((index) => hubs.str('HubName', index))).toEqual(['DEFAULT', 'DEMO2', 'TESTHUB']);
  });
});

describe('a Pack', () => {
  const pack = new PackBuilder()
    .int('Number', 7)
    .data('Bytes', Uint8Array.of(1, 2))
    .str('Text', 'one')
    .uni('Uni', 'zwei')
    .int64('Big', 9n)
    .build();

  it('reads what is absent or of another type as nothing', () => {
    expect([pack.int('none'), pack.int('Text'), pack.int('Big'), pack.int('Number', 1)]).toEqual([0, 0, 0, 0]);
    expect([pack.str('none'), pack.str('Uni'), pack.str('Bytes'), pack.str('Number'), pack.str('Text', 1)]).toEqual(
      new Array(5).fill(''),
    );
    expect([pack.uni('Text'), pack.uni('none')]).toEqual(['', '']);
    expect([pack.int64('Number'), pack.int64('none')]).toEqual([0n, 0n]);
    expect([pack.data('Text').length, pack.data('Number').length, pack.data('none').length]).toEqual([0, 0, 0]);
    expect([pack.bool('Number'), pack.bool('none')]).toEqual([true, false]);
    expect([pack.has('none'), pack.count('none'), pack.count('big')]).toEqual([false, 0, 1]);
  });

  it('looks names up without regard to case', () => {
    expect([pack.int('NUMBER'), pack.str('text'), pack.has('bYTES')]).toEqual([7, 'one', true]);
  });

  it('keeps the order in which it was built', () => {
    expect(pack.elements.map((element) => element.name)).toEqual(['Number', 'Bytes', 'Text', 'Uni', 'Big']);
    const wire = decoded(encodePack(pack));
    expect(wire.elements).toEqual(pack.elements);
  });

  it('leaves empty arrays out', () => {
    const empty = new PackBuilder().int('a', []).str('b', []).data('c', []).int64('d', []).uni('e', []).build();
    expect(toHex(encodePack(empty))).toBe('00000000');
  });

  it('copies the bytes it is built from', () => {
    const bytes = Uint8Array.of(1);
    const built = new PackBuilder().data('a', bytes).build();
    bytes[0] = 2;
    expect(built.data('a')).toEqual(Uint8Array.of(1));
  });

  it('copies the bytes it is decoded from', () => {
    const bytes = encodePack(pack);
    const again = decoded(bytes);
    bytes.fill(0xff);
    expect(again.str('Text')).toBe('one');
    expect(again.data('Bytes')).toEqual(Uint8Array.of(1, 2));
  });

  it('takes the largest numbers', () => {
    const most = decoded(
      encodePack(
        new PackBuilder()
          .int('a', 0xffffffff)
          .int64('b', 2n ** 64n - 1n)
          .build(),
      ),
    );
    expect([most.int('a'), most.int64('b')]).toEqual([0xffffffff, 2n ** 64n - 1n]);
  });
});

describe('the builder', () => {
  it.each([
    ['an empty name', () => new PackBuilder().int('', 1)],
    ['a name of 64', () => new PackBuilder().int('n'.repeat(64), 1)],
    ['a name that is not ASCII', () => new PackBuilder().int('ü', 1)],
    ['a second name in another case', () => new PackBuilder().int('name', 1).str('NAME', 'x')],
    ['a negative INT', () => new PackBuilder().int('a', -1)],
    ['an INT of 2^32', () => new PackBuilder().int('a', 2 ** 32)],
    ['a fraction', () => new PackBuilder().int('a', 0.5)],
    ['an INT64 of 2^64', () => new PackBuilder().int64('a', 2n ** 64n)],
    ['a NUL', () => new PackBuilder().str('a', 'x\0y')],
  ])('refuses %s', (_what, build) => expect(build).toThrow(RangeError));

  it('takes a name of 63', () => expect(new PackBuilder().int('n'.repeat(63), 1).build().elements).toHaveLength(1));
});

describe('text', () => {
  it('loses outer spaces and tabs when it is built and when it comes', () => {
    const built = new PackBuilder().str('s', ' \ta b\t ').uni('u', '\t é ').build();
    expect([built.str('s'), built.uni('u')]).toEqual(['a b', 'é']);
    const wire = fromHex(`00000001 00000002 73 00000002 00000001 00000005 2009612009`.replaceAll(' ', ''));
    expect(decoded(wire).str('s')).toBe('a');
  });

  it('keeps other white space', () => {
    expect(new PackBuilder().str('s', '\n a\u00a0').build().str('s')).toBe('\n a\u00a0');
  });

  it('may have a NUL at the end of a STR and none at the end of a UNISTR', () => {
    const str = '00000001 00000002 73 00000002 00000001 00000003 616200';
    const uni = '00000001 00000002 73 00000003 00000001 00000002 6162';
    expect(decoded(fromHex(str.replaceAll(' ', ''))).str('s')).toBe('ab');
    expect(decoded(fromHex(uni.replaceAll(' ', ''))).uni('s')).toBe('ab');
  });

  it('may be empty in all three ways', () => {
    expect(cause('00000001 00000002 73 00000003 00000001 00000000')).toBe('ok');
    expect(cause('00000001 00000002 73 00000003 00000001 00000001 00')).toBe('ok');
    expect(cause('00000001 00000002 73 00000002 00000001 00000000')).toBe('ok');
  });

  it('must not have a NUL inside', () => {
    expect(cause('00000001 00000002 73 00000002 00000001 00000003 610062')).toMatch('NUL');
  });

  it('keeps bytes that are not UTF-8', () => {
    const wire = fromHex('00000001000000027300000002000000010000000250e4');
    const pack = decoded(wire);
    expect(pack.strBytes('s')).toEqual(Uint8Array.of(0x50, 0xe4));
    expect(pack.str('s')).toBe('P\ufffd');
    expect(encodePack(pack)).toEqual(wire);
  });
});

describe('a Pack from the wire', () => {
  it('may be followed by anything', () => {
    expect(decodePack(fromHex('00000000ffff'))).toMatchObject({ ok: true, consumed: 4 });
  });

  it.each([
    ['nothing at all', '', 'cut off'],
    ['more elements than bytes', '00000002 00000002 61 00000000 00000001 00000001', 'cut off'],
    ['more elements than allowed', '00001001', 'more than 4096'],
    ['2^32 - 1 elements', 'ffffffff', 'more than 4096'],
    ['a name length of 0', '00000001 00000000', 'length of a name'],
    ['an empty name', '00000001 00000001 00000000 00000001 00000000', 'length of a name'],
    ['a name of 64', `00000001 00000041 ${'61'.repeat(64)} 00000000 00000001 00000000`, 'length of a name'],
    ['a name of 4 GiB', '00000001 ffffffff 61', 'length of a name'],
    ['a NUL in a name', '00000001 00000003 6100 00000000 00000001 00000000', 'ASCII'],
    ['a name that is not ASCII', '00000001 00000003 c3a4 00000000 00000001 00000000', 'ASCII'],
    ['no values', '00000001 00000002 61 00000000 00000000', 'no values'],
    ['2^32 - 1 values', '00000001 00000002 61 00000000 ffffffff 00000000', 'more than 65536'],
    ['fewer values than announced', '00000001 00000002 61 00000000 00010000 00000000', 'cut off'],
    ['an unknown type', '00000001 00000002 61 00000005 00000001 00000000', 'type 5'],
    ['a value of 4 GiB', '00000001 00000002 61 00000001 00000001 ffffffff', 'cut off'],
    ['half an INT64', '00000001 00000002 61 00000004 00000001 00000000', 'cut off'],
    [
      'one name twice',
      '00000002 00000002 61 00000000 00000001 00000001 00000002 41 00000000 00000001 00000002',
      'same name',
    ],
  ])('is refused with %s', (_what, hex, words) => expect(cause(hex)).toMatch(words));
});
