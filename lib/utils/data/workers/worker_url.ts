import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { packageRoot } from '../../../core/package_root.js'

/** The program of a worker thread, in the built package also where this runs from its sources. */
export const WORKER_URL: URL = pathToFileURL(join(packageRoot, 'dist', 'lib', 'data_worker.js'))
