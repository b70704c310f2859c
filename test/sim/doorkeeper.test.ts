/** Whoever guesses passwords is slow; whoever knows one is not. */
import { describe, expect, test } from 'vitest';
import type { ClientLogin } from '../../engine/login/client-login.ts';
import { SimLab, text } from './lab.ts';
import { RawClient, WISHES } from './raw-client.ts';

const SECOND = 1_000;

function as(userName: string, password: string): Partial<ClientLogin> {
  return { userName, credential: { kind: 'password', password: text(password) }, wishes: WISHES };
}

async function serving(seed = 1): Promise<SimLab> {
  const lab = new SimLab(seed);
  await lab.serve();
  return lab;
}

/** The answer to a login, and how long it took. */
async function answer(lab: SimLab, login: Partial<ClientLogin>, address?: string) {
  const started = lab.world.now;
  const client = await RawClient.loginAs(lab, login, address);
  const { outcome } = client;
  client.channel.close();
  return { took: lab.world.now - started, outcome, code: outcome?.kind === 'refused' ? outcome.code : 0 };
}

/** Somebody who tries again as soon as there is an answer. */
class Attacker {
  attempts = 0;
  readonly #lab: SimLab;
  readonly #address: string;
  readonly #user: string;
  #client: RawClient | undefined;

  constructor(lab: SimLab, address: string, user = 'alice') {
    this.#lab = lab;
    this.#address = address;
    this.#user = user;
  }

