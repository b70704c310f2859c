/** A hub's way to another server: held up for ever, and what is wrong with it is shown. */
import { describe, expect, test } from 'vitest';
import type { CascadeStatus } from '../../engine/admin/status.ts';
import type { CascadeOptions, RemoteCascadeOptions } from '../../engine/cascade/options.ts';
import { hashedPassword } from '../../engine/login/password.ts';
import type { RunningServer, ServerOptions } from '../../engine/server/options.ts';
import { startServer } from '../../engine/server/server.ts';
import { sha0 } from '../support/sha0.ts';
import { CASCADE_DEFAULTS } from './fabric.ts';
import { BROADCAST, frame, mac } from './frames.ts';
import { SimHost, type SimTap } from './host.ts';
import { SimLab, text } from './lab.ts';

const HEAD: CascadeOptions = {
  ...{ ...CASCADE_DEFAULTS, name: 'up', online: true, host: '10.0.0.1', port: 443, hub: 'LAB', user: 'alice' },
  credential: { kind: 'hash', hash: hashedPassword(sha0, text('secret'), 'alice') },
};

/** A server with the hub `lab`, and another one whose hub `branch` has cascades to it. */
class Branch {
  readonly lab: SimLab;
  readonly host: SimHost;
  server!: RunningServer;

  constructor(seed = 1) {
    this.lab = new SimLab(seed);
    this.host = new SimHost(this.lab.world, this.lab.net, '10.0.0.2');
  }

  static async start(...cascades: CascadeOptions[]): Promise<Branch> {
    const branch = new Branch();
    await branch.lab.serve();
    await branch.open({}, ...cascades);
    return branch;
  }

  async open(options: Partial<ServerOptions>, ...cascades: CascadeOptions[]): Promise<void> {
    const listen = [{ host: '0.0.0.0', port: 443 }];
    const taps = [{ name: 'el0', addresses: [] }];
    const common = {
      certificate: '',
      key: '',
      timeoutMs: 20_000,
      maxConnections: 32,
      priorityRule: 'packetix',
      congestion: 'auto',
    } as const;
    this.server = await startServer(
      this.host,
      {
        ...{ ...common, listen, tls: CASCADE_DEFAULTS.tls },
        hubs: [
          { name: 'branch', stormLimit: 32, users: [], taps, cascades },
          { name: 'third', stormLimit: 32, users: [], taps: [{ name: 'el1', addresses: [] }] },
        ],
        ...options,
      },
      this.host.log,
    );
  }

  get tap(): SimTap {
    return this.host.opened[0]!;
  }

  cascade(name = 'up'): CascadeStatus {
    return this.server.status().hubs[0]!.cascades!.find((each) => each.name === name)!;
  }

  dialled(): number {
    return this.host.dialled.length;
  }

  async until(state: CascadeStatus['state'], name = 'up', ms = 60_000): Promise<void> {
    await this.lab.world.until(() => this.cascade(name).state === state, ms);
  }
}

