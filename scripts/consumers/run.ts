// npm run consumers: packs the package, installs it into empty projects and uses it there as its users do: by their
// loaders, compilers, bundlers, package managers and users, and with set-ups that go wrong. Prints a table of what came out.

import { Command } from 'commander'
import { environments } from './environments.js'
import { failures } from './failures.js'
import { machines } from './machines.js'
import { type Case, Skipped, World } from './world.js'

interface Options {
  only?: string
  wheel?: string
  minutes: string
  keep?: boolean
  again?: string
}

async function attempt(world: World, { name, run }: Case): Promise<[mark: string, name: string, text: string]> {
  world.server.reset()
  try {
    return ['ok', name, await run(world)]
  } catch (error) {
    if (error instanceof Skipped) return ['not tried', name, error.message]
    return ['WRONG', name, (error as Error).message]
  }
}

async function consumers({ only, wheel, minutes, keep = false, again }: Options): Promise<void> {
  const until = Date.now() + 60_000 * Number(minutes)
  const world = new World(again)
  process.once('SIGINT', () => {
    world.end(keep)
    process.exit(130)
  })
  let wrong = 0
  try {
    console.log(`| ok | npm | ${await world.start(wheel)} |`)
    for (const each of [...environments, ...machines, ...failures]) {
      if (only !== undefined && !new RegExp(only).test(each.name)) continue
      const began = Date.now()
      const [mark, name, text] =
        began < until ? await attempt(world, each) : ['not tried', each.name, `the ${minutes} minutes are over`]
      if (mark === 'WRONG') wrong++
      console.log(`| ${mark} | ${name} | ${text} | ${Math.round((Date.now() - began) / 1000)} s |`)
    }
  } finally {
    world.end(keep)
  }
  if (wrong > 0) process.exitCode = 1
}

await new Command('npm run consumers --')
  .description('tries the packed package in empty projects, as its users do')
  .option('--only <pattern>', 'those whose name matches')
  .option('--wheel <file>', "the wheel of libtorch to serve; else one is made of this machine's libtorch")
  .option('--minutes <n>', 'start none after so many minutes', '60')
  .option('--keep', 'leave the projects there')
  .option('--again <folder>', 'use what is built in a folder that was kept, with the package as it is packed now')
  .action(consumers)
  .parseAsync()