  /** Looks whether there is an answer. */
  step(): void {
    if (this.#client !== undefined && this.#client.outcome === undefined && !this.#client.gone) return;
    this.#client?.channel.close();
    this.attempts++;
    this.#client = RawClient.startLogin(this.#lab, as(this.#user, `guess ${this.attempts}`), this.#address);
  }
}

test('a stranger at a thousand addresses hammers alice, who gets in within a second each time', {
  timeout: 120_000,
}, async () => {
  const lab = await serving();
  const home = '10.1.1.1';
  expect((await answer(lab, as('alice', 'secret'), home)).outcome).toMatchObject({ kind: 'welcome' });
  const attackers = Array.from({ length: 1_000 }, (_, i) => new Attacker(lab, `10.2.${i >> 8}.${i & 255}`));
  for (let round = 0; round < 8; round++) {
    for (const attacker of attackers) attacker.step();
    await lab.world.run(SECOND);
    const { outcome, took } = await answer(lab, as('alice', 'secret'), home);
    expect(outcome, `round ${round}`).toMatchObject({ kind: 'welcome' });
    expect(took).toBeLessThan(SECOND);
  }
  const { logins } = lab.server.status();
  // Passwords that were looked at, of those that came in.
  const tried = attackers.reduce((sum, { attempts }) => sum + attempts, 0);
  expect(logins!.failures).toBeLessThan(tried / 2);
  expect(logins!.waiting).toBeLessThanOrEqual(1_024);
  expect(logins).toMatchObject({ slowedUsers: 1 });
  const said = lab.serverHost.lines.filter(({ message }) => message.startsWith('logins of a'));
  expect(said.length).toBeLessThanOrEqual(2 * 1_000 + 2);
  // Somewhere else for the first time she waits, but is let in.
  const abroad = await answer(lab, as('alice', 'secret'), '10.3.0.1');
  expect(abroad.outcome).toMatchObject({ kind: 'welcome' });
  expect(abroad.took).toBeLessThan(11 * SECOND);
  // And has been there now.
  expect((await answer(lab, as('alice', 'secret'), '10.3.0.1')).took).toBeLessThan(SECOND);
});

test('one source is slow after a few failures, also with several connections at once', async () => {
  const lab = await serving();
  const attackers = Array.from({ length: 10 }, () => new Attacker(lab, '10.2.0.1'));
  for (let i = 0; i < 600; i++) {
    for (const attacker of attackers) attacker.step();
    await lab.world.run(100);
  }
  const { logins } = lab.server.status();
  // A minute: four at a time wait ten seconds each.
  expect(logins!.failures).toBeLessThan(40);
  expect(logins!.failures).toBeGreaterThan(10);
  expect(logins).toMatchObject({ slowedSources: 1 });
  expect(logins!.turnedAway).toBeGreaterThan(100);
});

describe('a login that waits', () => {
  async function slowed(): Promise<SimLab> {
    const lab = await serving();
    for (let i = 0; i < 10; i++) await answer(lab, as('alice', 'wrong'), '10.2.0.1');
    return lab;
  }

  test('is answered in the end, with a yes as well', async () => {
    const lab = await slowed();
    const { outcome, took } = await answer(lab, as('alice', 'secret'), '10.2.0.1');
    expect(outcome).toMatchObject({ kind: 'welcome' });
    expect(took).toBeGreaterThan(9 * SECOND);
    expect(took).toBeLessThan(11 * SECOND);
  });

  test('is waited for by our client', async () => {
    const lab = await serving();
    // Clients of the lab have addresses from 11 on.
    for (let i = 0; i < 10; i++) await answer(lab, as('alice', 'wrong'), '10.0.0.11');
    const client = await lab.connected({ user: 'alice', credential: { kind: 'hashed', password: text('secret') } });
    expect(client.events.map(({ kind }) => kind)).toEqual(['connecting', 'established']);
    expect(lab.server.status().logins).toMatchObject({ delayed: 8, waiting: 0 });
  });

  test('tells nothing about who exists', async () => {
    const seen = async (user: string) => {
      const lab = await serving();
      const answers: unknown[] = [];
      for (let i = 0; i < 45; i++) {
        const { code, took } = await answer(lab, as(user, 'wrong'), `10.4.0.${i % 30}`);
        answers.push([code, took]);
      }
      return answers;
    };
    const answers = await seen('alice');
    expect(await seen('nobody')).toEqual(answers);
    // And at its end it was slow.
    expect((answers.at(-1) as number[])[1]).toBeGreaterThan(3 * SECOND);
  });

  test('lets its place go when the peer goes away, and costs nobody a guess', async () => {
    const lab = await slowed();
    const { failures } = lab.server.status().logins!;
    const clients = Array.from({ length: 4 }, () => RawClient.startLogin(lab, as('alice', 'wrong'), '10.2.0.1'));
    await lab.world.run(100);
    expect(lab.server.status().logins).toMatchObject({ waiting: 4 });
    expect((await answer(lab, as('alice', 'secret'), '10.2.0.1')).code).toBe(105);
    for (const client of clients) client.channel.abort();
    await lab.world.run(100);
    expect(lab.server.status().logins).toMatchObject({ waiting: 0, failures });
  });

  test('ends with its connection when the peer goes on talking', async () => {
    const lab = await slowed();
    const client = RawClient.startLogin(lab, as('alice', 'secret'), '10.2.0.1');
    await lab.world.run(100);
    client.send('more');
    await lab.world.run(SECOND);
    expect(client.gone).toBe(true);
    expect(lab.server.status().logins).toMatchObject({ waiting: 0 });
  });

  test('is not pushed out by a flood of strangers who say nothing', async () => {
    const lab = await slowed();
    const client = RawClient.startLogin(lab, as('alice', 'secret'), '10.2.0.1');
    await lab.world.run(100);
    for (let i = 0; i < 1_100; i++) RawClient.dial(lab, '10.6.0.1');
    await lab.world.until(() => client.outcome !== undefined);
    expect(client.outcome).toMatchObject({ kind: 'welcome' });
  });

  test('is none where there is nothing to guess: guest enters at once', async () => {
    const lab = await slowed();
    const { outcome, took } = await answer(lab, {}, '10.2.0.1');
    expect(outcome).toMatchObject({ kind: 'welcome' });
    expect(took).toBeLessThan(SECOND);
  });
});
