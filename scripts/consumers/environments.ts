// Programs that import the installed package: the ways to load a module, Node's versions, compilers, bundlers, testers.

import { join } from 'node:path'
import type { Case, World } from './world.js'

const USE = 'console.log(torch.ones(2).add(1).tolist().join(), typeof torch.nn.Linear, typeof Vocab)'
const PRINTED = '2,2 function function'
const ESM = `import torch from 'tstorch'\nimport { Vocab } from 'tstorch/d2l'\n${USE}\n`
const CJS = `const torch = require('tstorch')\nconst { Vocab } = require('tstorch/d2l')\n
if (torch.default.ones !== torch.ones) throw new Error('no default')\n${USE}\n`
const WORKER = `import { Worker, isMainThread } from 'node:worker_threads'
if (isMainThread) new Worker(new URL(import.meta.url)).on('exit', async (code) => {
  const { default: torch } = await import('tstorch'); const { Vocab } = await import('tstorch/d2l')
  if (code === 0) ${USE}
})
else { const { default: torch } = await import('tstorch'); if (torch.ones(2).sum().item() !== 2) process.exit(1) }
`
/** Says what it is by types, and by what they refuse. */
const TYPED = `import torch, { nn, optim, type Tensor } from 'tstorch'
import { Vocab } from 'tstorch/d2l'
import { line_chart_svg } from 'tstorch/plot'
class Net extends nn.Module {
  linear = new nn.Linear(10, 1)
  forward(x: Tensor): Tensor { return this.linear(x) }
}
const net = new Net()
const y: Tensor = net(torch.ones(2, 10))
new optim.Adam(net.parameters(), { lr: 0.01 }).step()
const n: number = y.sum().item()
// @ts-expect-error
const s: string = y.sum().item()
export const all = [n, s, Vocab, line_chart_svg]
`
const RESOLUTIONS = [
  ['esnext', 'bundler', 'typed.ts'],
  ['node16', 'node16', 'typed.mts'],
  ['nodenext', 'nodenext', 'typed.mts'],
  ['commonjs', 'node10', 'typed.ts'],
]

/** Type checks by a version of TypeScript, whole declarations included. */
async function typed(world: World, version: string): Promise<string> {
  const files = { 'typed.ts': TYPED, 'typed.mts': TYPED }
  const project = await world.project(files, [`typescript@${version}`, '@types/node@20'])
  const checked: string[] = []
  for (const [module, resolution, file] of RESOLUTIONS) {
    // It was taken out of TypeScript 7.
    if (resolution === 'node10' && version === 'latest') continue
    const flags = `--noEmit --strict --target es2022 --lib es2022,esnext.disposable --types node --skipLibCheck false`
    await world.expect(project, `npx tsc ${flags} --module ${module} --moduleResolution ${resolution} ${file}`)
    checked.push(resolution as string)
  }
  return checked.join(', ')
}

async function onNode(world: World, major: string): Promise<string> {
  const project = await world.project({ 'main.mjs': ESM, 'main.cjs': CJS, 'worker.mjs': WORKER })
  const name = `node-${process.platform}-${process.arch}`
  const folder = world.fresh('node')
  await world.expect(folder, `npm install --silent --no-save --prefix . ${name}@${major}`)
  const node = join(folder, 'node_modules', name, 'bin', 'node')
  for (const file of ['main.mjs', 'main.cjs', 'worker.mjs']) await world.expect(project, `"${node}" ${file}`, PRINTED)
  const { output } = await world.run(project, `"${node}" --version`)
  return `${output.trim()}: import, require, worker`
}

async function tsx(world: World): Promise<string> {
  // No "type": "module": a .ts file is CommonJS.
  const project = await world.project({ 'main.ts': ESM, 'main.mts': ESM }, ['tsx'])
  for (const file of ['main.ts', 'main.mts']) await world.expect(project, `npx tsx ${file}`, PRINTED)
  return '.ts without "type": "module", .mts'
}

async function esbuild(world: World): Promise<string> {
  const project = await world.project({ 'main.ts': ESM, 'bare.ts': "import torch from 'tstorch'\ntorch.ones(2)\n" }, [
    'esbuild',
  ])
  const bundle = 'npx esbuild --bundle --platform=node --log-level=error'
  for (const [format, end] of [
    ['esm', 'mjs'],
    ['cjs', 'cjs'],
  ]) {
    await world.expect(project, `${bundle} --format=${format} --external:tstorch main.ts --outfile=out/main.${end}`)
    await world.expect(project, `node out/main.${end}`, PRINTED)
    await world.expect(project, `${bundle} --format=${format} bare.ts --outfile=out/bare.${end}`)
    await world.expect(project, `node out/bare.${end}`, /tstorch was bundled.*--external:tstorch/, {}, 1)
  }
  return 'external: works; inside: the error names the cure (ESM, CommonJS)'
}

async function vitest(world: World): Promise<string> {
  const file = `import { expect, test } from 'vitest'\nimport torch, { nn } from 'tstorch'
test('it trains', () => {
  const linear = new nn.Linear(2, 1)
  linear(torch.ones(3, 2)).sum().backward()
  expect(linear.weight.grad!.tolist()).toEqual([[3, 3]])
})\n`
  const project = await world.project({ 'a.test.ts': file, 'b.test.ts': file }, ['vitest@4'])
  const pools = ['threads', 'forks', 'vmThreads', 'vmForks']
  for (const pool of pools) await world.expect(project, `npx vitest run --pool ${pool}`, /Tests +2 passed/)
  return pools.join(', ')
}

async function jest(world: World): Promise<string> {
  const file = `import { expect, test } from '@jest/globals'\nimport torch, { nn } from 'tstorch'
test('it trains', () => {
  const linear = new nn.Linear(2, 1)
  linear(torch.ones(3, 2)).sum().backward()
  expect(linear.weight.grad.tolist()).toEqual([[3, 3]])
})\n`
  const project = await world.project(
    {
      'a.test.mjs': file,
      'b.test.mjs': file,
      'jest.config.json': '{ "testMatch": ["**/*.test.mjs"], "transform": {} }',
    },
    ['jest'],
  )
  await world.expect(project, 'npx jest', /Tests: +2 passed/, { env: { NODE_OPTIONS: '--experimental-vm-modules' } })
  return 'ES modules in its vm'
}

export const environments: Case[] = [
  { name: 'Node.js 20', run: (world) => onNode(world, '20') },
  { name: 'Node.js 22', run: (world) => onNode(world, '22') },
  { name: 'Node.js 24', run: (world) => onNode(world, '24') },
  { name: 'Node.js 26', run: (world) => onNode(world, '26') },
  { name: 'tsx', run: tsx },
  ...['5.2', '5.4', '5.5', '5.6', '5.9', 'latest'].map((version) => ({
    name: `TypeScript ${version}`,
    run: (world: World) => typed(world, version),
  })),
  { name: 'esbuild', run: esbuild },
  { name: 'vitest', run: vitest },
  { name: 'jest', run: jest },
]
