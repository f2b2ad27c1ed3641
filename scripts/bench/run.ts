// npm run bench -- [groups] [options]: training steps of tstorch beside those of PyTorch, JAX and libtorch's C++.
// Each side is a process that has warmed up; they take turns, since machines change their pace. What counts is the
// median of a side's rounds, and the ratio.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Command } from 'commander'
import { packageRoot } from '../../lib/core/package_root.js'
import { type Case, GPU_GROUPS, GROUPS } from './cases.js'
import { FILE_SIZE, fileFor } from './files.js'
import { type Measured, median, type Report, timeOf } from './report.js'
import { availableSides, gpuSides, type Programs, RunningSide, type Side } from './side.js'

const say = (text: string) => process.stderr.write(`${text}\n`)

async function measure(group: string, plain: Case, sides: Side[], rounds: number, report: Report): Promise<Measured> {
  const spec = plain.ending === undefined ? plain : { ...plain, file: await fileFor(plain.ending) }
  const measured: Measured = { group, name: spec.name, title: spec.title, rounds: {}, peak_mb: {}, failed: {} }
  const running: [string, RunningSide][] = []
  for (const side of sides) {
    const command = side.command(spec)
    if (command === null) continue
    const process = new RunningSide(command)
    try {
      report.sides[side.name] = await process.ready()
      running.push([side.name, process])
      measured.rounds[side.name] = []
    } catch (error) {
      measured.failed[side.name] = (error as Error).message
      process.end()
    }
  }
  for (let round = 0; round < rounds; round++) {
    for (const [name, process] of running) {
      const { us, peak_mb } = await process.run(spec.steps)
      measured.rounds[name]?.push(us)
      measured.peak_mb[name] = peak_mb
    }
  }
  for (const [, process] of running) process.end()
  return measured
}

/** The time of a process that only imports the library. */
function measureImports({ python }: Programs, sides: Side[], rounds: number): Measured {
  const library = pathToFileURL(join(packageRoot, 'dist/lib/index.js')).href
  const commands: Record<string, string[]> = {
    tstorch: [process.execPath, '--input-type=module', '-e', `await import(${JSON.stringify(library)})`],
  }
  if (sides.some(({ name }) => name === 'PyTorch')) commands.PyTorch = [python, '-c', 'import torch']
  const times: Record<string, number[]> = {}
  for (let round = -1; round < rounds; round++) {
    for (const [name, [program, ...args]] of Object.entries(commands)) {
      const started = performance.now()
      execFileSync(program as string, args)
      if (round >= 0) times[name] = [...(times[name] ?? []), (performance.now() - started) * 1000]
    }
  }
  const title = 'start of a process that imports the library'
  return { group: 'import', name: 'import', title, rounds: times, peak_mb: {}, failed: {} }
}

function show(measured: Measured): void {
  const ours = median(measured.rounds.tstorch ?? [Number.NaN])
  console.log(`\n${measured.title}`)
  for (const [name, times] of Object.entries(measured.rounds)) {
    const time = median(times)
    const ratio = name === 'tstorch' ? '' : `${(time / ours).toFixed(2)} x tstorch's`
    const peak = measured.peak_mb[name]
    // Of a file: what loading it the first time added, in units of the file.
    const inFiles = measured.group === 'files' ? ((peak ?? 0) * 2 ** 20) / FILE_SIZE : null
    const memory = peak === undefined ? '' : inFiles === null ? `${Math.round(peak)} MB` : `${inFiles.toFixed(2)} files`
    console.log(`  ${name.padEnd(14)}${timeOf(time).padStart(9)}${memory.padStart(11)}  ${ratio}`)
  }
  for (const [name, why] of Object.entries(measured.failed)) console.log(`  ${name.padEnd(14)}failed: ${why}`)
}

async function machine(device: string): Promise<Report['machine']> {
  const host = { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, memory_gb: Math.round(totalmem() / 2 ** 30) }
  if (device === 'cpu') return host
  const { get_device_name } = await import('../../lib/cuda/device.js')
  return { ...host, gpu: get_device_name() }
}

