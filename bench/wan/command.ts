import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { UsageError } from '../usage-error.ts';
import { chartWan, markdownWan, renderWan } from './report.ts';
import { runWan, scenariosNamed, type WanOptions } from './run.ts';

export interface WanCommand extends Omit<WanOptions, 'scenarios'> {
  /** Beginnings of keys of lines. */
  readonly only?: readonly string[] | undefined;
  readonly json: boolean;
  /** A file for the report; the chart goes beside it. */
  readonly markdown?: string | undefined;
}

export async function wanCommand({ only, json, markdown, ...options }: WanCommand): Promise<void> {
  const scenarios = scenariosNamed(only);
  if (scenarios === undefined) throw new UsageError(`--only: expected names of lines, got ${only}`);
  const results = await runWan({ ...options, scenarios });
  console.log(json ? JSON.stringify({ results }) : renderWan(results));
  if (markdown === undefined) return;
  const chart = `${markdown.replace(/\.md$/, '')}.svg`;
  writeFileSync(chart, chartWan(results));
  writeFileSync(markdown, `${markdownWan(results)}\n![The same as a chart](${basename(chart)})\n`);
}
