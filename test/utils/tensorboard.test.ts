// torch.utils.tensorboard: event files equal to those that Python's SummaryWriter wrote, call by call. That TensorBoard
// reads them, `npm run tensorboard -- --python FILE` shows.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { decode as decodePng, encode as encodePng } from 'fast-png'
import { afterAll, describe, expect, test } from 'vitest'
import torch, { nn } from '../../lib/index.js'
import { recordOf } from '../../lib/utils/tensorboard/file_writer.js'
import { decode } from '../../lib/utils/tensorboard/messages.js'
import { filled, fixture as fixtureNamed } from '../helpers.js'

const { SummaryWriter } = torch.utils.tensorboard
type Writer = InstanceType<typeof SummaryWriter>

type Call = Record<string, Record<string, unknown>>
const fixture = fixtureNamed<{
  calls: Call[]
  framed: string
  records: Record<string, string[]>
  files: Record<string, string>
}>('tensorboard.json')

const folders: string[] = []
function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tstorch-board-'))
  folders.push(folder)
  return folder
}
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

function made(value: unknown): unknown {
  const spec = value as { $tensor?: never; dtype: 'float32' }
  return spec?.$tensor === undefined ? value : torch.tensor(spec.$tensor, { dtype: torch[spec.dtype] })
}

const call = (writer: object, calls: Call) => {
  for (const [name, options] of Object.entries(calls)) {
    const given = Object.fromEntries(Object.entries(options).map(([key, value]) => [key, made(value)]))
    ;(writer as Record<string, (options: object) => void>)[name]?.(given)
  }
}

/** The data of a file's records. */
function recordsOf(file: Buffer): Buffer[] {
  const found: Buffer[] = []
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at))
    found.push(file.subarray(at + 12, at + 12 + length))
    at += 12 + length + 4
  }
  return found
}

const filesOf = (folder: string) =>
  (
    readdirSync(folder, { recursive: true, withFileTypes: true }) as {
      isFile(): boolean
      parentPath: string
      name: string
    }[]
  )
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))

interface Event {
  wall_time?: number
  step?: string
  summary?: {
    value: {
      tag: string
      image?: { encoded_image_string: unknown }
      metadata?: { plugin_data: { plugin_name: string; content: unknown } }
      histo?: { sum?: number; sum_squares?: number }
    }[]
  }
}

/** The walltime of the fixture's calls; some of Python's methods take none, and have the clock's. */
const TIME = 1700000000.25

/** An event's fields without a clock's time: of a picture, its pixels; of hyperparameters, the message inside. */
function fieldsOf(record: Buffer): Event {
  const event = decode('Event', record) as Event
  if (event.wall_time !== TIME) {
    expect(event.wall_time).toBeGreaterThan(TIME)
    delete event.wall_time
  }
  for (const { image, metadata, histo } of event.summary?.value ?? []) {
    if (image !== undefined) {
      const { data, width, height, channels } = decodePng(image.encoded_image_string as Uint8Array)
      image.encoded_image_string = { data: [...data], width, height, channels }
    }
    if (metadata?.plugin_data.plugin_name === 'hparams') {
      metadata.plugin_data.content = decode('HParamsPluginData', metadata.plugin_data.content as Uint8Array)
    }
    if (histo !== undefined) {
      // Sums in another order have other last digits.
      for (const key of ['sum', 'sum_squares'] as const)
        if (key in histo) histo[key] = Number(histo[key]?.toPrecision(13))
    }
  }
  return event
}

