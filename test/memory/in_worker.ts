// Runs a scenario in a worker thread of a process whose main thread does nothing.

import { Worker } from 'node:worker_threads'

const worker = new Worker(new URL('./scenarios.js', import.meta.url), { workerData: process.argv[2] })
worker.on('message', (measured) => console.log(JSON.stringify(measured)))
