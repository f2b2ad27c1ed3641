import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { packageRoot } from '../lib/core/package_root.js'
import torch, { nn } from '../lib/index.js'

const { profile, record_function } = torch.profiler

test('a profile has every operator, backward and named stretches included, and what the function returned', () => {
  const layer = new nn.Linear(3, 4)
  const x = torch.randn(5, 3)
  const prof = profile(() => {
    record_function('forward', () => layer(x).sin().sum()).backward()
    return 7
  })
  expect(prof.result).toBe(7)
  const averages = new Map(prof.key_averages().map((average) => [average.key, average]))
  for (const name of ['forward', 'aten::sin', 'SinBackward0', 'LinearBackward']) {
    expect(averages.get(name)?.count, name).toBe(1)
  }
  const forward = averages.get('forward') as torch.profiler.FunctionEventAverage
  const inside = averages.get('aten::sin')?.cpu_time_total as number
  expect(forward.cpu_time_total).toBeGreaterThan(inside)
  expect(forward.self_cpu_time_total).toBeLessThan(forward.cpu_time_total)
})

test('the self times of all events are the time of the outermost ones', () => {
  const prof = profile(() => record_function('all', () => torch.randn(50, 50).mm(torch.randn(50, 50)).sum().item()))
  const all = prof.events().find(({ name }) => name === 'all')
  const sum = prof.events().reduce((total, { self }) => total + self, 0)
  expect(sum).toBeCloseTo(all?.duration as number, 3)
})

test('the table has Python’s columns and order', () => {
  const prof = profile(() => {
    for (let i = 0; i < 3; i++) torch.ones(2).add(1)
  })
  const lines = prof.key_averages().table({ sort_by: 'count', row_limit: 1 }).split('\n')
  expect(lines[1]?.trim().split(/ {2,}/)).toEqual([
    'Name',
    'Self CPU %',
    'Self CPU',
    'CPU total %',
    'CPU total',
    'CPU time avg',
    '# of Calls',
  ])
  expect(lines[3]).toMatch(/^ *aten::\w+( +[\d.]+%? *(us|ms)?){5} +3$/)
  expect(lines).toHaveLength(7)
  expect(lines[5]).toMatch(/^Self CPU time total: [\d.]+(us|ms)$/)
  expect(() => prof.key_averages().table({ sort_by: 'name' as never })).toThrow(/sort_by must be one of/)
})

test('the Chrome trace holds each call with its shapes', () => {
  const prof = profile(() => torch.ones(2, 3).mm(torch.ones(3, 4)), { record_shapes: true })
  const path = join(mkdtempSync(join(tmpdir(), 'tstorch-')), 'trace.json')
  prof.export_chrome_trace(path)
  const { traceEvents } = JSON.parse(readFileSync(path, 'utf8')) as { traceEvents: Record<string, unknown>[] }
  const mm = traceEvents.find(({ name }) => name === 'aten::mm')
  expect(mm).toMatchObject({
    ph: 'X',
    args: {
      'Input Dims': [
        [2, 3],
        [3, 4],
      ],
    },
  })
  expect(mm?.dur).toBeGreaterThan(0)
})

test('a profile ends with an error’s stretch, and none may be inside another or async', () => {
  expect(() => profile(() => record_function('x', () => torch.zeros(2).add(torch.zeros(3))))).toThrow(/size of tensor/)
  expect(() => profile(() => profile(() => {}))).toThrow(/a profiler runs already/)
  expect(() => profile(async () => {})).toThrow(/must not be async/)
  expect(
    profile(() => torch.ones(1).sin())
      .key_averages()
      .map(({ key }) => key),
  ).toContain('aten::sin')
})

test('a program that ends within a profile ends as it wants to', () => {
  const program = "import torch from 'tstorch'; torch.profiler.profile(() => { torch.ones(2).sin(); process.exit(3) })"
  const run = spawnSync(process.execPath, ['--no-warnings', '--input-type=module', '-e', program], { cwd: packageRoot })
  expect([run.status, run.signal]).toEqual([3, null])
})