describe('what Python’s SummaryWriter writes', () => {
  const folder = temporary()
  {
    using writer = new SummaryWriter(folder, { purge_step: 3, max_queue: 1 })
    for (const each of fixture.calls) call(writer, each)
  }
  const files = filesOf(folder)
  const isEvents = (file: string) => basename(file).startsWith('events.out.tfevents.')
  const written = new Map(
    files.filter(isEvents).map((file) => [relative(folder, dirname(file)) || '.', recordsOf(readFileSync(file))]),
  )

  test('is in as many files', () => {
    expect([...written.keys()].sort()).toEqual(Object.keys(filled(fixture.records)).sort())
  })

  test.each(Object.entries(fixture.records))('holds the same records in %s', (place, records) => {
    const ours = written.get(place) as Buffer[]
    expect(ours.map(fieldsOf)).toEqual(records.map((record) => fieldsOf(Buffer.from(record, 'base64'))))
  })

  test('is the same to the last byte where no clock, no compression and no sum has a say', () => {
    let equal = 0
    for (const [place, records] of Object.entries(fixture.records)) {
      records.forEach((text, i) => {
        const [expected, actual] = [Buffer.from(text, 'base64'), written.get(place)?.[i] as Buffer]
        const { wall_time, summary } = decode('Event', expected) as Event
        if (
          wall_time !== TIME ||
          summary?.value.some(({ image, tag }) => image !== undefined || tag.startsWith('waves'))
        )
          return
        expect(actual.toString('hex')).toBe(expected.toString('hex'))
        equal++
      })
    }
    expect(equal).toBeGreaterThanOrEqual(50)
  })

  test('has the same frames: lengths and checksums', () => {
    const whole = Buffer.from(fixture.framed, 'base64')
    expect(Buffer.concat(recordsOf(whole).map(recordOf)).equals(whole)).toBe(true)
  })

  test('holds the same files of the projector', () => {
    const others = files.filter((file) => !isEvents(file)).map((file) => relative(folder, file))
    expect(others.sort()).toEqual(Object.keys(filled(fixture.files)).sort())
    for (const [name, text] of Object.entries(fixture.files)) {
      const [actual, expected] = [readFileSync(join(folder, name)), Buffer.from(text, 'base64')]
      if (name.endsWith('.png')) expect(decodePng(actual)).toEqual(decodePng(expected))
      else expect(actual.toString()).toBe(expected.toString())
    }
  })
})

/** The events of the only file of a folder, after the first. */
const eventsOf = (folder: string): Event[] =>
  filesOf(folder).flatMap((file) =>
    recordsOf(readFileSync(file))
      .slice(1)
      .map((record) => decode('Event', record) as Event),
  )
const tagsOf = (folder: string): string[] =>
  eventsOf(folder).flatMap(({ summary }) => summary?.value.map(({ tag }) => tag) ?? [])