interface Options extends Programs {
  rounds: string
  device: string
  only?: string
  without: string[]
  out?: string
}

async function bench(groups: string[], options: Options) {
  const { device } = options
  if (device !== 'cpu' && device !== 'cuda') throw new Error(`--device must be cpu or cuda, not ${device}`)
  const { out = device === 'cpu' ? 'out/bench.json' : 'out/bench_gpu.json' } = options
  const all: Record<string, Case[]> = device === 'cpu' ? { ...GROUPS, import: [] } : GPU_GROUPS
  const chosen = groups.length === 0 ? ['loops'] : groups.includes('all') ? Object.keys(all) : groups
  for (const group of chosen) {
    if (group in all) continue
    throw new Error(`no such group: ${group}; there are ${[...Object.keys(all), 'all'].join(', ')}`)
  }
  const where = await machine(device)
  const rounds = Number(options.rounds)
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`--rounds must be a whole number from 1 on`)
  const available = device === 'cpu' ? availableSides(options) : gpuSides(options)
  const sides = available.filter(({ name }) => !options.without.includes(name))
  say(`sides: ${sides.map(({ name }) => name).join(', ')}`)
  if (device === 'cpu' && !sides.some(({ name }) => name === 'libtorch C++')) {
    say("libtorch's C++ side is built by: cmake --build build --target bench_libtorch")
  }
  if (!sides.some(({ name }) => name === 'PyTorch'))
    say('Name a Python that has torch with --python, one that has jax with --jax.')
  const report: Report = { date: new Date().toISOString().slice(0, 10), machine: where, sides: {}, cases: [] }
  for (const group of chosen) {
    for (const spec of all[group] ?? []) {
      if (options.only !== undefined && !spec.name.includes(options.only)) continue
      say(`${spec.name}: warming up, then ${rounds} rounds`)
      const measured = await measure(group, spec, sides, rounds, report)
      report.cases.push(measured)
      show(measured)
    }
    if (group === 'import') {
      report.cases.push(measureImports(options, sides, rounds))
      show(report.cases.at(-1) as Measured)
    }
  }
  mkdirSync(dirname(out), { recursive: true })
  writeFileSync(out, `${JSON.stringify(report, null, 1)}\n`)
  say(
    `\n${out} holds every round; npm run bench -- page${device === 'cpu' ? '' : ` --gpu ${out}`} makes docs/benchmarks.md of it`,
  )
}

const program = new Command('npm run bench --').description('training steps of tstorch beside those of others')
program
  .command('run', { isDefault: true })
  .argument('[groups...]', `${Object.keys(GROUPS).join(', ')}, import, or all`)
  .option('--rounds <n>', 'rounds of each side', '7')
  .option('--python <file>', 'a Python that has torch', 'python3')
  .option('--jax <file>', 'a Python that has jax', 'python3')
  .option('--only <text>', 'only cases whose name has this text')
  .option('--without <sides...>', 'leave these sides out, such as torch.compile, which takes minutes', [])
  .option('--device <name>', 'cpu, or cuda: the loops on a GPU, step by step and as CUDA graphs', 'cpu')
  .option('--out <file>', 'where the results go (default: out/bench.json, out/bench_gpu.json)')
  .action((groups, options) => bench(groups, options))
program
  .command('page')
  .argument('[results]', 'results of a run on a CPU (default: those of the page as it is)')
  .option('--gpu <results>', 'results of a run on a GPU (default: those of the page as it is)')
  .description('write docs/benchmarks.md and its charts')
  .action(async (results: string | undefined, { gpu }: { gpu?: string }) => {
    const { GPU_RESULTS, RESULTS, writePage } = await import('./page.js')
    const read = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as Report
    const onGpu = gpu ?? (existsSync(GPU_RESULTS) ? GPU_RESULTS : undefined)
    await writePage(read(results ?? RESULTS), onGpu === undefined ? null : read(onGpu))
  })
try {
  await program.parseAsync()
} catch (error) {
  console.error(`error: ${(error as Error).message}`)
  process.exitCode = 1
}
