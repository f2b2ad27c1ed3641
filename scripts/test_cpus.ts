// npm run test:cpus [-- TEST ...]: the test suite with the kernels of other processors, as far as this one has what they
// need. libtorch, MKL and oneDNN choose theirs when a process starts, by what its environment allows.

import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { packageRoot } from '../lib/core/package_root.js'
import { progress } from '../lib/utils/progress/index.js'

interface Mode {
  name: string
  environment: Record<string, string>
  /** What the processor must have, as /proc/cpuinfo writes it. */
  needs?: string
  threads?: number
}

const MODES: Mode[] = [
  { name: 'as it is', environment: {} },
  { name: 'default', environment: { ATEN_CPU_CAPABILITY: 'default', ONEDNN_MAX_CPU_ISA: 'SSE41' } },
  { name: 'avx2', needs: 'avx2', environment: { ATEN_CPU_CAPABILITY: 'avx2', ONEDNN_MAX_CPU_ISA: 'AVX2' } },
  { name: 'avx512', needs: 'avx512vl', environment: { ATEN_CPU_CAPABILITY: 'avx512' } },
  { name: 'MKL compatible', environment: { MKL_CBWR: 'COMPATIBLE' } },
  { name: 'MKL avx2', needs: 'avx2', environment: { MKL_CBWR: 'AVX2' } },
  { name: '2 threads', threads: 2, environment: { OMP_NUM_THREADS: '2' } },
]

interface Row {
  mode: string
  passed: number
  failed: number
  seconds: number
  failures: string[]
}

/** What vitest's JSON reporter writes, as far as it is read here. */
interface Report {
  numPassedTests: number
  numFailedTests: number
  testResults: { name: string; status: string; message: string; assertionResults: Assertion[] }[]
}
interface Assertion {
  status: string
  fullName: string
}

/** Runs vitest in a mode; tells each test that ended. */
function run(mode: Mode, tests: string[], out: string, onTest: () => void): Promise<Row> {
  const started = performance.now()
  const vitest = join(packageRoot, 'node_modules', 'vitest', 'vitest.mjs')
  const args = ['run', '--reporter=tap-flat', '--reporter=json', `--outputFile.json=${out}`, ...tests]
  const child = spawn(process.execPath, [vitest, ...args], {
    cwd: packageRoot,
    env: { ...process.env, OMP_NUM_THREADS: '1', ...mode.environment },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  child.stdout.on('data', (data: Buffer) => {
    for (const _ of String(data).matchAll(/^(not )?ok /gm)) onTest()
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      const seconds = (performance.now() - started) / 1000
      if (!existsSync(out)) {
        resolve({ mode: mode.name, passed: 0, failed: 1, seconds, failures: [`vitest ended with ${code}`] })
        return
      }
      const report = JSON.parse(readFileSync(out, 'utf8')) as Report
      const failures = report.testResults.flatMap(({ name, status, message, assertionResults }) => {
        const failed = assertionResults.filter((test) => test.status === 'failed').map((test) => test.fullName)
        // A file that could not be run has no tests.
        return failed.length === 0 && status === 'failed' ? [`${name}: ${message.split('\n')[0]}`] : failed
      })
      resolve({ mode: mode.name, passed: report.numPassedTests, failed: failures.length, seconds, failures })
    })
  })
}

const cpuinfo = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : ''
const missing = ({ needs, threads = 1 }: Mode) =>
  (needs !== undefined && !cpuinfo.includes(` ${needs} `)) || threads > availableParallelism()

async function testCpus(tests: string[], { mode: names }: { mode?: string[] }): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tstorch-cpus-'))
  const modes = MODES.filter(({ name }) => names === undefined || names.includes(name))
  const rows: (Row | Mode)[] = []
  for (const [i, mode] of modes.entries()) {
    if (missing(mode)) {
      rows.push(mode)
      continue
    }
    using bar = progress({ desc: `${mode.name} (${i + 1} of ${modes.length})`, unit: ' tests' })
    rows.push(await run(mode, tests, join(folder, `${i}.json`), () => bar.update()))
  }
  console.log('| mode | passed | failed | seconds |\n| --- | --- | --- | --- |')
  for (const row of rows) {
    if ('environment' in row) console.log(`| ${row.name} | this machine cannot | | |`)
    else console.log(`| ${row.mode} | ${row.passed} | ${row.failed} | ${row.seconds.toFixed(0)} |`)
  }
  for (const row of rows) {
    if ('environment' in row || row.failed === 0) continue
    console.log(`\n${row.mode}:`)
    for (const failure of row.failures) console.log(`  ${failure}`)
    process.exitCode = 1
  }
}

await new Command('npm run test:cpus --')
  .description('runs the tests with the kernels of other processors')
  .argument('[tests...]', 'files of tests, as vitest takes them; all where none is given', [])
  .option('--mode <names...>', `some of: ${MODES.map(({ name }) => name).join(', ')}`)
  .action(testCpus)
  .parseAsync()
