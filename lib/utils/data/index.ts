// torch.utils.data
export { BatchSampler } from './batch_sampler.js'
export { type Collated, type Converted, default_collate, default_convert } from './collate.js'
export { DataLoader, type LoaderOptions } from './dataloader.js'
export { type AnyDataset, ChainDataset, ConcatDataset, Dataset, IterableDataset, type SampleOf } from './dataset.js'
export * as distributed from './distributed_sampler.js'
export { DistributedSampler } from './distributed_sampler.js'
export type { AsyncLoaderIterator, LoaderIterator } from './loader_iterator.js'
export { random_split } from './random_split.js'
export {
  RandomSampler,
  Sampler,
  SequentialSampler,
  SubsetRandomSampler,
  WeightedRandomSampler,
} from './sampler.js'
export type { Sized } from './sized.js'
export { StackDataset } from './stack_dataset.js'
export { Subset } from './subset.js'
export { TensorDataset } from './tensor_dataset.js'
export { get_worker_info, type WorkerInfo } from './worker_info.js'
