// The loaders of scripts/reference/data_loader.py, and what they give.

import torch, { type Tensor } from '../../../lib/index.js'
import type { LoaderOptions } from '../../../lib/utils/data/dataloader.js'
import { fixture } from '../../helpers.js'
import { DATASETS, type SamplerSpec, samplerOf } from './datasets.js'
import { type Written, written } from './values.js'

const { DataLoader, DistributedSampler } = torch.utils.data

interface Epoch {
  batches: Written[]
  /** Numbers drawn after it from the default generator and from the loader's own. */
  drawn: number[]
}

export interface LoaderCase {
  dataset: string
  n: number
  sampler: SamplerSpec
  batch_sampler: SamplerSpec
  seed: number
  generator: number | null
  options: LoaderOptions
  /** By the number of workers. */
  results: Record<string, { length: number | null; epochs: Epoch[] }>
}

export type Outcome<T> = { gives: T } | { error: string; message: string }

export const cases = fixture<{
  loaders: LoaderCase[]
  samplers: { sampler: SamplerSpec; n: number; seed: number; length: number; passes: unknown[]; drawn: number }[]
  splits: ({ n: number; lengths: number[]; seed: number } & Outcome<{
    generator: number[][]
    default: number[][]
    drawn: number
  }>)[]
  collated: ({ batch: Written } & Outcome<Written>)[]
  converted: { sample: Written; gives: Written }[]
  loader_errors: ({ dataset: string; options: LoaderOptions } & Outcome<Written[]>)[]
  sampler_errors: ({ sampler: SamplerSpec } & Outcome<unknown>)[]
  dataset_errors: ({ name: string } & Outcome<unknown>)[]
}>('data_loader.json')

export const nameOf = ({ dataset, n, sampler, batch_sampler, seed, generator, options }: LoaderCase): string =>
  JSON.stringify({ dataset, n, sampler, batch_sampler, seed, generator, ...options })

const drawnFrom = (generator: torch.Generator | null): number =>
  (torch.randint(10 ** 6, [], { generator }) as Tensor).item()

/** A case's loader, its own generator and what to do before each epoch, after the case's seed was set. */
export function prepare(spec: LoaderCase, num_workers: number) {
  torch.manual_seed(spec.seed)
  const generator = spec.generator === null ? null : new torch.Generator().manual_seed(spec.generator)
  const dataset = DATASETS[spec.dataset]?.(spec.n) as never
  const sampler = samplerOf(spec.sampler, dataset, generator)
  const batch_sampler = samplerOf(spec.batch_sampler, dataset, generator)
  const loader = new DataLoader(dataset, { ...spec.options, sampler, batch_sampler, generator, num_workers })
  const before = (epoch: number) => {
    if (sampler instanceof DistributedSampler) sampler.set_epoch(epoch)
  }
  const after = () => [drawnFrom(null), ...(generator === null ? [] : [drawnFrom(generator)])]
  return { loader, before, after }
}

/** What the reference script writes of a case. With workers that need not keep the order, batches are sorted. */
export async function run(spec: LoaderCase, num_workers: number, is_async: boolean) {
  const { loader, before, after } = prepare(spec, num_workers)
  const epochs: Epoch[] = []
  for (let epoch = 0; epoch < 3; epoch++) {
    before(epoch)
    const batches: Written[] = []
    if (is_async) for await (const batch of loader) batches.push(written(batch))
    else for (const batch of loader) batches.push(written(batch))
    epochs.push({ batches, drawn: after() })
  }
  return epochs
}
