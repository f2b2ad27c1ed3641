import { describeLoops } from './loops.js'

describeLoops('the main thread', 'scenarios')
