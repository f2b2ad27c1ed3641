// Machines, folders, package managers and users that are not the usual ones.

import { chmodSync, cpSync, existsSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../../lib/core/package_root.js'
import { COMPILERS, makeNativeSmall } from './small_package.js'
import { type Case, Skipped, type World, write } from './world.js'

const MAIN = `import torch, { nn } from 'tstorch'
const linear = new nn.Linear(2, 1)
linear(torch.ones(3, 2)).sum().backward()
console.log(linear.weight.grad.tolist().join())\n`
/** The smallest program of a native part that is small. */
const NATIVE = `import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
const file = createRequire(import.meta.url).resolve('tstorch').replace('index.js', 'core/native.js')
console.log((await import(pathToFileURL(file))).native.libtorch_version)\n`

async function packing(world: World): Promise<string> {
  // A copy, in which nothing is built, of what a clone has after npm install.
  const clone = world.fresh('clone')
  for (const name of [
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'lib',
    'scripts',
    'examples',
    'test',
    'native',
    'CMakeLists.txt',
    'README.md',
    'LICENSE',
  ])
    cpSync(join(packageRoot, name), join(clone, name), { recursive: true })
  symlinkSync(join(packageRoot, 'node_modules'), join(clone, 'node_modules'))
  for (const name of COMPILERS) rmSync(join(world.tools, name), { force: true })
  try {
    await world.expect(clone, 'npm pack --silent', /tstorch-.*\.tgz/)
  } finally {
    world.restoreTools()
  }
  if (existsSync(join(clone, 'build'))) throw new Error('npm pack has built something')
  return 'npm pack, with no compiler on the machine'
}

async function gitDependency(world: World): Promise<string> {
  const project = world.fresh()
  write(project, { 'package.json': '{ "private": true }' })
  await world.expect(project, `npm install --silent "git+file://${packageRoot}"`, undefined, { limit: 600 })
  const installed = join(project, 'node_modules', 'tstorch')
  if (!existsSync(join(installed, 'dist/lib/index.js'))) throw new Error('it is not compiled')
  if (existsSync(join(installed, 'build'))) throw new Error('it has built the addon')
  makeNativeSmall(installed)
  await world.expect(project, 'npx tstorch setup', /ready: the addon loads/)
  return 'compiled by its installation, set up as one from the registry'
}

async function again(world: World): Promise<string> {
  const project = await world.project({})
  const { seconds } = await world.expect(project, 'npx tstorch setup', 'ready: nothing has changed')
  return `a second npx tstorch setup: ${seconds.toFixed(1)} s`
}

/** The steps of the Dockerfile in docs/setup.md: the first stage as this user, the last as another one, read-only. */
async function dockerfile(world: World): Promise<string> {
  const page = readFileSync(join(packageRoot, 'docs', 'setup.md'), 'utf8')
  const lines = /```dockerfile\n(.*?)```/s.exec(page)?.[1]?.split('\n') ?? []
  const context = world.fresh('context')
  write(context, {
    'package.json': JSON.stringify({ private: true, dependencies: { tstorch: `file:${world.tarball}` } }),
    'main.mjs': MAIN,
  })
  let folder = ''
  let uid: number | undefined
  let printed = ''
  const stages: string[] = []
  for (const line of lines.filter((each) => each !== '')) {
    const [, step = '', rest = ''] = /^(\w+) (.*)$/.exec(line) ?? []
    if (step === 'FROM') {
      folder = world.fresh('stage')
      stages.push(folder)
    } else if (step === 'COPY') {
      const [, from, source = '', target = ''] = /^(--from=build )?(.*) (\S+)$/.exec(rest) ?? []
      for (const name of from === undefined ? source.split(' ') : ['.'])
        cpSync(
          join(from === undefined ? context : (stages[0] as string), name),
          join(folder, target === './' ? name : '.'),
          { recursive: true, verbatimSymlinks: true },
        )
      // What the image was built from is gone.
      if (from !== undefined) rmSync(stages[0] as string, { recursive: true })
    } else if (step === 'RUN') {
      if (!rest.startsWith('apt-get')) await world.expect(folder, rest, undefined, { limit: 1800 })
    } else if (step === 'USER') {
      uid = world.otherUser ?? undefined
      await world.expect(folder, 'chmod -R a-w .')
    } else if (step === 'CMD') {
      const program = (JSON.parse(rest) as string[]).join(' ')
      printed = (
        await world.expect(folder, program, '3,3', {
          env: { HOME: '/nonexistent' },
          ...(uid === undefined ? {} : { uid }),
        })
      ).output
    } else if (step !== 'WORKDIR') throw new Error(`a step of the Dockerfile is not known here: ${line}`)
  }
  return `printed ${printed.trim()} as ${uid === undefined ? 'the same user (this is not root)' : `user ${uid}`}, read-only`
}

async function anotherUser(world: World): Promise<string> {
  const uid = world.otherUser
  if (uid === null) throw new Skipped('needs root')
  const project = await world.project({ 'main.mjs': MAIN })
  chmodSync(world.home, 0o700)
  const message = /libtorch .* was not found: EACCES.*setup --here/s
  await world.expect(project, 'node main.mjs', message, { uid, env: { HOME: '/nonexistent' } }, 1)
  const shared = world.fresh('shared')
  cpSync(join(world.home, '.cache', 'tstorch'), shared, { recursive: true })
  await world.expect(project, 'node main.mjs', '3,3', { uid, env: { HOME: '/nonexistent', TSTORCH_CACHE: shared } })
  await world.expect(
    project,
    'node node_modules/tstorch/dist/scripts/cli.js setup',
    /the package, but .* cannot be written/,
    { uid, env: { HOME: '/nonexistent', LIBTORCH: join(shared, 'libtorch-2.13.0-cpu'), CXXFLAGS: '-g' } },
    1,
  )
  return 'says what to do; runs with TSTORCH_CACHE; set-up of a package that is read-only says so'
}

async function emptyVariables(world: World): Promise<string> {
  const project = await world.installSmall()
  write(project, { 'main.mjs': NATIVE })
  const env = { HOME: '', XDG_CACHE_HOME: '', TSTORCH_CACHE: '' }
  const before = (await world.run(project, 'ls -a')).output
  // The home is then the one of the user's entry, which is not to be filled: libtorch is named.
  const named = { ...env, LIBTORCH: join(world.home, '.cache/tstorch/libtorch-2.13.0-cpu') }
  await world.expect(project, 'npx tstorch setup', /ready: the addon loads/, { env: named })
  await world.expect(project, 'node main.mjs', '2.13.0', { env })
  const after = (await world.run(project, 'ls -a')).output
  if (before.split('\n').length + 1 < after.split('\n').length || existsSync(join(project, '.cache')))
    throw new Error(`the project's folder has got more: ${after}`)
  return 'HOME, XDG_CACHE_HOME, TSTORCH_CACHE empty: nothing under the working folder'
}

async function paths(world: World): Promise<string> {
  const names = ["it's; a $path (1) größe"]
  for (const name of names) {
    const project = await world.installSmall(world.fresh(name))
    write(project, { 'main.mjs': NATIVE })
    await world.expect(project, 'npx tstorch setup --here', /ready: the addon loads/)
    await world.expect(project, 'node main.mjs', '2.13.0')
    await world.expect(project, 'npx tstorch doctor', /ok +addon/)
  }
  return names.join(', ')
}

/** Another package manager, whose installed native part is replaced by one that builds in seconds. */
async function pnpm(world: World): Promise<string> {
  const project = world.fresh()
  write(project, { 'package.json': '{ "private": true }', 'main.mjs': NATIVE })
  const run = 'npx -y pnpm@10'
  await world.expect(project, `${run} add "${world.tarball}"`)
  makeNativeSmall(join(project, 'node_modules', 'tstorch'))
  await world.expect(project, `${run} exec tstorch setup`, /ready: the addon loads/)
  await world.expect(project, 'node main.mjs', '2.13.0')
  return (await world.run(project, `${run} --version`)).output.trim()
}

async function yarn(world: World): Promise<string> {
  const project = world.fresh()
  const run = 'npx -y -p @yarnpkg/cli-dist@4 yarn'
  const env = {
    YARN_NPM_REGISTRY_SERVER: world.registry.replace(/\/$/, ''),
    YARN_ENABLE_TELEMETRY: '0',
    YARN_UNSAFE_HTTP_WHITELIST: new URL(world.registry).hostname,
    YARN_ENABLE_IMMUTABLE_INSTALLS: 'false',
  }
  write(project, {
    'package.json': JSON.stringify({
      name: 'consumer',
      private: true,
      dependencies: { tstorch: `file:${world.tarball}` },
    }),
    'main.mjs': NATIVE,
    'yarn.lock': '',
  })
  await world.expect(project, `${run} install`, undefined, { env })
  if (!existsSync(join(project, '.pnp.cjs'))) throw new Error("it did not install by Plug'n'Play")
  const where = await world.expect(project, `${run} node -p "require.resolve('tstorch/package.json')"`, undefined, {
    env,
  })
  const installed = /\/.*package\.json$/m.exec(where.output)?.[0] ?? ''
  if (installed.includes('.zip/')) throw new Error(`the package is in an archive: ${installed}`)
  makeNativeSmall(join(installed, '..'))
  await world.expect(project, `${run} tstorch setup`, /ready: the addon loads/, { env })
  await world.expect(project, `${run} node main.mjs`, '2.13.0', { env })
  return `${(await world.run(project, `${run} --version`, { env })).output.trim()}, Plug'n'Play`
}

export const machines: Case[] = [
  { name: 'npm pack', run: packing },
  { name: 'git dependency', run: gitDependency },
  { name: 'set up twice', run: again },
  { name: 'Dockerfile', run: dockerfile },
  { name: 'another user', run: anotherUser },
  { name: 'empty variables', run: emptyVariables },
  { name: 'delicate path', run: paths },
  { name: 'pnpm', run: pnpm },
  { name: 'yarn', run: yarn },
]
