/** A client's addresses and settings, with a DHCP server behind the server's TAP. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { ClientOptions, ClientSettings } from '../../engine/client/options.ts';
import { type Answer, type Asked, answer, asked, lease } from '../unit/dhcp/model4.ts';
import { SimLab } from './lab.ts';

const NOTHING: ClientSettings = {
  ...{ dhcp: false, routes: [], defaultRoute: false, serverRoutes: false, gateways: [], dns: [], serverDns: false },
  ...{ search: [], killSwitch: false, allowLan: false, journals: [] },
};
const EVERYTHING: ClientSettings = { ...NOTHING, dhcp: true, defaultRoute: true, serverDns: true, killSwitch: true };
const [DISCOVER, OFFER, REQUEST, ACK, NAK, RELEASE] = [1, 2, 3, 5, 6, 7];

let lab: SimLab;
let questions: Asked[];
/** What the server says to each. */
let server: (question: Asked) => Answer | undefined;

const willing = (question: Asked): Answer | undefined => {
  if (question.type === DISCOVER) return { type: OFFER, address: '10.9.0.50', options: lease(600) };
  return question.type === REQUEST ? { type: ACK, address: '10.9.0.50', options: lease(600) } : undefined;
};

beforeEach(async () => {
  lab = new SimLab(3);
  await lab.serve();
  questions = [];
  server = willing;
  const { frames } = lab.serverTap;
  const look = (): void => {
    for (const frame of frames.splice(0)) {
      const question = asked(frame);
      if (question === undefined) continue;
      questions.push(question);
      const said = server(question);
      if (said !== undefined) lab.serverTap.arrive(answer(question, said));
    }
    lab.world.after(5, look);
  };
  look();
});

async function bound(settings: ClientSettings, options: Partial<ClientOptions> = {}) {
  const made = await lab.connected({ settings, ...options });
  await lab.world.until(() => made.events.some(({ kind }) => kind === 'addressed'), 10_000);
  return { ...made, machine: made.host.machine, events: made.events };
}

test('protection comes first, then the address, the routes, and names; all of it goes in reverse', async () => {
  const { client, machine, events } = await bound(EVERYTHING);
  expect(machine.steps).toEqual([
    '+firewall',
    '+address 10.9.0.50/24',
    '+route 0.0.0.0/0',
    '+rule 4 0 10.0.0.1',
    '+rule 4 1 10.0.0.1',
    '+rule 4 2 ',
    '+rule 4 3 ',
    // Nobody is a router of IPv6: it must not go around the tunnel.
    '+rule 6 2 ',
    '+rule 6 4 ',
    '+dns',
  ]);
  expect(machine.made.get('firewall')).toMatchObject({ servers: ['10.0.0.1'], port: 443, lan: [] });
  expect(machine.made.get('dns')).toMatchObject({ servers: ['10.9.0.53'] });
  expect(events.at(-1)).toMatchObject({ kind: 'addressed', address: '10.9.0.50/24', origin: 'dhcp', lease: 600 });
  expect(client.status().client?.settings).toMatchObject({
    addresses: [{ address: '10.9.0.50/24', origin: 'dhcp', server: '10.9.0.1' }],
    routes: [{ to: '0.0.0.0/0', via: '10.9.0.1', origin: 'profile' }],
    ...{ dns: { servers: ['10.9.0.53'] }, killSwitch: true, servers: ['10.0.0.1'] },
  });
  const order = machine.steps.map((step) => step.slice(1));
  await client.close();
  await lab.world.run(1_000);
  expect(machine.steps.slice(order.length)).toEqual(order.toReversed().map((key) => `-${key}`));
  expect(machine.ended).toBe(true);
  expect(questions.at(-1)).toMatchObject({ type: RELEASE, client: '10.9.0.50' });
});

describe('a session that is lost and comes back', () => {
  async function loseSession(made: Awaited<ReturnType<typeof bound>>): Promise<void> {
    lab.net.down = true;
    for (const { client } of lab.net.connections) client.abort();
    await lab.world.until(() => made.events.at(-1)?.kind === 'lost', 120_000);
    lab.net.down = false;
    const before = made.events.length;
    await lab.world.until(() => made.events.slice(before).some(({ kind }) => kind === 'established'), 60_000);
  }

  test('keeps its address, and has it confirmed', async () => {
    const made = await bound(EVERYTHING);
    const steps = made.machine.steps.length;
    const before = questions.length;
    await loseSession(made);
    await lab.world.run(1_000);
    expect(questions.slice(before)).toMatchObject([{ type: REQUEST, requested: '10.9.0.50', server: undefined }]);
    // The lease has another end: the address alone is set again.
    expect(made.machine.steps.slice(steps)).toEqual(['+address 10.9.0.50/24']);
    expect(made.events.filter(({ kind }) => kind === 'addressed')).toHaveLength(1);
  });

  test('loses it where the server says no, and gets another', async () => {
    const made = await bound({ ...EVERYTHING, killSwitch: false });
    server = (question) => {
      if (question.type === REQUEST && question.server === undefined) return { type: NAK };
      const said = willing(question);
      return said === undefined ? undefined : { ...said, address: '10.9.0.51' };
    };
    await loseSession(made);
    await lab.world.run(10_000);
    expect(made.machine.steps).toContain('-address 10.9.0.50/24');
    expect([...made.machine.made.keys()]).toContain('address 10.9.0.51/24');
    expect(made.events.map(({ kind }) => kind).slice(-2)).toEqual(['unaddressed', 'addressed']);
  });

  test('keeps the kill switch all the time, and the server is found without looking its name up', async () => {
    const made = await bound({ ...EVERYTHING, dhcp: true });
    await loseSession(made);
    expect(made.machine.steps.filter((step) => step.endsWith('firewall'))).toEqual(['+firewall']);
    expect(made.host.dialled.at(-1)?.way?.known).toEqual(['10.0.0.1']);
  });
});

