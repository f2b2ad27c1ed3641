// The library in another realm than the one that loads its addon, as test runners do it:
// node --experimental-vm-modules dist/test/realm.js prints what came of it as JSON.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import vm from 'node:vm'

const require = createRequire(import.meta.url)
const context = vm.createContext({
  process,
  console,
  performance,
  crypto,
  Buffer,
  queueMicrotask,
  setTimeout,
  structuredClone,
})
const known = new Map<string, vm.Module>()

/** A module of Node's, whose objects belong to this realm. */
function builtin(specifier: string): vm.Module {
  const exports = require(specifier) as Record<string, unknown>
  const names = [...new Set([...Object.keys(exports), 'default'])]
  return new vm.SyntheticModule(
    names,
    function () {
      for (const name of names) this.setExport(name, name === 'default' ? exports : exports[name])
    },
    { context, identifier: specifier },
  )
}

function load(url: string): vm.Module {
  let module = known.get(url)
  if (module === undefined) {
    module = url.startsWith('node:')
      ? builtin(url)
      : new vm.SourceTextModule(readFileSync(fileURLToPath(url), 'utf8'), {
          context,
          identifier: url,
          initializeImportMeta(meta) {
            meta.url = url
          },
        })
    known.set(url, module)
  }
  return module
}

const index = load(pathToFileURL(fileURLToPath(new URL('../lib/index.js', import.meta.url))).href)
await index.link((specifier, { identifier }) =>
  load(specifier.startsWith('node:') ? specifier : new URL(specifier, identifier).href),
)
await index.evaluate()

const program = `(torch) => {
  const errorOf = (call) => {
    try {
      call()
      return null
    } catch (error) {
      return [error instanceof Error, error.constructor === globalThis[error.constructor.name], error.name]
    }
  }
  const x = torch.ones(2, { requires_grad: true })
  const mine = new RangeError('mine')
  const thrown = (() => {
    try {
      const y = x.mul(2)
      y.register_hook(() => { throw mine })
      y.sum().backward()
    } catch (error) {
      return error === mine
    }
  })()
  return JSON.stringify({
    errors: {
      plain: errorOf(() => torch.ones(2, 3).mm(torch.ones(2, 3))),
      type: errorOf(() => torch.zeros('a')),
      range: errorOf(() => torch.ones(2).sum(7)),
      disposed: errorOf(() => { const t = torch.ones(1); t.dispose(); t.add(1) }),
      backward: errorOf(() => torch.ones(2).backward()),
    },
    thrown,
    shape: torch.ones(2, 3).shape instanceof Array,
    list: torch.ones(2).tolist() instanceof Array,
    array: torch.ones(2).to_typed_array() instanceof Float32Array,
    copy: torch.ones(2).to_typed_array({ copy: true }) instanceof Float32Array,
    sum: torch.tensor(new Float32Array([1, 2])).sum().item(),
    keywords: torch.zeros([2], { dtype: torch.float64 }).dtype.toString(),
  })
}`
console.log(vm.runInContext(program, context)((index.namespace as { default: unknown }).default))
