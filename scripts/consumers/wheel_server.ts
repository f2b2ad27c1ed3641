// A server of wheels on this machine, which can fail in the ways that servers and networks do.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

const PLATFORMS: Record<string, string> = {
  'linux-x64': 'manylinux_2_28_x86_64',
  'linux-arm64': 'manylinux_2_28_aarch64',
  'darwin-arm64': 'macosx_11_0_arm64',
}

export class WheelServer {
  /** What TSTORCH_WHEEL_INDEX names. */
  index = ''
  /** The Range headers of the requests of wheels, in order; '' where there was none. */
  requests: string[] = []
  /** Whether parts of files can be asked for. */
  ranges = true
  /** After so many bytes of an answer the connection ends. */
  cutAfter = Number.POSITIVE_INFINITY
  /** So many answers are cut; the later ones are whole. */
  cuts = Number.POSITIVE_INFINITY
  /** After so many bytes nothing more comes. */
  stallAfter = Number.POSITIVE_INFINITY

  private readonly wheel: Buffer
  private readonly sha256: string
  private readonly server = createServer((request, response) => this.answer(request, response))

  constructor(
    wheel: string,
    private readonly version: string,
  ) {
    this.wheel = readFileSync(wheel)
    this.sha256 = createHash('sha256').update(this.wheel).digest('hex')
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve))
    this.index = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/whl`
    return this
  }

  stop(): void {
    this.server.closeAllConnections()
    this.server.close()
  }

  /** Forgets what was asked, and how to fail. */
  reset(): void {
    const infinity = Number.POSITIVE_INFINITY
    Object.assign(this, { requests: [], ranges: true, cutAfter: infinity, cuts: infinity, stallAfter: infinity })
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    if (!request.url?.endsWith('.whl')) {
      const local = process.platform === 'darwin' ? '' : '%2Bcpu'
      const name = `torch-${this.version}${local}-cp311-cp311-${PLATFORMS[`${process.platform}-${process.arch}`]}.whl`
      response.end(`<a href="/files/${name}#sha256=${this.sha256}">torch</a>`)
      return
    }
    const range = request.headers.range ?? ''
    this.requests.push(range)
    const from = this.ranges ? Number(/^bytes=(\d+)-$/.exec(range)?.[1] ?? 0) : 0
    const data = this.wheel.subarray(from)
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': data.length })
    const cut = this.requests.length <= this.cuts ? this.cutAfter : Number.POSITIVE_INFINITY
    const sent = Math.min(data.length, cut, this.stallAfter)
    response.write(data.subarray(0, sent), () => {
      if (sent === data.length) response.end()
      else if (cut === sent) response.destroy()
    })
  }
}