test('answers for another client of the hub are passed over', async () => {
  const others = await bound(EVERYTHING);
  const second = await lab.connected({ settings: EVERYTHING });
  server = (question) => {
    // Everything is answered to the first one.
    const said = willing(question);
    return said === undefined
      ? undefined
      : { ...said, mac: others.host.opened[0]?.mac === undefined ? [] : [...others.host.opened[0].mac] };
  };
  await lab.world.run(30_000);
  expect(second.events.some(({ kind }) => kind === 'addressed')).toBe(false);
  expect(second.host.machine.made.has('dns')).toBe(false);
});

test('what the profile asks for and cannot be had ends the client, and leaves nothing', async () => {
  const made = lab.connect({ settings: EVERYTHING });
  made.host.machine.refused = 'rule 4 3';
  await lab.world.until(() => made.end !== undefined);
  expect(made.end).toMatchObject({ kind: 'settings', message: 'cannot make rule 4 3 ' });
  expect(made.host.machine.made.size).toBe(0);
  expect(questions.at(-1)?.type).toBe(RELEASE);
});

test('a kill switch that cannot be set up ends the client before anything is sent', async () => {
  const made = lab.connect({ settings: EVERYTHING });
  made.host.machine.refused = 'firewall';
  await lab.world.until(() => made.end !== undefined);
  expect(made.end).toMatchObject({ kind: 'settings' });
  expect(lab.net.connections).toHaveLength(0);
});

test('what only a server asks for is said, and the rest goes on', async () => {
  server = (question) => {
    const said = willing(question);
    return said === undefined
      ? undefined
      : { ...said, options: lease(600, [121, [12, 172, 16, 10, 9, 0, 7]], [26, [2, 88]]) };
  };
  const settings = { ...NOTHING, dhcp: true, serverRoutes: true, serverDns: true };
  const made = lab.connect({ settings });
  made.host.machine.refused = 'route 172.16.0.0/12';
  await lab.world.until(() => made.events.some(({ kind }) => kind === 'addressed'));
  expect(made.host.machine.steps).toEqual(['+address 10.9.0.50/24', '+mtu', '+dns']);
  expect(made.host.machine.made.get('mtu')).toMatchObject({ mtu: 600 });
  expect(made.host.lines.filter(({ message }) => message === 'a server asks for what cannot be set')).toHaveLength(1);
});

test('a network that holds the server is not led into the tunnel past it', async () => {
  server = (question) => {
    const said = willing(question);
    return said === undefined
      ? undefined
      : {
          ...said,
          options: [
            [51, [0, 0, 2, 0]],
            [1, [255, 0, 0, 0]],
          ],
        };
  };
  const { machine } = await bound({ ...NOTHING, dhcp: true, routes: ['172.16.0.0/12'] });
  expect(machine.made.get('address 10.9.0.50/8')).toMatchObject({ onLink: false });
  expect(machine.made.get('route 10.0.0.0/8')).toMatchObject({ table: 0x455400 + 7 });
  expect(machine.made.get('route 172.16.0.0/12')).not.toHaveProperty('table');
  expect([...machine.made.keys()].filter((key) => key.startsWith('rule'))).toHaveLength(4);
});

test('the address of the server is not taken from a lease', async () => {
  server = (question) => {
    const said = willing(question);
    return said === undefined ? undefined : { ...said, address: '10.0.0.1' };
  };
  const { machine } = await bound({ ...NOTHING, dhcp: true });
  expect([...machine.made.keys()].filter((key) => key.startsWith('address'))).toEqual([]);
});

test('the kill switch lets attached networks pass when asked to, and follows them', async () => {
  const { machine, host } = await bound({ ...EVERYTHING, allowLan: true });
  expect(machine.made.get('firewall')).toMatchObject({ lan: ['192.168.1.0/24'] });
  machine.lan = ['172.20.0.0/16'];
  host.addressesChanged(['172.20.0.5']);
  expect(machine.made.get('firewall')).toMatchObject({ lan: ['172.20.0.0/16'] });
});

test('with a proxy it is the proxy that stays reachable, at its own port', async () => {
  const proxy = { kind: 'socks5', host: '10.0.0.77', port: 1080 } as const;
  const { machine, client } = await bound({ ...EVERYTHING, gateways: ['10.9.0.9'] }, { proxy });
  expect(machine.made.get('firewall')).toMatchObject({ servers: ['10.0.0.77'], port: 1080 });
  expect(machine.made.get('rule 4 0 10.0.0.77')).toMatchObject({ to: { address: '10.0.0.77', port: 1080 } });
  // The profile's router is in front of that of DHCP.
  expect(machine.made.get('route 0.0.0.0/0')).toMatchObject({ via: '10.9.0.9' });
  expect(client.status().client?.settings?.servers).toEqual(['10.0.0.77']);
});
