// torch.utils.benchmark
export { Colorize, Compare } from './compare.js'
export { Measurement, TaskSpec } from './measurement.js'
export { set_torch_threads, Timer, timer } from './timer.js'
export { select_unit, trim_sigfig, unit_to_english } from './units.js'
