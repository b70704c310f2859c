import { describe, expect, it } from 'vitest';
import { parseProxyUrl } from '../../engine/proxy/url.ts';

describe('the URL of a proxy', () => {
  it.each([
    ['http://proxy.example', 'http', 'proxy.example', 8080],
    ['http://proxy.example/', 'http', 'proxy.example', 8080],
    ['HTTP://10.0.0.1:3128', 'http', '10.0.0.1', 3128],
    ['socks4://10.0.0.1', 'socks4', '10.0.0.1', 1080],
    ['socks4a://p:1', 'socks4a', 'p', 1],
    ['socks5://[fd00::1]:65535', 'socks5', 'fd00::1', 65535],
    ['socks5://[::1]', 'socks5', '::1', 1080],
    [' socks5://p ', 'socks5', 'p', 1080],
  ])('%s', (text, kind, host, port) => {
    expect(parseProxyUrl(text)).toEqual({ ok: true, proxy: { kind, host, port } });
  });

  it.each([
    ['', /not of the form KIND:\/\/HOST/],
    ['10.0.0.1:1080', /not of the form/],
    ['http:/p', /not of the form/],
    ['http://p/path', /not of the form/],
    ['http://p?x', /not of the form/],
    ['http://', /host is neither a name/],
    ['ftp://p', /must be one of http, socks4, socks4a and socks5/],
    ['constructor://p', /must be one of/],
    ['https://p', /use http/],
    ['socks://p', /must be socks4, socks4a or socks5/],
    ['http://p:0', /port is not a number from 1 to 65535/],
    ['http://p:65536', /port is not/],
    ['http://p:', /port is not/],
    ['http://p:80x', /port is not/],
    ['http://fd00::1', /IPv6 addresses in brackets/],
    ['http://[p]', /host is neither/],
    ['http://[10.0.0.1]:1', /host is neither/],
    ['http://[fd00::1', /brackets/],
    ['http://a b', /host is neither/],
    ['http://10.0.0.256', /host is neither/],
  ])('%j is none', (text, message) => {
    const result = parseProxyUrl(text);
    expect(result.ok ? '' : result.problem).toMatch(message);
  });

  it.each([
    'http://me:hunter2@p:80',
    'socks5://me@p',
    'me:hunter2@p',
    'http://me:hunter2@p/x',
  ])('%s holds credentials: it says where they belong, and does not repeat them', (text) => {
    const result = parseProxyUrl(text);
    expect(result.ok ? '' : result.problem).toMatch(/the profile, a file or the environment/);
    expect(JSON.stringify(result)).not.toContain('hunter2');
  });
});
