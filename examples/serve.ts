// A model behind HTTP: requests are gathered into batches, and computed by worker threads that share one set of
// weights, so that the event loop is never blocked (docs/serving.md).
//
//   npm run serve
//   npm run serve -- --port 8080 --workers 2 --max-batch 32 --max-wait 2 --max-queue 256
//   curl localhost:8080/classify -H 'Content-Type: application/json' -d '{"signal": [0.1, ... 64 numbers]}'
//   npm run serve -- --scripted model.pt --workers 2     a TorchScript module, by its forward_async
//
// SIGTERM or Ctrl-C: what was taken is answered, then it ends; once more: at once.

import { once } from 'node:events'
import { existsSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { availableParallelism } from 'node:os'
import { Command } from 'commander'
import torch from 'tstorch'
import { isMain, outFile, positiveNumber, print, runMain, UsageError, wholeNumber } from './command.js'
import { createApp, type Run } from './serve/app.js'
import { train, WaveClassifier } from './serve/model.js'
import { Pool } from './serve/pool.js'
import { scripted } from './serve/scripted.js'

/** How long requests that were taken have to be answered once the server is to end, in milliseconds. */
const GRACE_MS = 10_000

/** The weights of a file; where there is no file yet, or none is named, new ones, which the file then has. */
function makeModel(file: string | undefined): WaveClassifier {
  if (file !== undefined && existsSync(file)) {
    const model = new WaveClassifier()
    model.load_state_dict(torch.safetensors.load_file(file))
    return model.eval()
  }
  const model = train()
  if (file !== undefined) torch.safetensors.save_file(model.state_dict(), outFile(file))
  return model
}

async function main(): Promise<void> {
  const count = (option: string, least: number) => (text: string) => wholeNumber(option, text, least)
  const wait = (text: string) => (text === '0' ? 0 : positiveNumber('--max-wait', text))
  const options = new Command('npm run serve --')
    .description('Serves a classifier of waves over HTTP, in batches.')
    .option('--host <name>', 'the address to listen on', '127.0.0.1')
    .option('--port <n>', 'the port (0: a free one)', count('--port', 0), 8080)
    .option('--workers <n>', 'worker threads', count('--workers', 1), Math.max(1, availableParallelism() - 1))
    .option('--threads <n>', 'threads of libtorch in each', count('--threads', 1), 1)
    .option('--max-batch <n>', 'requests in a batch', count('--max-batch', 1), 32)
    .option('--max-wait <ms>', 'how long a request waits for others', wait, 2)
    .option('--max-queue <n>', 'requests that wait; more get 503', count('--max-queue', 1), 256)
    .option('--weights <file>', 'where the weights are, or go (.safetensors)')
    .option('--scripted <file>', 'serve a TorchScript module instead, in threads of its own')
    .parse()
    .opts()
  const { workers, threads } = options
  let pool: Pool | undefined
  let run: Run
  if (options.scripted !== undefined) run = scripted(options.scripted, workers)
  else {
    const started = await Pool.start(makeModel(options.weights), { workers, threads })
    run = (inputs, count) => started.run(inputs, count)
    pool = started
  }
  const { server, close } = createApp(run, {
    max_batch: options.maxBatch,
    max_wait_ms: options.maxWait,
    max_queue: options.maxQueue,
    concurrency: workers,
  })

  let ending = false
  const end = async () => {
    if (ending) process.exit(1)
    ending = true
    setTimeout(() => process.exit(1), GRACE_MS).unref()
    await close()
    await pool?.close()
    process.off('SIGTERM', end).off('SIGINT', end)
  }
  process.on('SIGTERM', end).on('SIGINT', end)
  try {
    server.listen(options.port, options.host)
    await once(server, 'listening')
  } catch (error) {
    await pool?.close()
    throw new UsageError(`cannot listen on ${options.host}:${options.port}: ${(error as Error).message}`)
  }
  print(`listening on http://${options.host}:${(server.address() as AddressInfo).port}`)
}

if (isMain(import.meta.url)) void runMain(main)
