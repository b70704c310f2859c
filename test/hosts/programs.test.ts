import { expect, test } from 'vitest';
import { run } from '../../hosts/linux/machine/programs.ts';

test('programs that set the machine do not get our passwords', () => {
  process.env.ETHERLOOM_PASSWORD = 'sesame';
  process.env.OTHER_VARIABLE = 'kept';
  try {
    const { stdout } = run('env', []);
    expect(stdout).toContain('OTHER_VARIABLE=kept');
    expect(stdout).toContain('LC_ALL=C');
    expect(stdout).not.toContain('sesame');
  } finally {
    delete process.env.ETHERLOOM_PASSWORD;
    delete process.env.OTHER_VARIABLE;
  }
});
