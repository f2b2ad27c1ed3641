// Set-ups that go wrong, with the whole libtorch and a native part that builds in seconds.

import { existsSync, readdirSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Case, World } from './world.js'

const LIBTORCH = 'libtorch-2.13.0-cpu'
const SETUP = 'npx tstorch setup'
const READY = /ready: the addon loads/
/** What ends a set-up by a signal must be the set-up itself. */
const DIRECT = 'exec node node_modules/tstorch/dist/scripts/cli.js setup'

function expectClean(cache: string): void {
  const left = readdirSync(cache).filter((name) => name !== LIBTORCH)
  if (left.length > 0) throw new Error(`left in the cache: ${left.join(', ')}`)
}

async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 20) {
    if (waited > 120_000) throw new Error('it did not come so far in two minutes')
    await sleep(20)
  }
}

async function noPip(world: World): Promise<string> {
  const project = await world.installSmall()
  const env = { TSTORCH_CACHE: world.fresh('cache'), TSTORCH_WHEEL_INDEX: 'http://127.0.0.1:9/whl' }
  const message = /tstorch: libtorch could not be downloaded: there is no pip .* set LIBTORCH to its folder\n$/
  const { output } = await world.expect(project, SETUP, message, { env }, 1)
  if (/\n {4}at /.test(output)) throw new Error(`a stack is shown: ${output}`)
  await world.expect(project, SETUP, READY, { env: { TSTORCH_CACHE: env.TSTORCH_CACHE } })
  return 'no Python, no network: one line; no Python: set up'
}

async function cutDownload(world: World): Promise<string> {
  const project = await world.installSmall()
  const cache = world.fresh('cache')
  Object.assign(world.server, { cutAfter: 60e6, cuts: 2 })
  await world.expect(project, SETUP, READY, { env: { TSTORCH_CACHE: cache } })
  const { requests } = world.server
  world.server.reset()
  expectClean(cache)
  if (requests.join() !== ',bytes=60000000-,bytes=120000000-') throw new Error(`asked for ${requests.join(', ')}`)
  world.server.cutAfter = 0
  const message = /could not be downloaded.*failed.*Check the network/
  await world.expect(project, SETUP, message, { env: { TSTORCH_CACHE: world.fresh('cache') } }, 1)
  return 'cut twice: goes on; cut each time: one line'
}

async function stalledServer(world: World): Promise<string> {
  const project = await world.installSmall()
  const cache = world.fresh('cache')
  world.server.stallAfter = 1e6
  const env = { TSTORCH_CACHE: cache, TSTORCH_TIMEOUT: '2' }
  world.server.ranges = false
  const { seconds } = await world.expect(project, SETUP, /no data for 2 seconds/, { env }, 1)
  expectClean(cache)
  return `given up after ${seconds.toFixed(0)} s, with a limit of 2`
}

async function twoAtOnce(world: World): Promise<string> {
  const project = await world.installSmall()
  const cache = world.fresh('cache')
  const options = { env: { TSTORCH_CACHE: cache } }
  const both = await Promise.all([
    world.expect(project, SETUP, READY, options),
    world.expect(project, SETUP, READY, options),
  ])
  expectClean(cache)
  if (world.server.requests.length !== 1) throw new Error(`${world.server.requests.length} downloads`)
  const builds = both.filter(({ output }) => output.includes('building the addon with')).length
  if (builds !== 1) throw new Error(`${builds} builds`)
  return 'one download, one build, both ready'
}

async function truncated(world: World): Promise<string> {
  const project = await world.installSmall()
  const cache = world.fresh('cache')
  const options = { env: { TSTORCH_CACHE: cache } }
  await world.expect(project, SETUP, READY, options)
  const addon = join(project, 'node_modules/tstorch/build/Release/tstorch.node')
  for (const [file, size, name] of [
    [addon, 4000, 'addon'],
    [join(cache, LIBTORCH, 'lib', 'libtorch_cpu.so'), 100e6, 'libtorch'],
  ] as const) {
    const whole = statSync(file).size
    truncateSync(file, size)
    await world.expect(project, 'npx tstorch doctor', new RegExp(`WRONG ${name} .*is cut off`), options, 1)
    await world.expect(project, SETUP, READY, options)
    if (statSync(file).size !== whole) throw new Error(`${file} was not made again`)
    await world.expect(project, 'npx tstorch doctor', undefined, options)
  }
  return 'addon and libtorch: the doctor says so, a set-up heals'
}

/** Ends a set-up by a signal at some point, and looks at what is left. */
async function signalled(world: World, signal: NodeJS.Signals): Promise<string> {
  const project = await world.installSmall()
  const cache = world.fresh('cache')
  const options = { env: { TSTORCH_CACHE: cache } }
  const build = join(project, 'node_modules/tstorch/build')
  const moments: [string, () => boolean][] = [
    ['download', () => world.server.requests.length > 0],
    ['unpacking', () => readdirSync(cache).some((name) => existsSync(join(cache, name, 'torch', 'lib')))],
    ['build', () => existsSync(join(build, 'build.lock'))],
  ]
  for (const [moment, reached] of moments) {
    world.server.reset()
    if (moment === 'download') world.server.stallAfter = 1e6
    const child = world.begin(project, DIRECT, options)
    const end = world.ended(child)
    await until(reached)
    child.kill(signal)
    const ended = await end
    if (ended.signal !== signal) throw new Error(`${moment}: ended by ${ended.signal ?? ended.code}\n${ended.output}`)
    expectClean(cache)
    if (existsSync(join(build, 'build.lock'))) throw new Error(`${moment}: the lock is left`)
    const processes = (await world.run(project, 'ps -eo args')).output
    if (processes.includes(`${project}/node_modules/tstorch/build`)) throw new Error(`${moment}: programs go on`)
  }
  world.server.reset()
  await world.expect(project, SETUP, READY, options)
  return 'during download, unpacking, build: nothing is left, and the next one is ready'
}

export const failures: Case[] = [
  { name: 'no pip', run: noPip },
  { name: 'connection cut', run: cutDownload },
  { name: 'server stalls', run: stalledServer },
  { name: 'two at once', run: twoAtOnce },
  { name: 'truncated files', run: truncated },
  { name: 'SIGINT', run: (world) => signalled(world, 'SIGINT') },
  { name: 'SIGTERM', run: (world) => signalled(world, 'SIGTERM') },
]
