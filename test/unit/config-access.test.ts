import { describe, expect, test } from 'vitest';
import { formatProblem } from '../../engine/config/problem.ts';
import { parseServerConfig } from '../../engine/config/server-config.ts';

function parse(...rules: string[]) {
  const access = rules.map((rule) => `      - { ${rule} }\n`).join('');
  return parseServerConfig(`listen: [{ port: 1 }]\nhubs:\n  lab:\n    access:\n${access}`);
}

function problems(...rules: string[]): string[] {
  const result = parse(...rules);
  return result.ok ? [] : result.problems.map((problem) => formatProblem('s', problem));
}

describe('the access list of a hub', () => {
  test('every key', () => {
    const result = parse(
      'priority: 10, action: discard, from: 10.0.0.0/8, to: 10.0.0.1/255.0.0.255, protocol: tcp, fromPorts: 1-2, toPorts: 80',
      'priority: 1, action: pass, active: false, from: "fd00::/8", tcpState: established, delay: 200, jitter: 50, loss: 3',
      'priority: 4294967295, action: pass, protocol: 47, fromMac: "02:00:00:00:00:01", toMac: "02-00-00-00-00-00/ff-ff-ff-00-00-00"',
      'priority: 3, action: discard, fromUser: alice, fromGroup: staff, toUser: bob, toGroup: guests, to: "::1"',
    );
    if (!result.ok) throw new Error(JSON.stringify(result.problems));
    const [first, second, third, fourth] = result.config.hubs[0]!.access!;
    expect(first).toEqual({
      priority: 10,
      action: 'discard',
      from: { address: Uint8Array.of(10, 0, 0, 0), mask: Uint8Array.of(255, 0, 0, 0) },
      to: { address: Uint8Array.of(10, 0, 0, 1), mask: Uint8Array.of(255, 0, 0, 255) },
      protocol: 6,
      fromPorts: { first: 1, last: 2 },
      toPorts: { first: 80, last: 80 },
    });
    expect(second).toMatchObject({ active: false, tcpState: 'established', delay: 200, jitter: 50, loss: 3 });
    expect([...second!.from!.mask]).toEqual([255, ...new Array(15).fill(0)]);
    expect(third).toMatchObject({ protocol: 47, toMac: { mask: Uint8Array.of(255, 255, 255, 0, 0, 0) } });
    expect(fourth).toMatchObject({ fromUser: 'alice', fromGroup: 'staff', toUser: 'bob', toGroup: 'guests' });
    expect(fourth!.to!.mask.every((byte) => byte === 255)).toBe(true);
  });

  test.each([
    ['action: pass', 'access[0].priority'],
    ['priority: 0, action: pass', 'a whole number from 1 to 4294967295'],
    ['priority: 1, action: drop', 'pass or discard'],
    ['priority: 1, action: pass, from: 10.0.0.0/33', 'an IPv4 or IPv6 address'],
    ['priority: 1, action: pass, from: "10.0.0.0/fd00::"', 'an IPv4 or IPv6 address'],
    ['priority: 1, action: pass, from: 10.0.0.0/8, to: "fd00::1"', 'allowed is an address of the same family'],
    ['priority: 1, action: pass, toPorts: 9-8', 'a port from 0 to 65535'],
    ['priority: 1, action: pass, toPorts: 1-2-3', 'a port from 0 to 65535'],
    ['priority: 1, action: pass, protocol: icmp, toPorts: 1', 'where protocol is tcp or udp'],
    ['priority: 1, action: pass, protocol: udp, tcpState: established', 'access[0].tcpState'],
    ['priority: 1, action: pass, protocol: 256', 'the number of an IP protocol'],
    ['priority: 1, action: pass, fromMac: "02:00:00:00:00"', 'a MAC address'],
    ['priority: 1, action: pass, fromMac: "02:00:00:00:00:01/24"', 'a MAC address'],
    ['priority: 1, action: discard, loss: 3', 'allowed only where action is pass'],
    ['priority: 1, action: pass, delay: 10001', 'from 0 to 10000'],
    ['priority: 1, action: pass, jitter: 1', 'allowed only beside a delay'],
    ['priority: 1, action: pass, delay: 1, toUser: bob', 'without toUser'],
    ['priority: 1, action: discard, redirect: "http://a/"', 'allowed only where action is pass'],
    ['priority: 1, action: pass, redirect: "http://a/", toUser: bob', 'a frame is redirected before'],
    ['priority: 1, action: pass, redirect: "ftp://a/"', 'a URL that begins with http://'],
    ['priority: 1, action: pass, redirect: "http://a/\\r\\nX: y"', 'a URL that begins with http://'],
    [`priority: 1, action: pass, redirect: "http://${'a'.repeat(244)}"`, 'at most 250'],
    ['priority: 1, action: pass, source: any', 'priority, action, active, from, to'],
  ])('%s', (rule, message) => {
    const found = problems(rule);
    expect(found.length, found.join('\n')).toBe(1);
    expect(found[0]).toContain(message);
  });

  test.each(['redirect: "http://a/"', 'delay: 9'])('%s behind a rule that asks who gets the frame', (setting) => {
    const asks = 'priority: 2, action: discard, toUser: bob';
    const [found, ...more] = problems(`priority: 3, action: pass, ${setting}`, asks);
    expect(found).toContain('give it a smaller priority');
    expect(more).toEqual([]);
    expect(problems(`priority: 1, action: pass, ${setting}`, asks)).toEqual([]);
    expect(problems(`priority: 3, action: pass, active: false, ${setting}`, asks)).toEqual([]);
  });

  test('more rules than a frame is compared with', () => {
    expect(problems(...new Array(1_025).fill('priority: 1, action: pass'))[0]).toContain('at most 1024 rules');
  });
});