describe('a writer', () => {
  test('names files as TensorBoard does, each with a number of its own', () => {
    const folder = temporary()
    const before = Math.floor(Date.now() / 1000)
    for (let i = 0; i < 3; i++) new SummaryWriter(folder, { filename_suffix: '.end' }).close()
    const names = filesOf(folder).map((file) => basename(file).split('.'))
    for (const [events, out, tfevents, time, ...rest] of names) {
      expect([events, out, tfevents]).toEqual(['events', 'out', 'tfevents'])
      expect(Number(time)).toBeGreaterThanOrEqual(before)
      expect(rest.join('.')).toMatch(new RegExp(`^${hostname()}\\.${process.pid}\\.\\d+\\.end$`))
    }
    expect(new Set(names.map((name) => name.at(-2))).size).toBe(3)
  })

  test('writes when the queue is full, at flush and at close, and then into a new file', () => {
    const folder = temporary()
    const writer = new SummaryWriter(folder, { max_queue: 3 })
    writer.add_scalar('a', 1)
    writer.add_scalar('b', 1)
    expect(tagsOf(folder)).toEqual([])
    writer.add_scalar('c', 1)
    expect(tagsOf(folder)).toEqual(['a', 'b', 'c'])
    writer.add_scalar('d', 1)
    writer.flush()
    expect(tagsOf(folder)).toEqual(['a', 'b', 'c', 'd'])
    writer.add_scalar('e', 1)
    writer.close()
    writer.close()
    expect(tagsOf(folder)).toEqual(['a', 'b', 'c', 'd', 'e'])
    writer.add_scalar('f', 1)
    writer.close()
    expect(filesOf(folder).length).toBe(2)
    expect(tagsOf(folder).sort()).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
  })

  test('writes after flush_secs', async () => {
    const folder = temporary()
    using writer = new SummaryWriter(folder, { flush_secs: 0.01 })
    writer.add_scalar('late', 1)
    expect(tagsOf(folder)).toEqual([])
    while (tagsOf(folder).length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    expect(tagsOf(folder)).toEqual(['late'])
  })

  test('knows the time, and the steps up to 2^63', () => {
    const folder = temporary()
    const before = Date.now() / 1000
    const steps = [0, 5, -1, 2 ** 53 - 1, 2n ** 53n + 1n, 2n ** 63n - 1n, -(2n ** 63n)]
    {
      using writer = new SummaryWriter(folder)
      for (const step of steps) writer.add_scalar('x', 0.5, step)
    }
    const events = eventsOf(folder)
    expect(events.map(({ step }) => step ?? '0')).toEqual(steps.map(String))
    for (const { wall_time } of events) {
      expect(wall_time).toBeGreaterThanOrEqual(before)
      expect(wall_time).toBeLessThanOrEqual(Date.now() / 1000)
    }
  })

  test('writes a figure’s PNG as it is, and several as one picture', () => {
    const folder = temporary()
    const pixels = (value: number) => new Uint8Array(4 * 3 * 3).fill(value)
    const png = (value: number) => encodePng({ width: 4, height: 3, channels: 3, depth: 8, data: pixels(value) })
    {
      using writer = new SummaryWriter(folder)
      writer.add_figure('one', png(7), 3)
      writer.add_figure('two', [png(1), png(2)])
      expect(() => writer.add_figure('none', new Uint8Array(100))).toThrow('a figure is the bytes of a PNG file')
    }
    const [one, two] = eventsOf(folder).map(({ summary }) => summary?.value[0]?.image)
    expect(one).toMatchObject({ width: 4, height: 3, colorspace: 3 })
    expect(Buffer.from(one?.encoded_image_string as Uint8Array).equals(png(7))).toBe(true)
    const { data, width, height } = decodePng(two?.encoded_image_string as Uint8Array)
    expect([width, height, data[0], data.at(-1)]).toEqual([8, 3, 1, 2])
  })

  test.each([
    ['a tensor of two elements', (w: Writer) => w.add_scalar('x', torch.ones(2)), 'Tensor should contain one element'],
    ['no number', (w: Writer) => w.add_scalar('x', 'text' as never), 'a scalar is a number or a tensor of one element'],
    ['no values', (w: Writer) => w.add_histogram('x', torch.ones(0)), 'The input has no element.'],
    [
      'an unknown rule',
      (w: Writer) => w.add_histogram('x', torch.ones(2), { bins: 'best' }),
      "'best' is not a valid estimator for `bins`",
    ],
    [
      'values without an end',
      (w: Writer) => w.add_histogram('x', [1, Infinity], { bins: 'auto' }),
      'autodetected range of [1, Infinity] is not finite',
    ],
    [
      'edges out of order',
      (w: Writer) => w.add_histogram('x', [1], { bins: [1, 0] }),
      '`bins` must increase monotonically',
    ],
    ['values beside all edges', (w: Writer) => w.add_histogram('x', [5], { bins: [0, 1] }), 'no value lies in any bin'],
    [
      'two dimensions of one name',
      (w: Writer) => w.add_image('x', torch.ones(3, 2, 2), { dataformats: 'HHW' }),
      'the same dimension shorthand twice',
    ],
    [
      'dimensions that are not there',
      (w: Writer) => w.add_image('x', torch.ones(3, 2), { dataformats: 'CHW' }),
      'size of input tensor and input format are different',
    ],
    [
      'a letter that means nothing',
      (w: Writer) => w.add_image('x', torch.ones(3, 2, 2), { dataformats: 'XHW' }),
      "dataformats 'XHW' has no C",
    ],
    ['two channels', (w: Writer) => w.add_image('x', torch.ones(2, 3, 3)), 'an image has 1, 3 or 4 channels, not 2'],
    [
      'labels of another number',
      (w: Writer) => w.add_embedding(torch.ones(2, 2), ['one']),
      '#labels should equal with #data points',
    ],
    [
      'a list of other words',
      (w: Writer) => w.add_hparams({ a: 1 }, {}, { hparam_domain_discrete: { a: ['x'] } }),
      'hparam_domain_discrete[a] should be a list of same type',
    ],
    ['two tags of a margin', (w: Writer) => w.add_custom_scalars_marginchart(['a', 'b']), 'Expected 3 tags, got 2.'],
    ['a video', (w: Writer) => w.add_video('x', torch.ones(1, 1, 3, 2, 2)), 'add_video() is not supported'],
    ['a graph', (w: Writer) => w.add_graph(new nn.Linear(1, 1)), 'add_graph() is not supported'],
  ])('refuses %s, and writes nothing of it', (_, refused, message) => {
    const folder = temporary()
    {
      using writer = new SummaryWriter(folder)
      expect(() => refused(writer)).toThrow(message)
    }
    expect(eventsOf(folder)).toEqual([])
  })

  test('says what the file system says', () => {
    const folder = temporary()
    writeFileSync(join(folder, 'file'), '')
    expect(() => new SummaryWriter(join(folder, 'file', 'run'))).toThrow('ENOTDIR')
  })
})

test('a full disk is said where one calls, and what is written stays whole', () => {
  const library = JSON.stringify(new URL('../../dist/lib/index.js', import.meta.url).href)
  const folder = temporary()
  const program = `
    import torch from ${library}
    const writer = new torch.utils.tensorboard.SummaryWriter(${JSON.stringify(folder)})
    const said = new Set()
    const attempt = (call) => { try { call() } catch ({ message }) { said.add(message) } }
    for (let i = 0; i < 30; i++) attempt(() => writer.add_text(String(i), 'x'.repeat(100)))
    attempt(() => writer.close())
    console.log(...said)`
  const limited = 'ulimit -f 2; exec "$0" --input-type=module -e "$1"'
  const { stdout, stderr } = spawnSync('bash', ['-c', limited, process.execPath, program], { encoding: 'utf8' })
  expect([stdout, stderr]).toEqual(['EFBIG: file too large, write\n', ''])
  const [file] = filesOf(folder) as [string]
  const written = readFileSync(file)
  expect(written.length).toBe(2048)
  const records = recordsOf(written).slice(0, -1)
  const whole = Buffer.concat(records.map(recordOf))
  expect(written.subarray(0, whole.length).equals(whole)).toBe(true)
  const tags = records.slice(1).map((record) => (decode('Event', record) as Event).summary?.value[0]?.tag)
  expect(tags).toEqual(tags.map((_, i) => `${i}/text_summary`))
  expect(tags.length).toBeGreaterThan(5)
})

test('it says which package is missing', () => {
  const library = JSON.stringify(new URL('../../dist/lib/index.js', import.meta.url).href)
  const program = `
    import Module from 'node:module'
    import torch from ${library}
    const folder = ${JSON.stringify(temporary())}
    const resolve = Module._resolveFilename
    const without = (missing, call) => {
      Module._resolveFilename = (name, ...rest) => {
        if (name === missing) throw new Error('not found')
        return resolve(name, ...rest)
      }
      try {
        call()
      } catch ({ message }) {
        console.log(message)
      }
    }
    let writer
    const open = () => { writer = new torch.utils.tensorboard.SummaryWriter(folder) }
    without('protobufjs', open)
    without('@node-rs/crc32', open)
    without('fast-png', () => { open(); writer.add_image('x', torch.ones(3, 1, 1)) })
    writer.add_scalar('x', 1)
    writer.close()`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
  expect(stderr).toBe('')
  expect(stdout.trim().split('\n')).toEqual([
    'event files need the package protobufjs: npm install protobufjs',
    'event files need the package @node-rs/crc32: npm install @node-rs/crc32',
    'images need the package fast-png: npm install fast-png',
  ])
})

describe('when the process ends', () => {
  /** Runs a program with a writer, and gives the tags in its folder. */
  function tagsAfter(program: string): string[] {
    const folder = temporary()
    const library = JSON.stringify(new URL('../../dist/lib/index.js', import.meta.url).href)
    const head = `import torch from ${library}; const writer = new torch.utils.tensorboard.SummaryWriter(${JSON.stringify(folder)});`
    const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', head + program], { encoding: 'utf8' })
    if (!program.includes('boom')) expect(stderr).toBe('')
    return tagsOf(folder)
  }

  test('what waits is written, and no timer keeps it alive', () => {
    expect(tagsAfter(`writer.add_scalar('a', 1); writer.add_scalars('g', { b: 1 })`).sort()).toEqual(['a', 'g'])
  })
  test('threads have files of their own, and write what waits when they end', () => {
    const library = JSON.stringify(new URL('../../dist/lib/index.js', import.meta.url).href)
    const source = `Promise.all([import(${library}), import('node:worker_threads')]).then(
      ([{ default: torch }, { workerData: { name, folder } }]) => {
        new torch.utils.tensorboard.SummaryWriter(folder).add_scalar(name, 1)
      })`
    const folder = JSON.stringify(temporary())
    const program = `
      import { Worker } from 'node:worker_threads'
      for (const name of ['a', 'b', 'c']) {
        new Worker(${JSON.stringify(source)}, { eval: true, workerData: { name, folder: ${folder} } })
      }`
    const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
    expect(stderr).toBe('')
    expect(filesOf(JSON.parse(folder)).length).toBe(3)
    expect(tagsOf(JSON.parse(folder)).sort()).toEqual(['a', 'b', 'c'])
  })

  test('by process.exit', () => expect(tagsAfter(`writer.add_scalar('a', 1); process.exit(0)`)).toEqual(['a']))
  test('by an error', () => expect(tagsAfter(`writer.add_scalar('a', 1); throw new Error('boom')`)).toEqual(['a']))
})
