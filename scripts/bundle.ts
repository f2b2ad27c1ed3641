// Makes the compiled library ready to be packed: `npm pack` and `npm publish` run it. Node opens, checks and compiles
// each of some 260 modules by itself, which takes nearly as long as loading libtorch; in one file they take a fifth of it.
// Afterwards all is compiled anew: tsc by itself would leave out what it knows to be done, as it does between here and there.

import { readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { rolldown } from 'rolldown'
import { packageRoot } from '../lib/core/package_root.js'

const compiled = join(packageRoot, 'dist')
const library = join(compiled, 'lib', 'index.js')
/** What else is started or imported by itself; it imports the library by the package's name, or few modules of lib/core. */
const others = ['lib/d2l/index.js', 'lib/plot/line_chart.js', 'scripts/cli.js'].map((file) => join(compiled, file))

/** The bundle of what `input` imports out of this package. */
const bundleOf = (input: string) =>
  rolldown({
    input,
    platform: 'node',
    external: (name, importer) => importer !== undefined && !/^[./]/.test(name),
    // A module whose import does something is kept as it is.
    treeshake: false,
  })

const modulesOf = async (input: string): Promise<string[]> => {
  const bundle = await bundleOf(input)
  const { output } = await bundle.generate({ format: 'esm', codeSplitting: false })
  return output.flatMap((part) => (part.type === 'chunk' ? part.moduleIds : []))
}

const needed = new Set([library, ...(await Promise.all(others.map(modulesOf))).flat()])
const bundle = await bundleOf(library)
// The names of classes and functions are printed, and belong to what a state_dict or an error says.
await bundle.write({ file: library, format: 'esm', keepNames: true, codeSplitting: false })
for (const name of readdirSync(dirname(library), { recursive: true, encoding: 'utf8' })) {
  const file = join(dirname(library), name)
  if (file.endsWith('.js') && !needed.has(file)) rmSync(file)
}