describe('a cascade', () => {
  test('is a bridge on the other side, by name and by wish, with the connections that it asked for', async () => {
    const b = await Branch.start({ ...HEAD, connections: 3 } as RemoteCascadeOptions);
    await b.until('established');
    await b.lab.world.run(5_000);
    expect(b.cascade()).toMatchObject({ server: '10.0.0.1:443', hub: 'LAB', user: 'alice', attempts: 0 });
    expect(b.cascade().port?.connections).toHaveLength(3);
    // Five stations behind it: three are the most behind a client.
    for (const station of [1, 2, 3, 4, 5]) b.tap.arrive(frame(BROADCAST, mac(station)));
    await b.lab.world.run(100);
    expect(b.lab.serverTap.frames).toHaveLength(5);
    const opened = b.lab.serverHost.lines.find(({ message }) => message === 'session opened');
    expect(opened?.fields.client).toMatch(/Cascade Mode/);
    b.lab.serverTap.arrive(frame(mac(3), mac(9)));
    await b.lab.world.run(100);
    expect(b.tap.frames.at(-1)).toEqual(frame(mac(3), mac(9)));
    expect(b.cascade().port).toMatchObject({ received: { frames: expect.any(Number) }, user: 'alice' });
  });

  test.each([
    ['a wrong password', { credential: { kind: 'hash', hash: new Uint8Array(20) } }, /password|user name/i],
    ['a hub that is not there', { hub: 'none' }, /hub/i],
    ['a server that is not trusted', { trust: async () => 'the pin does not fit' }, /the pin does not fit/],
    ['a server that is not there', { port: 444 }, /refused/],
  ] as [
    string,
    Partial<RemoteCascadeOptions>,
    RegExp,
  ][])('%s is shown, and tried again every ten seconds without end', async (_, wrong, cause) => {
    const b = await Branch.start({ ...HEAD, ...wrong } as RemoteCascadeOptions);
    await b.until('waiting');
    expect(b.cascade().lastError).toMatch(cause);
    const before = b.dialled();
    await b.lab.world.run(200_000);
    const tries = b.dialled() - before;
    // A server makes whoever has given a wrong password wait, ten seconds at most.
    expect(tries).toBeGreaterThanOrEqual('credential' in wrong ? 9 : 18);
    expect(tries).toBeLessThanOrEqual(20);
    expect(['waiting', 'connecting']).toContain(b.cascade().state);
    expect(b.cascade().attempts).toBeGreaterThan(tries);
    // Said once, for nothing has changed since.
    const warnings = b.host.lines.filter(({ level, message }) => level === 'warn' && message === 'cascade is down');
    expect(warnings).toHaveLength(1);
    expect(JSON.stringify(b.host.lines)).not.toContain('secret');
    await b.server.close();
    const after = b.dialled();
    await b.lab.world.run(60_000);
    expect(b.dialled()).toBe(after);
  });

  test('is up again ten seconds after its server is at the latest', async () => {
    const b = await Branch.start(HEAD);
    await b.until('established');
    await b.lab.server.close();
    await b.lab.world.run(45_000);
    expect(b.cascade().state).not.toBe('established');
    await b.lab.serve();
    const back = b.lab.world.now;
    await b.until('established');
    expect(b.lab.world.now - back).toBeLessThan(10_500);
  });

  test('offline is off, whatever it was doing, and online again', async () => {
    const b = await Branch.start({ ...HEAD, online: false });
    await b.lab.world.run(30_000);
    expect(b.cascade()).toEqual({
      name: 'up',
      kind: 'session',
      state: 'offline',
      server: '10.0.0.1:443',
      hub: 'LAB',
      user: 'alice',
      attempts: 0,
    });
    expect(b.dialled()).toBe(0);
    for (const moment of [0, 1, 3, 5, 1_000, 5_000]) {
      expect(b.server.setCascade('UP', 'BRANCH', true)).toMatchObject({
        ok: true,
        hub: 'branch',
        cascade: { state: 'connecting' },
      });
      // A second time it changes nothing.
      b.server.setCascade('up', undefined, true);
      await b.lab.world.run(moment);
      expect(b.server.setCascade('up', undefined, false)).toMatchObject({ ok: true, cascade: { state: 'offline' } });
      await b.lab.world.run(100);
      expect(b.lab.server.status().hubs[0]!.sessions.filter(({ connections }) => connections!.length > 0)).toEqual([]);
    }
    b.server.setCascade('up', undefined, true);
    await b.until('established');
    expect(b.server.setCascade('down', undefined, true)).toEqual({ ok: false, problem: 'there is no cascade down' });
    expect(b.server.setCascade('up', 'third', true)).toEqual({
      ok: false,
      problem: 'there is no cascade up in hub third',
    });
    expect(b.server.setCascade('up', 'none', true)).toEqual({ ok: false, problem: 'there is no hub none' });
  });

  test('works on a node that listens nowhere', async () => {
    const branch = new Branch();
    await branch.lab.serve();
    await branch.open({ listen: [] }, HEAD);
    await branch.until('established');
    expect(branch.server.status().listeners).toEqual([]);
  });

  test('to another hub of the same server carries frames both ways, and is shown at both ends', async () => {
    const b = await Branch.start({ kind: 'link', name: 'next', hub: 'Third', online: true });
    const other = b.host.opened[1]!;
    b.tap.arrive(frame(BROADCAST, mac(1)));
    await b.lab.world.run(50);
    other.arrive(frame(mac(1), mac(2)));
    await b.lab.world.run(50);
    expect(other.frames).toEqual([frame(BROADCAST, mac(1))]);
    expect(b.tap.frames).toEqual([frame(mac(1), mac(2))]);
    const [hub, third] = b.server.status().hubs;
    expect(hub!.cascades).toMatchObject([
      {
        name: 'next',
        kind: 'link',
        state: 'established',
        hub: 'third',
        port: { sent: { frames: expect.any(Number) } },
      },
    ]);
    expect(third!.cascades).toMatchObject([{ name: 'branch/next', kind: 'link', hub: 'branch' }]);
    b.server.setCascade('next', undefined, false);
    expect(b.server.status().hubs[1]!.cascades).toEqual([]);
    b.tap.arrive(frame(BROADCAST, mac(1)));
    await b.lab.world.run(50);
    expect(other.frames).toHaveLength(1);
  });

  test('to another hub of the same server is not what frames wait for that a rule has delayed', async () => {
    const b = new Branch();
    const taps = (name: string) => [{ name, addresses: [] }];
    await b.open({
      hubs: [
        {
          ...{ name: 'branch', stormLimit: 0, users: [], taps: taps('el0') },
          access: [{ priority: 1, action: 'pass', delay: 20 }],
          cascades: [{ kind: 'link', name: 'next', hub: 'third', online: true }],
        },
        { name: 'third', stormLimit: 0, users: [], taps: taps('el1') },
      ],
    });
    await b.lab.world.run(2_000);
    for (let count = 1; count <= 10; count++) {
      b.tap.arrive(frame(BROADCAST, mac(1)));
      await b.lab.world.run(40);
      expect(b.host.opened[1]!.frames).toHaveLength(count);
    }
  });

  test('that finds the memory for compression taken when it is let in tries again without', async () => {
    const b = new Branch();
    await b.lab.serve();
    const far = new Branch(2);
    const host = new SimHost(b.lab.world, b.lab.net, '10.0.0.3');
    Object.assign(far, { host });
    const hash = hashedPassword(sha0, text('secret'), 'alice');
    await far.open({
      hubs: [{ name: 'LAB', stormLimit: 0, users: [{ name: 'alice', passwordHash: hash }], taps: [] }],
    });
    // Each needs 68 of 512; four of them are asked for at one server and four at the other, all at once.
    const cascades = Array.from({ length: 8 }, (_, i) => ({
      ...{ ...HEAD, name: `up${i}`, compress: true, connections: 32 },
      host: i < 4 ? '10.0.0.1' : '10.0.0.3',
    }));
    await b.open({}, ...(cascades as RemoteCascadeOptions[]));
    for (const { name } of cascades) await b.until('established', name);
    await far.server.close();
  });

  test('to a hub that is not there cannot be made', async () => {
    const b = new Branch();
    await expect(b.open({}, { kind: 'link', name: 'next', hub: 'nowhere', online: true })).rejects.toThrow(
      /expected another hub of this server, got nowhere/,
    );
    await expect(b.open({}, { ...HEAD, hub: ' ' } as CascadeOptions)).rejects.toThrow(/hubName/);
  });
});
