// TorchScript's files are zip archives. What libtorch's reader believes of one is looked at first: where its records are
// and how long (core/zip.ts), what its pickles build (pickle.ts), and how deep its code is nested (code.ts).

import { type Bytes, contentOf, damaged, type Entry, readArchive, rootOf } from '../core/zip.js'
import { checkCode } from './code.js'
import { checkPickle } from './pickle.js'

/**
 * Looks at all that libtorch's reader takes as it is.
 * @throws where the archive is not what torch.jit.save writes, however it came to be so.
 */
export function checkArchive(bytes: Bytes): void {
  const byName = readArchive(bytes)
  const root = rootOf(byName)
  const record = (name: string): Entry | undefined => byName.get(root + name)
  if (record('model.json') !== undefined) {
    throw new Error('it was written by a PyTorch before 1.4: load it in a PyTorch before 2.0, and save it there')
  }
  if (record('data.pkl') === undefined || record('constants.pkl') === undefined) throw damaged(missing(byName, root))
  for (const [name, entry] of byName) {
    // Others, such as those of traced inputs, are not read.
    if (name === `${root}data.pkl` || name === `${root}constants.pkl` || name.endsWith('.debug_pkl')) {
      const folder = name.slice(0, name.lastIndexOf('.'))
      checkPickle(contentOf(bytes, entry), entry.name, (key) => byName.get(`${folder}/${key.toLowerCase()}`)?.size)
    } else if (name.endsWith('.py')) {
      checkCode(Buffer.from(contentOf(bytes, entry)).toString('latin1'), entry.name)
    }
  }
}

/** Which of its records are those of other files that end in .pt or .pt2. */
function missing(byName: Map<string, Entry>, root: string): string {
  const names = [...byName.keys()].map((name) => name.slice(root.length))
  if (names.some((name) => name.startsWith('data/aotinductor/'))) {
    return 'it is a package of AOTInductor, which torch._inductor.aoti_load_package loads'
  }
  if (names.some((name) => name.startsWith('models/') || name === 'serialized_exported_program.json')) {
    return 'it is a program of torch.export.save: see torch.export.load'
  }
  if (names.includes('data.pkl')) return 'it is a file of torch.save, which torch.load loads'
  return 'it has no data.pkl'
}
