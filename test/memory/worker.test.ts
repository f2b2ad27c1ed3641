import { describeLoops } from './loops.js'

describeLoops('a worker thread', 'in_worker')
