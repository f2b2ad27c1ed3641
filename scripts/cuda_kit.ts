// npm run cuda_kit: packs all that is needed to build the addon and run the GPU's tests and benchmarks on a machine that
// has a GPU, CUDA's toolkit, CMake and a Python with torch, but no Node.js and no network.

import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { Command } from 'commander'
import { packageRoot } from '../lib/core/package_root.js'

const KIT = 'cuda_kit'

/** What the compiled programs and the build need of other packages. */
const PACKAGES = ['node-addon-api', 'node-api-headers', 'commander']
const SOURCES = ['CMakeLists.txt', 'package.json', 'native', 'scripts/bench/sides', 'test/fixtures', 'dist']

const RUN = `#!/bin/sh
# Builds tstorch against the torch of a Python, tests it on the GPU and measures it.
# OUT: where the results go. PYTHON: the Python. TESTS=0, BENCH=0: leave these out. BENCH_ARGS: as of npm run bench, such
# as "--without torch.compile", which takes minutes.
set -u
out=\${OUT:-out}
case "$out" in /*) ;; *) out=$PWD/$out ;; esac
cd "$(dirname "$0")" || exit 1
python=\${PYTHON:-python3}
mkdir -p bin "$out"
[ -x bin/node ] || "$python" -c "import lzma, shutil; shutil.copyfileobj(lzma.open('node.xz'), open('bin/node', 'wb'))" || exit 1
chmod +x bin/node
PATH="$PWD/bin:$PATH"
: "\${LIBTORCH:=$("$python" -c "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])")}"
export PATH LIBTORCH
[ -f text.txt ] && export TSTORCH_TEXT="$PWD/text.txt"
generator=$(command -v ninja > /dev/null && echo Ninja || echo 'Unix Makefiles')
echo "building with $LIBTORCH"
cmake -S . -B build -G "$generator" -DCMAKE_BUILD_TYPE=Release -DLIBTORCH="$LIBTORCH" > "$out/build.log" 2>&1 &&
  cmake --build build -j "$(nproc)" >> "$out/build.log" 2>&1 || { tail -30 "$out/build.log"; exit 1; }
node dist/scripts/cli.js doctor
status=0
if [ "\${TESTS:-1}" != 0 ]; then
  node --test --test-concurrency=1 --test-reporter=spec dist/test/cuda/*.cuda.js > "$out/tests.txt" 2>&1 || status=1
  tail -60 "$out/tests.txt"
fi
if [ "\${BENCH:-1}" != 0 ]; then
  node dist/scripts/bench/run.js --device cuda --python "$python" --rounds 5 --out "$out/bench_gpu.json" \${BENCH_ARGS:-} || status=1
fi
exit $status
`

function compressed(file: string, target: string): void {
  const { size } = statSync(file)
  process.stderr.write(`compressing ${file} (${Math.round(size / 1e6)} MB)\n`)
  const code =
    'import lzma, shutil, sys; shutil.copyfileobj(open(sys.argv[1], "rb"), lzma.open(sys.argv[2], "wb", preset=6))'
  execFileSync('python3', ['-c', code, file, target], { stdio: ['ignore', 'inherit', 'inherit'] })
}

async function pack({ out, node, text }: { out: string; node: string; text?: string }): Promise<void> {
  const folder = join(out, KIT)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const wanted = (source: string) => !/\.(map|d\.ts|tsbuildinfo)$/.test(source)
  for (const source of [...SOURCES, ...PACKAGES.map((name) => `node_modules/${name}`)]) {
    const from = join(packageRoot, source)
    if (!existsSync(from)) throw new Error(`${relative('.', from)} is missing: npm install, and npx tsc, make it`)
    cpSync(from, join(folder, source), { recursive: true, filter: wanted })
  }
  compressed(node, join(folder, 'node.xz'))
  if (text !== undefined) writeFileSync(join(folder, 'text.txt'), readFileSync(text))
  writeFileSync(join(folder, 'run.sh'), RUN)
  chmodSync(join(folder, 'run.sh'), 0o755)
  const archive = join(out, `${KIT}.tar`)
  execFileSync('tar', ['-cf', archive, '-C', out, KIT])
  rmSync(folder, { recursive: true })
  console.log(`${archive}: ${(statSync(archive).size / 2 ** 20).toFixed(1)} MiB`)
  console.log(`On the machine with the GPU: tar xf ${KIT}.tar && OUT=results ${KIT}/run.sh`)
}

await new Command('npm run cuda_kit --')
  .description('packs tests and benchmarks for a machine with a GPU that has neither Node.js nor a network')
  .option('--out <folder>', 'where the archive goes', 'out')
  .option('--node <file>', 'the Node.js binary to take along, for Linux', process.execPath)
  .option('--text <file>', 'the text that the recipe learns')
  .action(pack)
  .parseAsync()
