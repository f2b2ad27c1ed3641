// The document's section 3 as a program to work with: a recurrent network learns a text, character by character. Its
// training can be watched, stopped and resumed. examples/scratch.ts shows the model and its training in one file.
//
//   npm start                                    512 hidden values, 500 epochs, as in the document
//   npm start -- --epochs 30                     a short run
//   npm start -- --model rnn --num-hiddens 256 --num-steps 35
//   npm start -- --device cuda --graph           on a GPU, each step of training as one CUDA graph
//   npm start -- --resume out/char_lm.safetensors --epochs 600
//   npm start -- --help

import torch from 'tstorch'
import { readCheckpoint, saveCheckpoint } from './char_lm/checkpoint.js'
import { Progress } from './char_lm/progress.js'
import { checkMemory, parseCommandLine } from './char_lm/settings.js'
import { fingerprint, readText } from './char_lm/text.js'
import { trainCharLm } from './char_lm/train.js'
import { checkOutput, OutputError, outFile, pickDevice, print, runMain, UsageError } from './command.js'

/** How often the run is saved while it goes on, in epochs. */
const SAVE_EVERY = 50

/** Saves, or reports why not: a disk that is full now may have room at the end, so the training continues. */
function saveOnTheWay(save: () => void, progress: Progress): void {
  try {
    save()
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    progress.print(`${error.message}; the training goes on`)
  }
}

/** Whether what is printed goes nowhere. */
function outputIsLost(): boolean {
  try {
    checkOutput()
    return false
  } catch (error) {
    if (error instanceof OutputError) return true
    throw error
  }
}

async function main(): Promise<void> {
  const line = parseCommandLine(process.argv.slice(2))
  const device = pickDevice(line.device, line.graph)
  const from = line.resume === undefined ? undefined : readCheckpoint(line.resume)
  const settings = from?.run.settings ?? line.settings
  const text = await readText(line.text)
  if (from !== undefined && from.run.fingerprint !== fingerprint(text.content)) {
    throw new UsageError(`the checkpoint was trained on another text than ${text.name}; name its text with --text`)
  }
  if (from !== undefined && from.run.epochs >= line.epochs) {
    throw new UsageError(`the checkpoint has ${from.run.epochs} epochs already; ask for more with --epochs`)
  }
  if (device === 'cpu') checkMemory(settings)
  const checkpoint = outFile(line.checkpoint ?? line.resume ?? `${line.out}.safetensors`)
  print(`text: ${text.name}`)
  print(
    `model: ${settings.model}, ${settings.num_hiddens} hidden, batches of ${settings.batch_size} x ${settings.num_steps}, ` +
      `lr ${settings.lr}, on ${device}${line.graph ? ' as a CUDA graph' : ''} with ${torch.get_num_threads()} threads`,
  )

  let interrupted = false
  const interrupt = () => {
    if (interrupted) process.exit(130)
    interrupted = true
    progress.print('stopping after this epoch; once more to stop at once')
  }
  const progress = new Progress(from?.run.epochs ?? 0, line.epochs)
  process.on('SIGINT', interrupt)
  try {
    const { net, run, animator } = await trainCharLm({
      settings,
      text: text.content,
      epochs: line.epochs,
      device,
      graph: line.graph,
      from,
      print: (text) => progress.print(text),
      on_epoch: (net, run, result) => {
        progress.epoch(run.epochs, result)
        if (run.epochs % SAVE_EVERY === 0) saveOnTheWay(() => saveCheckpoint(checkpoint, net, run), progress)
        // Without a reader it ends as with Ctrl-C.
        return !interrupted && !outputIsLost()
      },
    }).catch((error) => {
      throw error instanceof RangeError ? new UsageError(error.message) : error
    })
    progress.stop()
    saveCheckpoint(checkpoint, net, run)
    checkOutput()
    print(`checkpoint: ${checkpoint}`)
    if (run.epochs < line.epochs) {
      const text = line.text === undefined ? '' : ` --text ${line.text}`
      print(
        `stopped after epoch ${run.epochs}; go on with: npm start -- --resume ${checkpoint} --epochs ${line.epochs}${text}`,
      )
    }
    if (run.history.X.length > 0) print(`chart: ${(await animator.save(outFile(line.out))).join(', ')}`)
    else print('no chart: it has a point every ten epochs')
  } finally {
    progress.stop()
    process.off('SIGINT', interrupt)
  }
}

void runMain(main)
